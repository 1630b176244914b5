// While the time of a schedule is typed, the page shows when it would run next.
import { ask } from "./fetching.js";
import { morphChildren, parse } from "./morph.js";

const PAUSE_MS = 300;
const NAMES = ["how", "cron", "every", "unit", "time_zone", "schedule"];
const form = document.querySelector("[data-preview]");
const area = document.querySelector("#preview");
let timer = null;
let asked = 0;

const show = async () => {
  const values = new FormData(form);
  const query = new URLSearchParams(NAMES.map((name) => [name, values.get(name) ?? ""]));
  const number = (asked += 1);
  try {
    const response = await ask(`${form.dataset.preview}?${query}`);
    // An answer that was overtaken by a later question is not shown.
    if (number === asked) morphChildren(area, parse(await response.text()).body);
  } catch {
    // What stands there stays; the form is checked when it is sent.
  }
};

form?.addEventListener("input", ({ target }) => {
  if (!NAMES.includes(target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE_MS);
});
if (form && area.querySelector("[data-empty]")) show();
