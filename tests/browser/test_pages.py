"""Every page on every screen: nothing beyond the edge, everything by keyboard, readable, in both languages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import FRENCH_OWNER, MEMBER, VIEWER, LiveSite

WIDTHS = (320, 768, 1280)
PLACES = ("/o/erables/upload/", "/o/erables/", "/preferences/", "/notices/", "/nowhere/", "run")

# The contrast of each visible text against the nearest opaque background, by the formula of WCAG 2.2.
CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color.slice(0, 3);
    }
    return rgb(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".visually-hidden, .skip, [disabled], svg, script, noscript")) continue;
    const style = getComputedStyle(element);
    const [light, dark] = [luminance(rgb(style.color).slice(0, 3)), luminance(ground(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) bad.push(`${walker.currentNode.nodeValue.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return bad;
}
"""
# What a screen reader or a keyboard would stumble over.
STUMBLES = """
() => {
  const found = [];
  const named = (element) =>
    (element.getAttribute("aria-label") || element.textContent || element.title || "").trim();
  for (const element of document.querySelectorAll("a[href], button, summary"))
    if (element.checkVisibility() && !named(element)) found.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels?.length && !field.getAttribute("aria-label")) found.push(`no label: ${field.name}`);
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) found.push(`heading level skipped: ${heading.textContent.trim()}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) found.push("not one main");
  for (const image of document.querySelectorAll("svg:not([aria-hidden=true])"))
    if (image.getAttribute("role") !== "img" || !image.getAttribute("aria-label")) found.push("svg without words");
  for (const element of document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")) {
    const box = element.getBoundingClientRect();
    const inText = element.closest("p, li.anywhere, .run-meta, .note, dd, .choice, .foot, td, h2, label");
    const isSmall = Math.min(box.width, box.height) < 24 && box.width > 1;
    if (element.checkVisibility() && isSmall && !inText && !element.closest(".skip, .drop"))
      found.push(`target below 24 px: ${element.outerHTML.slice(0, 80)}`);
  }
  const code = "[style], [onclick], script:not([src]):not([type='application/json'])";
  for (const element of document.querySelectorAll(code))
    found.push(`inline: ${element.outerHTML.slice(0, 80)}`);
  return found;
}
"""


@pytest.fixture(scope="module")
def run_path(site: LiveSite, browser: Browser) -> str:
    """The address of a completed run with findings."""
    context = browser.new_context()
    page = context.new_page()
    site.sign_in(page)
    page.goto(f"{site.url}/o/erables/upload/")
    page.set_input_files("#id_files", str(site.sample))
    page.click("[data-submit]")
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#fix")).to_be_visible(timeout=60_000)
    path = page.url.removeprefix(site.url)
    context.close()
    return path


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """A browser on a machine that likes it light or dark."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.mark.parametrize("email", [MEMBER, FRENCH_OWNER])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_scrolls_sideways(
    site: LiveSite, browser: Browser, run_path: str, width: int, email: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    site.sign_in(page, email)
    too_wide = {}
    for place in PLACES:
        page.goto(site.url + (run_path if place == "run" else place))
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            too_wide[place] = beyond
    context.close()
    assert too_wide == {}


def test_every_text_can_be_read_in_light_and_dark(
    site: LiveSite, themed: BrowserContext, run_path: str
) -> None:
    page = themed.new_page()
    page.goto(f"{site.url}/sign-in/")
    bad = {"sign-in": page.evaluate(CONTRAST)}
    site.sign_in(page)
    for place in PLACES:
        page.goto(site.url + (run_path if place == "run" else place))
        bad[place] = page.evaluate(CONTRAST)
    assert {place: texts for place, texts in bad.items() if texts} == {}


def test_every_page_is_named_labelled_and_free_of_inline_code(
    site: LiveSite, page: Page, run_path: str
) -> None:
    page.goto(f"{site.url}/sign-in/")
    found = {"sign-in": page.evaluate(STUMBLES)}
    site.sign_in(page)
    for place in PLACES[:4] + PLACES[5:]:
        page.goto(site.url + (run_path if place == "run" else place))
        found[place] = page.evaluate(STUMBLES)
    assert {place: lines for place, lines in found.items() if lines} == {}


def test_the_language_switch_keeps_the_page_and_its_filters(
    site: LiveSite, page: Page, run_path: str
) -> None:
    site.sign_in(page, VIEWER)
    page.goto(f"{site.url}{run_path}?code=all&severity=warning&q=a")
    before = page.url
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.click("button[name=language]")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url == before
    expect(page.locator("#severity")).to_have_value("warning")
    page.click("button[name=language]")
    expect(page.locator("#fix-title")).to_have_text("Ce qu’il faut corriger")


def test_a_rule_is_chosen_by_keyboard_without_loading_the_page(
    site: LiveSite, page: Page, run_path: str
) -> None:
    site.sign_in(page)
    page.goto(site.url + run_path)
    page.evaluate("window.sameDocument = true")
    second = page.locator(".rules a >> nth=1")
    title = second.locator("span").inner_text()
    second.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rule-head h3")).to_have_text(title)
    expect(page.locator(".rules a[aria-current]")).to_be_focused()
    assert page.evaluate("window.sameDocument") is True
    assert "code=" in page.url
    page.go_back()
    expect(page.locator(".rule-head h3")).not_to_have_text(title)


def test_findings_are_filtered_and_the_address_can_be_shared(
    site: LiveSite, page: Page, run_path: str
) -> None:
    site.sign_in(page)
    page.goto(f"{site.url}{run_path}?code=all")
    page.fill("#q", "Patient")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=Patient"))
    count = page.locator(".findings tbody tr[id]").count()
    assert count > 0
    page.reload()
    assert page.locator(".findings tbody tr[id]").count() == count


def test_the_chosen_theme_stays_in_this_browser(site: LiveSite, page: Page) -> None:
    page.goto(f"{site.url}/sign-in/")
    page.click("[data-theme-switch]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_menus_close_by_escape_and_give_the_focus_back(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    summary = page.locator("details.menu summary >> nth=-1")
    summary.click()
    expect(page.locator("details.menu[open]")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    expect(summary).to_be_focused()


def test_the_first_key_leads_past_the_frame(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    page.goto(f"{site.url}/o/erables/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
