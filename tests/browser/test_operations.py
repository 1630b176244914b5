"""The operations page in a browser: what one person does, another sees without a reload."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, LiveSite

STAFF = "staff@bordereau.example"
# The leader writes every five seconds; a shared machine may be slow.
PATIENCE_MS = 60_000


def operations(site: LiveSite, page: Page) -> None:
    page.goto(f"{site.url}/sign-in/?next=/admin/operations/")
    page.fill("#id_login", STAFF)
    page.fill("#id_password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/admin/operations/")
    expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)


def row(page: Page, queue: str) -> str:
    return f'[data-region="queues"] tr:has(th a:text-is("{queue}"))'


def test_a_pause_is_seen_by_whoever_has_the_page_open(site: LiveSite, page: Page, browser: Browser) -> None:
    operations(site, page)
    page.evaluate("window.sameDocument = true")
    page.click("#numbers-waiting summary")
    other = browser.new_context()
    second = other.new_page()
    operations(site, second)
    second.click(f"{row(second, 'reports')} >> text=Pause")
    second.fill("#pause [name=reason]", "The template is wrong")
    second.click("#pause button")
    expect(second.locator("text=Paused. Jobs that run go on")).to_be_visible()
    expect(page.locator(row(page, "reports"))).to_contain_text("The template is wrong", timeout=PATIENCE_MS)
    assert page.evaluate("window.sameDocument") is True
    assert page.locator("#numbers-waiting").evaluate("details => details.open") is True
    page.click(f"{row(page, 'reports')} >> text=Resume")
    expect(page.locator("text=Resumed: waiting jobs start again.")).to_be_visible()
    expect(page.locator(row(page, "reports"))).not_to_contain_text("The template is wrong")
    other.close()


def test_paused_updates_stand_still_until_they_go_on(site: LiveSite, page: Page) -> None:
    operations(site, page)
    page.click("text=Pause updates")
    expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "paused")
    stamp = page.inner_text("[data-stamp]")
    page.wait_for_timeout(6000)
    assert page.inner_text("[data-stamp]") == stamp
    page.click("text=Resume updates")
    expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    expect(page.locator("[data-stamp]")).not_to_have_text(stamp)


def test_a_lost_connection_is_said(site: LiveSite, page: Page) -> None:
    page.clock.install()
    operations(site, page)
    page.context.set_offline(True)
    page.clock.fast_forward("01:00")
    expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "stale", timeout=PATIENCE_MS)
    page.context.set_offline(False)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser whose pages may lose their connection."""
    made = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-CA")
    yield made
    made.close()
