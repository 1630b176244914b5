"""Somebody who has never seen the site mends a file with twenty-six kinds of mistake, by what the pages say.

She has what a clerk has: the file that her program exported, and the practice's books, which tell what each line
should say. What is wrong, where, and what to do about it, only the pages tell her. `PICTURES=docs/images` keeps the
pictures of `docs/walkthrough.md`.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import FRENCH_OWNER, LiveSite
from tests.browser.test_main_job import PATIENCE_MS
from validations.engine.sample import ENCODING, LABELS, write_sample

ROWS, SEED = 320, 11
NAMES = tuple(LABELS)
NAME = "facturation_novembre.csv"
KINDS = 26
# A clerk who needs more goes than this has been led astray.
MOST_GOES = 3

Cells = dict[str, str]
Mistake = Callable[[Cells], list[str]]


def cell(name: str, wrong: str | Callable[[Cells], str]) -> Mistake:
    """A line with one wrong cell."""
    return lambda row: [line(row | {name: wrong if isinstance(wrong, str) else wrong(row)})]


def line(row: Cells) -> str:
    """The line of the file."""
    return ";".join(row[name] for name in NAMES)


MISTAKES: tuple[Mistake, ...] = (
    cell("code", ""),
    cell("code", "15840"),
    cell("record_id", "1,77E+10"),
    cell("invoice_number", lambda row: row["invoice_number"][:8]),
    cell("service_date", "2026-02-30"),
    cell("service_date", lambda row: "2062" + row["service_date"][4:]),
    cell("start_time", "9h75"),
    cell("end_time", "06:10"),
    cell("place", "50173"),
    cell("place", lambda row: row["place"][:3]),
    cell("context", "G160,STARX"),
    cell("units", "trois"),
    cell("amount", lambda row: row["amount"].replace(",", ".")),
    cell("amount", "2275000,00"),
    cell("amount_paid", "999,99"),
    cell("patient", lambda row: row["patient"][:6] + "13" + row["patient"][8:]),
    cell("invoice_number", lambda row: f'="{row["invoice_number"]}"'),
    cell("agency", lambda row: f"{row['agency']}\0"),
    lambda row: [line(row).replace(";", "", 1)],
    lambda row: [line(row | {"patient": row["patient"].replace(", ", ";")})],
    lambda row: [line(row), ""],
    lambda row: [line(row), line(row)],
    lambda row: [line(row | {"patient": row["patient"] + '"'})],
    lambda row: [line(row), line(dict.fromkeys(NAMES, "") | LABELS)],
    lambda row: [line(row).replace(";", ",")],
    cell("end_time", lambda row: f"{int(row['end_time'][:2]) + 1:02d}:40"),
)


@dataclass(slots=True)
class Books:
    """What the practice knows: every line as it should be."""

    rows: list[Cells]

    @classmethod
    def write(cls, folder: Path) -> "Books":
        """Made-up books of one provider."""
        path = folder / "books.csv"
        write_sample(path, ROWS, 0.0, SEED, today=date.today())  # noqa: DTZ011 -- the day of this machine
        with path.open(encoding=ENCODING, newline="") as stream:
            _header, *lines = csv.reader(stream, delimiter=";")
        return cls([dict(zip(NAMES, cells, strict=True)) for cells in lines])

    def export(self, mistakes: tuple[Mistake, ...] = MISTAKES) -> bytes:
        """The file that the billing program made of them, each mistake in a visit of its own."""
        lines, to_come = [line(dict(LABELS))], iter(mistakes)
        invoices = [row["invoice_number"] for row in self.rows]
        alone = {invoice for invoice in invoices if invoices.count(invoice) == 1}
        for number, row in enumerate(self.rows):
            is_visit = row["invoice_number"] in alone and row["start_time"] and "é" in row["patient"]
            mistake = next(to_come, None) if is_visit and number > 3 else None
            lines += mistake(row) if mistake else [line(row)]
        assert next(to_come, None) is None, "more mistakes than visits"
        return "".join(f"{text}\r\n" for text in lines).encode(ENCODING)

    def meant(self, text: str) -> Cells:
        """The line of the books that a line of the file stands for: the one it has most in common with."""
        there = set(re.split("[;,]", text))
        return max(self.rows, key=lambda row: len(there & set(row.values())))


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says of one finding."""

    code: str
    line: int | None
    column: int | None
    text: str
    fix: str


