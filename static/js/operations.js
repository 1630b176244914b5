// The operations page: its parts become what the server says now, until the reader pauses them or hides the page.
import { live } from "./live.js";
import { morphChildren, parse } from "./morph.js";

// The leader writes statistics every few seconds; the server looks by itself at least every 25.
const STALE_MS = 40_000;
const WATCH_MS = 2_000;
// A page in the background needs no numbers.
const HIDDEN_MS = 5_000;

const area = document.querySelector("[data-operations]");
const mark = document.querySelector("[data-live-mark]");
const text = document.querySelector("[data-live-text]");
const stamp = document.querySelector("[data-stamp]");
const button = document.querySelector("[data-live-switch]");
const say = document.querySelector("[data-say]");

let stop = null;
let heardAt = 0;
let { kind } = area.querySelector(".ops-health").dataset;
let isPaused = false;
let hideTimer = null;

const show = (state) => {
  mark.dataset.state = state;
  text.textContent = text.dataset[state];
  document.body.classList.toggle("ops-stale", state === "stale");
};

const take = (data) => {
  for (const [name, html] of Object.entries(data.regions)) {
    const region = area.querySelector(`[data-region="${name}"]`);
    if (!region) continue;
    const body = parse(html).body;
    // What the reader has opened stays open.
    for (const open of region.querySelectorAll("details[open][id]")) body.querySelector(`#${open.id}`)?.setAttribute("open", "");
    morphChildren(region, body);
  }
  stamp.textContent = data.stamp;
  heardAt = Date.now();
  show("live");
  // Only a change for better or worse is read aloud; the numbers change all the time.
  if (data.kind !== kind && say) say.textContent = data.say;
  kind = data.kind;
};

const start = () => {
  if (stop || isPaused || document.hidden) return;
  heardAt = Date.now();
  // A session that has ended is asked for again by a reload.
  stop = live(area.dataset.events, area.dataset.poll, take, { onEnd: () => location.reload() });
};

const rest = () => {
  stop?.();
  stop = null;
};

button.hidden = false;
button.addEventListener("click", () => {
  isPaused = !isPaused;
  button.textContent = isPaused ? button.dataset.go : button.dataset.stop;
  if (isPaused) {
    rest();
    show("paused");
  } else {
    start();
  }
});

document.addEventListener("visibilitychange", () => {
  clearTimeout(hideTimer);
  if (document.hidden) hideTimer = setTimeout(rest, HIDDEN_MS);
  else start();
});

setInterval(() => {
  if (stop && !document.hidden && Date.now() - heardAt > STALE_MS) show("stale");
}, WATCH_MS);

start();
