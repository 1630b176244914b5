// The page of a job follows it: by events at each change, and by questions while it runs, for its signs of life.
import { ask } from "./fetching.js";
import { live } from "./live.js";
import { morphChildren, parse } from "./morph.js";

const RUNNING_MS = 3_000;
const area = document.querySelector("[data-job]");
const say = document.querySelector("[data-say]");

const dress = () => {
  const copy = area.querySelector("[data-copy]");
  copy.hidden = !navigator.clipboard;
};

const take = (state) => {
  if (!state.html) return;
  morphChildren(area, parse(state.html).body);
  if (say.textContent !== state.say) say.textContent = state.say;
  dress();
};

area.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(area.querySelector("[data-note]").textContent);
  say.textContent = button.dataset.done;
  button.textContent = button.dataset.done;
});

setInterval(async () => {
  if (document.hidden || area.querySelector("[data-status]").dataset.status !== "running") return;
  try {
    const response = await ask(area.dataset.state, { accept: "application/json" });
    take(await response.json());
  } catch {
    // The events go on, and the next question comes.
  }
}, RUNNING_MS);

dress();
live(area.dataset.events, area.dataset.state, take);