@dataclass(slots=True)
class Clerk:
    """Somebody at the site, with her books."""

    page: Page
    books: Books

    def read(self) -> list[Said]:
        """Each finding, rule by rule, as the page tells it; for every rule it has to say what to do."""
        found = []
        rules = [link.get_attribute("href") or "" for link in self.page.locator(".rules a").all()]
        for address in rules:
            self.page.goto(self.page.url.split("?")[0].split("#")[0] + address)
            code = self.page.locator(".rule-head code").inner_text()
            fix = self.page.locator(".rule-head .fix").inner_text()
            assert len(fix) > 30, code
            found += [
                said(code, fix, row)
                for row in self.page.locator("[data-rows] > tbody > tr:not(.context)").all()
            ]
        return found

    def mended(self, lines: list[str], found: list[Said]) -> list[str]:
        """The lines of the file after she has done to them what the page says."""
        made, gone = list(lines), set()
        times = Counter(finding.line for finding in found)
        for finding in found:
            if finding.line is None:
                continue
            place, others = finding.line - 1, re.findall(r"on line (\d+)", finding.text)
            if "Remove the line" in finding.fix or "Remove the second line" in finding.fix:
                gone.add(place)
            elif finding.column is None or others or times[finding.line] > 3:
                # A line in pieces she types anew; where two lines contradict each other, she looks both of them up.
                for wrong in (place, *(int(number) - 1 for number in others)):
                    made[wrong] = line(self.books.meant(lines[wrong]))
            else:
                cells = made[place].split(";")
                cells[finding.column] = self.books.meant(lines[place])[NAMES[finding.column]]
                made[place] = ";".join(cells)
        return [text for place, text in enumerate(made) if place not in gone]


def said(code: str, fix: str, row: Locator) -> Said:
    """What a row of the table of findings says; where it speaks of a line, the line."""
    cells = [text.strip() for text in row.locator("td").all_inner_texts()]
    assert len(cells[3]) > 15, (code, cells)
    letter = row.locator(".letter").first
    column = ord(letter.inner_text()) - ord("A") if letter.count() else None
    number = "".join(re.findall(r"\d", cells[0]))
    return Said(code, int(number) if number else None, column, cells[3], fix)


def picture(page: Page, name: str) -> None:
    """Keep what the page shows now, where pictures are wanted."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"walkthrough-{name}.png")


def test_somebody_new_mends_a_file_by_what_the_pages_say(
    site: LiveSite, page: Page, browser: Browser, tmp_path: Path
) -> None:
    books, path = Books.write(tmp_path), tmp_path / NAME
    path.write_bytes(books.export())
    clerk = Clerk(page, books)
    site.sign_in(page)
    page.goto(f"{site.url}/o/erables/upload/")
    send(page, path, "upload")
    first = page.url
    picture(page, "result")
    found = clerk.read()
    assert len({finding.code for finding in found}) >= KINDS
    page.goto(f"{first}?code=time-order&severity=error#fix")
    expect(page.locator("[data-hit]")).to_be_visible()
    picture(page, "finding")
    assert_said_in_french_too(site, browser, first, found)

    # What the site proposes, she accepts; the rest is for her to know.
    page.get_by_role("link", name="See the fixes").click()
    page.get_by_role("button", name="Accept all safe fixes").click()
    picture(page, "fixes")
    page.get_by_role("button", name="Check the corrected file").click()
    expect(page.locator("#fix")).to_be_visible(timeout=PATIENCE_MS)
    page.click("summary:has-text('Download')")
    picture(page, "downloads")
    with page.expect_download() as download:
        page.get_by_role("button", name="The corrected file").click()
    lines = Path(download.value.path()).read_bytes().decode(ENCODING).split("\r\n")[:-1]
    for go in range(MOST_GOES):
        lines = clerk.mended(lines, clerk.read())
        path.write_bytes("".join(f"{text}\r\n" for text in lines).encode(ENCODING))
        page.get_by_role("link", name="Send the corrected file").click()
        send(page, path, "" if go else "again")
        if page.get_by_role("heading", name="Nothing to fix").count():
            break
    expect(page.get_by_role("heading", name="Nothing to fix")).to_be_visible()
    picture(page, "clean")
    # The quotation mark inside a value is told and then written as CSV wants it; it stays a part of the value.
    assert path.read_bytes().replace(b'"', b"") == books.export(mistakes=())
    page.get_by_role("link", name="See what has changed").click()
    page.select_option("#with", first.split("/runs/")[1].split("/")[0])
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".changes tbody tr").nth(KINDS - 1)).to_be_visible()
    picture(page, "changes")


def send(page: Page, path: Path, name: str) -> None:
    """Choose the file, send it, and wait for what was found."""
    page.set_input_files("#id_files", str(path))
    if name:
        picture(page, name)
    page.click("[data-submit]")
    page.wait_for_url("**/runs/*/")
    expect(page.locator("#fix, .empty")).to_be_visible(timeout=PATIENCE_MS)


def assert_said_in_french_too(site: LiveSite, browser: Browser, address: str, found: list[Said]) -> None:
    """Every finding is told in the same place to somebody who reads French, on a phone, and in other words."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="fr-CA", color_scheme="dark")
    page = context.new_page()
    site.sign_in(page, FRENCH_OWNER)
    page.goto(address)
    picture(page, "phone")
    told = Clerk(page, Books([])).read()
    assert [(one.code, one.line, one.column) for one in told] == [
        (one.code, one.line, one.column) for one in found
    ]
    assert [
        one for one, other in zip(told, found, strict=True) if other.text == one.text or other.fix == one.fix
    ] == []
    context.close()
