"""A schedule is typed, previewed, saved and run by a person in a browser, on a site with a real worker."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import LiveSite


def test_a_schedule_is_previewed_while_it_is_typed_and_runs_when_it_is_told_to(
    site: LiveSite, page: Page
) -> None:
    site.sign_in_as_staff(page)
    page.goto(f"{site.url}/admin/jobs/schedule/")
    page.click("text=New schedule")
    page.click("text=Delete files whose run has ended")
    preview = page.locator("#preview")
    page.fill("input[name=name]", "Sweep twice")
    page.fill("input[name=time_zone]", "America/Montreal")
    page.fill("input[name=cron]", "30 2 * *")
    expect(preview).to_contain_text("five fields")
    page.fill("input[name=cron]", "30 2 * * *")
    expect(preview).to_contain_text("At 02:30")
    expect(preview.locator("li")).to_have_count(5)
    # The field of the other way is out of sight, and comes with its choice.
    expect(page.locator("input[name=every]")).to_be_hidden()
    page.check("input[name=how][value=interval]")
    expect(page.locator("input[name=cron]")).to_be_hidden()
    page.fill("input[name=every]", "90")
    expect(preview).to_contain_text("Every 90 minutes")
    page.click("text=Add schedule")
    expect(page.locator("text=The schedule is saved.")).to_be_visible()
    page.click("text=Run now")
    expect(page.locator("text=is on its way")).to_be_visible()
    for _look in range(60):
        if page.locator(".sc-runs >> text=Succeeded").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".sc-runs >> text=Succeeded")).to_have_count(1)


def test_pausing_asks_why_and_says_so_on_the_list(site: LiveSite, page: Page) -> None:
    site.sign_in_as_staff(page)
    page.goto(f"{site.url}/admin/jobs/schedule/")
    page.click("text=Sweep files")
    page.click("text=Pause…")
    page.fill("#pause-reason", "The disk is being moved")
    page.click("button[value=pause]")
    expect(page.locator("text=The schedule is paused.")).to_be_visible()
    page.goto(f"{site.url}/admin/jobs/schedule/?state=paused")
    expect(page.locator("text=The disk is being moved")).to_be_visible()
    page.click("button:has-text('Resume')")
    expect(page.locator("text=The schedule goes on.")).to_be_visible()
