"""A billing file goes in through the page, and people read what to fix."""

import csv
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LiveSite

# A shared machine may be slow; a person would have given up.
PATIENCE_MS = 60_000


def upload(site: LiveSite, page: Page, *files: Path) -> None:
    page.goto(f"{site.url}/o/erables/upload/")
    page.set_input_files("#id_files", [str(file) for file in files])
    page.click("[data-submit]")


def variant(site: LiveSite, name: str, copies: int = 1) -> Path:
    """A file with other content than the sample, so that no test sees the other's run as the same file."""
    header, *rows = site.sample.read_bytes().splitlines(keepends=True)
    path = site.folder / name
    path.write_bytes(header + b"".join(rows[: 200 + len(name)]) * copies)
    return path


def test_the_sample_goes_in_and_its_findings_come_out(site: LiveSite, page: Page, tmp_path: Path) -> None:
    site.sign_in(page)
    upload(site, page, site.sample)
    page.wait_for_url("**/runs/*/")
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#fix")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("window.sameDocument") is True, "the final state came by a reload"
    expect(page).to_have_title("Errors to fix – facturation_mars.csv – Bordereau")
    expect(page.locator("[data-hit]")).to_have_count(1)
    page.click("summary:has-text('Download')")
    with page.expect_download() as download:
        page.click("button[value='findings-csv']")
    download.value.save_as(tmp_path / "findings.csv")
    lines = list(csv.reader((tmp_path / "findings.csv").read_text("utf-8-sig").splitlines()))
    shown = sum(int(count.replace(",", "")) for count in page.locator(".rules b").all_inner_texts())
    assert len(lines) == 1 + shown > 50


def test_progress_moves_while_the_page_is_open(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    page.add_init_script(
        """
        window.seen = new Map();
        new MutationObserver(() => {
          const percent = document.querySelector(".percent");
          if (percent && !window.seen.has(percent.textContent))
            window.seen.set(percent.textContent, Math.round(performance.now()));
        }).observe(document, { subtree: true, childList: true, characterData: true });
        """
    )
    upload(site, page, variant(site, "long.csv", copies=300))
    expect(page.locator("#fix")).to_be_visible(timeout=PATIENCE_MS)
    seen = page.evaluate("[...window.seen]")
    assert len(seen) >= 3, seen


def test_the_notice_of_an_ended_run_arrives_and_leads_to_it(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    upload(site, page, variant(site, "notice.csv"))
    expect(page.locator("#fix, .empty")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("[data-notices-count]")).to_be_visible(timeout=PATIENCE_MS)
    page.click("[data-notices]")
    page.click("main .notice bdi:has-text('notice.csv')")
    expect(page.locator("h1")).to_have_text("notice.csv")


def test_several_files_have_one_page_that_is_live_and_one_notice(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    upload(site, page, variant(site, "one.csv"), variant(site, "three.csv"))
    page.wait_for_url("**/batches/*/")
    expect(page.get_by_role("heading", name="2 files sent together")).to_be_visible()
    expect(page.locator("[data-live]")).to_be_visible()
    expect(page.locator(".runs .pill.error")).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.locator("[data-live]")).to_have_count(0)
    expect(page.locator(".verdict .is-error")).to_have_text("2")
    page.click("[data-notices]")
    page.click("main .notice:has-text('2 of 2 files have errors to fix') a")
    expect(page.get_by_role("heading", name="2 files sent together")).to_be_visible()


def test_wrong_files_are_named_before_anything_is_sent(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    (site.folder / "empty.csv").write_bytes(b"")
    (site.folder / "table.docx").write_bytes(b"PK\x03\x04")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    upload(site, page, site.folder / "empty.csv", site.folder / "table.docx")
    problems = page.locator("#problems")
    expect(problems).to_contain_text("empty.csv – The selected file is empty.")
    expect(problems).to_contain_text(
        "table.docx – The selected file must be a CSV, TSV, TXT, XLSX or ODS file."
    )
    expect(page.locator(".problems")).to_be_focused()
    expect(page).to_have_title("Error: Upload – Clinique des Érables – Bordereau")
    assert sent == []


def test_sending_can_be_cancelled(site: LiveSite, page: Page) -> None:
    site.sign_in(page)
    page.route("**/upload/", lambda route: None if route.request.method == "POST" else route.continue_())
    upload(site, page, variant(site, "slow.csv"))
    page.click("[data-stop]")
    expect(page.locator("#upload [data-say]")).to_have_text("Sending was cancelled. Nothing was stored.")
    expect(page.locator("[data-submit]")).to_be_enabled()


def test_without_scripts_a_file_goes_in_and_the_page_follows_it(site: LiveSite, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    site.sign_in(page)
    upload(site, page, variant(site, "plain.csv"))
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#fix")).to_be_visible(timeout=PATIENCE_MS)
    page.click(".rules a >> nth=1")
    expect(page.locator(".rules a[aria-current]")).to_have_count(1)
    expect(page.locator("[data-theme-switch]")).to_be_hidden()
    context.close()
