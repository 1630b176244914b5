"""A clerk looks through findings, accepts a fix, has the corrected file checked, and sees what has changed."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LiveSite
from tests.browser.test_main_job import PATIENCE_MS, upload, variant


def checked(site: LiveSite, page: Page, name: str) -> str:
    """The address of a completed run of a file with decimal points in its amounts."""
    path = with_points(variant(site, name))
    site.sign_in(page)
    upload(site, page, path)
    expect(page.get_by_role("heading", name="What to fix")).to_be_visible(timeout=PATIENCE_MS)
    return page.url.split("?")[0].split("#")[0]


def with_points(path: Path) -> Path:
    """The file, every tenth row with a point in its amounts where a comma belongs."""
    header, *rows = path.read_bytes().splitlines(keepends=True)
    changed = [
        re.sub(rb"(?<=;\d\d),(?=\d\d;)", b".", row) if n % 10 == 3 else row for n, row in enumerate(rows)
    ]
    path.write_bytes(header + b"".join(changed))
    return path


def test_filters_narrow_the_findings_and_can_be_taken_off(site: LiveSite, page: Page) -> None:
    address = checked(site, page, "filters.csv")
    page.goto(f"{address}?code=all")
    page.get_by_role("link", name="By column").click()
    expect(page.get_by_role("region", name="Findings by column").first).to_be_visible()
    page.locator("[data-swap-area] .counts th a").first.click()
    expect(page).to_have_url(re.compile(r"column=\d+"))
    expect(page.get_by_role("list", name="Filters in force").get_by_role("link")).to_have_count(1)
    page.fill("#q", "no such value")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="No finding fits")).to_be_visible()
    page.get_by_role("link", name="Remove all filters").click()
    expect(page.locator("[data-rows]")).to_be_visible()


def test_rows_are_walked_opened_and_closed_by_keyboard(site: LiveSite, page: Page) -> None:
    address = checked(site, page, "keyboard.csv")
    page.goto(f"{address}?code=money-format&severity=warning&finding=0")
    links = page.locator("[data-rows] > tbody > tr > td.line > a")
    expect(page.locator("[data-rows] tr.context")).to_have_count(0)
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    expect(page.locator("[data-say]")).to_have_text(re.compile(r"Row 2 of \d+"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-rows] tr.context")).to_have_count(1)
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("[data-rows] tr.context")).to_have_count(0)


def test_an_accepted_fix_is_gone_from_the_corrected_file(site: LiveSite, page: Page) -> None:
    address = checked(site, page, "fixes.csv")
    page.goto(f"{address}?code=money-format&severity=warning")
    page.get_by_role("button", name=re.compile(r"Accept all \d+ fixes")).click()
    expect(page.get_by_text(re.compile(r"\d+ fixes accepted\."))).to_be_visible()
    expect(page.locator(".fix-one").first).to_contain_text("Fix accepted")
    page.get_by_role("button", name="Check the corrected file").click()
    expect(page.get_by_role("heading", name="fixes (corrected).csv")).to_be_visible()
    expect(page.get_by_role("heading", name="What to fix")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="See what has changed").click()
    row = page.locator(".changes tbody tr", has_text="Amount in the wrong form").first
    expect(row.locator("td").nth(0)).not_to_have_text("0")
    expect(row.locator("td").nth(2)).to_have_text("0")


def test_the_fixes_page_works_without_a_script(site: LiveSite, browser: Browser, page: Page) -> None:
    address = checked(site, page, "plain.csv")
    state = page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state, locale="en-CA")
    plain = context.new_page()
    plain.goto(f"{address}fixes/")
    plain.get_by_role("button", name="Accept all safe fixes").click()
    expect(plain.get_by_text(re.compile(r"\d+ fixes accepted\."))).to_be_visible()
    expect(plain.get_by_role("button", name="Check the corrected file")).to_be_visible()
    context.close()
