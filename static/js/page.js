// Pages of runs: parts that change by themselves, and parts that change without loading the whole page.
import { live } from "./live.js";
import { morphChildren, parse } from "./morph.js";

const SAY_EVERY_MS = 5000;
let saidAt = 0;
let said = "";

const announce = (text, { now = false } = {}) => {
  // Looked up each time: the end of a run replaces the page.
  const say = document.querySelector("[data-say]");
  if (!say || !text || text === said) return;
  if (!now && Date.now() - saidAt < SAY_EVERY_MS) return;
  saidAt = Date.now();
  said = text;
  say.textContent = text;
};

// --- Live parts -------------------------------------------------------------------------------------------

const showEnd = async () => {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) {
    location.reload();
    return;
  }
  const page = parse(await response.text());
  const main = document.querySelector("main");
  const heldFocus = main.contains(document.activeElement);
  main.replaceChildren(...[...page.querySelector("main").childNodes].map((node) => document.importNode(node, true)));
  document.title = page.title;
  if (heldFocus) main.focus({ preventScroll: true });
};

const follow = (area) => {
  const stop = live(area.dataset.events, area.dataset.poll, (data) => {
    if (data.html) morphChildren(area, parse(data.html).body);
    if (data.title) document.title = data.title;
    announce(data.say, { now: data.done });
    if (!data.done) return;
    stop?.();
    if (area.dataset.live === "page") showEnd();
  });
};

for (const area of document.querySelectorAll("[data-live]")) if (area.dataset.live) follow(area);

// --- The explorer: links and filters load only their own part -----------------------------------------------

let loading;

const swap = async (address, { remember = true } = {}) => {
  const url = new URL(address, location.href);
  loading?.abort();
  loading = new AbortController();
  const area = document.querySelector("[data-swap-area]");
  area.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { signal: loading.signal, headers: { Accept: "text/html" } });
    const next = parse(await response.text()).querySelector("[data-swap-area]");
    if (!response.ok || !next) throw new TypeError("no such part");
    const focused = document.activeElement?.closest?.("[data-swap-area] [href], [data-swap-area] [name]");
    const mark = focused && { href: focused.getAttribute("href"), name: focused.getAttribute("name"), text: focused.textContent };
    const scrolled = area.querySelector(".rules")?.scrollTop ?? 0;
    area.replaceWith(document.importNode(next, true));
    document.querySelector("[data-swap-area] .rules")?.scrollTo(0, scrolled);
    if (remember) history.pushState({ swap: true }, "", url);
    restoreFocus(mark, url);
    tellResult(url);
    showHit();
    showChosenRule();
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
  }
};

const restoreFocus = (mark, url) => {
  const area = document.querySelector("[data-swap-area]");
  const target = url.hash.startsWith("#finding-") ? document.querySelector(`${url.hash} a`) : null;
  const same =
    mark &&
    [...area.querySelectorAll("[href], [name]")].find((element) =>
      mark.name ? element.getAttribute("name") === mark.name : element.textContent === mark.text,
    );
  (target ?? same)?.focus({ preventScroll: true });
};

// The marked cell may lie beyond the edge of its table.
const showHit = () => {
  const hit = document.querySelector("[data-hit]");
  const box = hit?.closest(".scroll");
  if (!box) return;
  const offset = hit.getBoundingClientRect().left - box.getBoundingClientRect().left;
  box.scrollLeft += offset - box.clientWidth / 2;
};

// The chosen rule may stand far down its list: the list is scrolled to it, and the page is not moved.
const showChosenRule = () => {
  const rules = document.querySelector(".rules");
  const chosen = rules?.querySelector("[aria-current]");
  if (chosen) rules.scrollTop = chosen.offsetTop - rules.clientHeight / 2;
};

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || !link.closest("[data-swap-area]")) return;
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form || !form.closest("[data-swap-area]")) return;
  event.preventDefault();
  const url = new URL(location.href);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
  url.hash = "fix";
  swap(url);
});

// --- The explorer by keyboard: arrows or j and k go from row to row, Enter opens a row, Escape closes it -----------

const texts = () => document.querySelector("[data-texts]")?.dataset ?? {};
const rowLinks = () => [...document.querySelectorAll("[data-rows] > tbody > tr > td.line > a")];
const fill = (text, values) => text?.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

const tellResult = (url) => {
  const { opened, closed, loaded } = texts();
  const finding = url.searchParams.get("finding");
  const total = document.querySelector("[data-swap-area] .view-row .count")?.textContent;
  announce(finding === "0" ? closed : finding ? opened : fill(loaded, { total }), { now: true });
};

const moveBy = (step, event) => {
  const links = rowLinks();
  if (!links.length) return;
  const now = links.indexOf(document.activeElement);
  const next = now < 0 ? links.findIndex((link) => link.getAttribute("aria-current")) : now + step;
  const link = links[Math.min(Math.max(next, 0), links.length - 1)];
  event.preventDefault();
  link.focus();
  link.closest("tr").scrollIntoView({ block: "nearest" });
  announce(fill(texts().row, { n: links.indexOf(link) + 1, total: links.length }), { now: true });
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest("input, select, textarea, summary, .menu, [contenteditable]")) return;
  const isInRows = event.target.closest("[data-rows]") || event.target.closest(".wide-rows");
  if (event.key === "Escape") {
    const close = document.querySelector("[data-rows] [data-close]");
    const open = document.querySelector("[data-rows] tr.is-open td.line a");
    if (!close) return;
    open?.focus({ preventScroll: true });
    swap(close.href);
  } else if (STEPS[event.key] && (isInRows || event.key.length === 1)) moveBy(STEPS[event.key], event);
});

addEventListener("popstate", () => {
  if (document.querySelector("[data-swap-area]")) swap(location.href, { remember: false });
});

showHit();
showChosenRule();
