"""An operator follows jobs and acts on them; open pages show it without being loaded again."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import LiveSite

# For what a worker has to do first; this machine may be busy.
PATIENCE_MS = 30_000


def mark(page: Page) -> None:
    """Leave something that a second load would take away."""
    page.evaluate("window.isFirstLoad = true")


def is_first_load(page: Page) -> bool:
    return bool(page.evaluate("window.isFirstLoad === true"))


def test_a_running_job_is_followed_cancelled_and_seen_to_end_on_its_open_page(
    site: LiveSite, page: Page, tmp_path: Path
) -> None:
    site.sign_in_as_staff(page)
    job = site.enqueue("dawdle", path=str(tmp_path / "out"), seconds=90)
    page.goto(f"{site.url}/admin/jobs/job/{job}/change/")
    mark(page)
    state = page.locator('[data-key="head"]')
    expect(state).to_contain_text("Running", timeout=PATIENCE_MS)
    expect(state).to_contain_text("Last sign of life", timeout=PATIENCE_MS)
    expect(page.locator('[data-key="timeline"]')).to_contain_text("A worker took it")

    other = page.context.new_page()
    other.goto(f"{site.url}/admin/jobs/job/{job}/change/")
    other.get_by_role("button", name="Cancel", exact=True).click()
    other.fill("input[name=reason]", "asked by phone")
    other.get_by_role("button", name="Cancel", exact=True).click()
    other.wait_for_url("**/change/")

    timeline = page.locator('[data-key="timeline"]')
    expect(timeline).to_contain_text("Cancellation was asked for", timeout=PATIENCE_MS)
    expect(timeline).to_contain_text("staff@bordereau.example")
    expect(state).to_contain_text("Cancelled", timeout=PATIENCE_MS)
    assert is_first_load(page)

    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator('[data-key="head"]')).to_contain_text("Running", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator('[data-key="head"]')).to_contain_text("Cancelled", timeout=PATIENCE_MS)


def test_the_list_refreshes_itself_and_keeps_what_was_chosen(
    site: LiveSite, page: Page, tmp_path: Path
) -> None:
    site.sign_in_as_staff(page)
    first = site.enqueue("refuse")
    page.goto(f"{site.url}/admin/jobs/job/?task=probe.refuse")
    mark(page)
    page.locator("[data-rate]").select_option("2")
    row = page.locator(f'tr[data-key="{first}"]')
    expect(row).to_contain_text("Failed", timeout=PATIENCE_MS)
    row.locator("input[type=checkbox]").check()
    second = site.enqueue("refuse")
    expect(page.locator(f'tr[data-key="{second}"]')).to_be_visible(timeout=PATIENCE_MS)
    expect(row.locator("input[type=checkbox]")).to_be_checked()
    expect(page.locator(f'tr[data-key="{second}"] input[type=checkbox]')).not_to_be_checked()
    expect(page.locator("[data-chosen-count]")).to_have_text("1")
    assert is_first_load(page)
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.locator("body")).to_contain_text("1 job changed.")


def test_an_action_that_cannot_be_taken_says_why_to_the_keyboard_too(site: LiveSite, page: Page) -> None:
    site.sign_in_as_staff(page)
    job = site.enqueue("empty")
    page.goto(f"{site.url}/admin/jobs/job/{job}/change/")
    expect(page.locator('[data-key="head"]')).to_contain_text("Succeeded", timeout=PATIENCE_MS)
    button = page.get_by_role("button", name="Cancel", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    reason = page.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(reason).to_be_hidden()
    button.focus()
    expect(reason).to_be_visible()
    expect(reason).to_have_text("It has ended already.")
