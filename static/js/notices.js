// The bell of the frame: its number follows the inbox, and a new notice is read aloud without taking the focus.
//
// Browsers open six connections to a site that speaks HTTP/1.1. So one page holds the stream for all of a person's
// open pages and passes on what it hears; when it is closed, another one takes its place.
import { live } from "./live.js";

const bell = document.querySelector("[data-notices]");
const news = document.querySelector("[data-notices-news]");
const more = document.querySelector("[data-notices-more]");
// What came in before the page was made is in its number already, and is no news.
let newestAt = Date.parse(bell.dataset.at);

const show = (state) => {
  bell.querySelector("[data-notices-label]").textContent = state.label;
  const count = bell.querySelector("[data-notices-count]");
  count.textContent = state.unread > 99 ? "99+" : String(state.unread);
  count.hidden = state.unread === 0;
};

const tell = ({ newest }) => {
  if (!newest || Date.parse(newest.created_at) <= newestAt) return;
  newestAt = Date.parse(newest.created_at);
  // Emptied first: the same words twice in a row would be read once.
  news.textContent = "";
  setTimeout(() => (news.textContent = `${news.dataset.prefix} ${newest.headline}`), 100);
  if (more) more.hidden = false;
};

const take = (state) => {
  show(state);
  tell(state);
};

const name = `bordereau-notices-${bell.dataset.owner}`;
const listen = (onState, options) => live(bell.dataset.events, bell.dataset.poll, onState, options);

if (navigator.locks && "BroadcastChannel" in window) {
  const others = new BroadcastChannel(name);
  others.addEventListener("message", (event) => take(event.data));
  const pass = (state) => {
    take(state);
    others.postMessage(state);
  };
  // The lock is held until the page is closed, or until the session of the page has ended.
  navigator.locks.request(name, () => new Promise((onEnd) => listen(pass, { background: true, onEnd })));
} else {
  listen(take, {});
}
