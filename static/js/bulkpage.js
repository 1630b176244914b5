// The page of a bulk action follows its work until it is done.
import { morphChildren, parse } from "./morph.js";

const area = document.querySelector("[data-bulk]");
let failures = 0;

const look = async () => {
  let done = false;
  try {
    const options = { headers: { Accept: "application/json" }, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(10_000) };
    const response = await fetch(area.dataset.url, options);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const state = await response.json();
    morphChildren(area, parse(state.html).body);
    ({ done } = state);
    failures = 0;
  } catch {
    failures += 1;
  }
  if (!done) setTimeout(look, Math.min(1000 * 2 ** failures, 30_000));
};

look();
