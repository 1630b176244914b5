// A part of an admin page that reads itself again while it is seen: `data-followed` says every how many seconds.
import { ask } from "./fetching.js";
import { morphChildren, parse } from "./morph.js";

const area = document.querySelector("[data-followed]");
let failures = 0;

const goesOn = () => !area.querySelector("[data-over]");

// Not under a form that somebody fills in, nor under a pointer that is about to press.
const isInUse = () => area.querySelector("details[open], input:focus, button:active");

const refresh = async () => {
  try {
    const response = await ask(location.href);
    const next = parse(await response.text()).querySelector("[data-followed]");
    if (next && !isInUse()) morphChildren(area, next);
    failures = 0;
  } catch {
    failures += 1;
  }
};

const plan = () => {
  if (!goesOn()) return;
  setTimeout(async () => {
    if (!document.hidden) await refresh();
    plan();
  }, Math.min(Number(area.dataset.followed) * 1000 * 2 ** failures, 60_000));
};

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && goesOn()) refresh();
});

plan();
