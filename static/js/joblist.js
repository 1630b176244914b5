// The list of jobs reads itself again while it is seen; chosen jobs stay chosen, because rows are known by their job.
import { ask } from "./fetching.js";
import { morphChildren, parse } from "./morph.js";

const RATE_KEY = "bordereau-joblist-seconds";
const area = document.querySelector("[data-list]");
let timer = null;
let failures = 0;

// Browsers may refuse to keep anything, or to say what they kept; the choice then holds as long as the page.
let chosenRate = 5;
try {
  chosenRate = Number(localStorage.getItem(RATE_KEY) ?? 5);
} catch {
  // The choice begins anew.
}
const rate = () => chosenRate;
const keepRate = (value) => {
  chosenRate = Number(value);
  try {
    localStorage.setItem(RATE_KEY, value);
  } catch {
    // It holds as long as the page.
  }
};
const boxes = () => [...area.querySelectorAll('input[name="_selected_action"]')];

// What depends on this browser, and is not in what the server sends.
const dress = () => {
  const chosen = boxes().filter((box) => box.checked).length;
  for (const button of area.querySelectorAll("[data-needs-chosen]")) button.disabled = chosen === 0;
  const count = area.querySelector("[data-chosen-count]");
  if (count) count.textContent = chosen ? String(chosen) : "";
  const all = area.querySelector("[data-all]");
  if (all) {
    all.checked = chosen > 0 && chosen === boxes().length;
    all.indeterminate = chosen > 0 && chosen < boxes().length;
  }
  area.querySelector("[data-live-control]").hidden = false;
  area.querySelector("[data-rate]").value = String(rate());
};

const refresh = async () => {
  try {
    const response = await ask(area.dataset.url, { patienceMs: 10_000 });
    const next = parse(await response.text()).body;
    // Not under an open list of choices, and not under a pointer that is about to press.
    if (!area.querySelector("select:focus, button:active")) morphChildren(area, next);
    failures = 0;
  } catch {
    failures += 1;
  }
  dress();
};

const plan = () => {
  clearTimeout(timer);
  if (!rate() || document.hidden) return;
  timer = setTimeout(async () => {
    await refresh();
    plan();
  }, Math.min(rate() * 1000 * 2 ** failures, 60_000));
};

area.addEventListener("change", ({ target }) => {
  if (target.matches("[data-rate]")) {
    keepRate(target.value);
    target.blur();
    plan();
  }
  if (target.matches("[data-all]")) for (const box of boxes()) box.checked = target.checked;
  dress();
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-submit]")) target.form.requestSubmit();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && rate()) refresh();
  plan();
});

dress();
plan();
