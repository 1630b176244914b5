"""Workbooks are read as tables, typed cells as the profile expects them; what may not be opened is refused in words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from tests.support.reading import cells, found, labels, params, places
from tests.support.workbooks import ODS_TYPE, ods, packed, repacked, xlsx
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Limits, Options
from validations.engine.outcome import Wanted, examine_all
from validations.engine.profile import load_profile
from validations.engine.reading import Parsed, read

HEADER = ["Facture", "Date de Service", "Début", "Montant Preliminaire", "Note"]
PROFILE = load_profile("quebec-medical")


def rows(count: int = 5) -> list[list[Any]]:
    """Rows typed as a spreadsheet keeps them."""
    return [
        [123456789 + number, date(2025, 1, number + 1), time(8, 30), 47.1 + number, "vu"]
        for number in range(count)
    ]


def opened(
    folder: Path, data: bytes, name: str = "bill.xlsx", *, profile: bool = True, **options: Any
) -> Parsed:
    """The workbook with this content, read."""
    path = folder / name
    path.write_bytes(data)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return read(path, Options(**options), work, profile=PROFILE if profile else None)


def refusal(folder: Path, data: bytes, name: str = "bill.xlsx", **options: Any) -> UnreadableFileError:
    """Why the file is not read."""
    with pytest.raises(UnreadableFileError) as caught:
        opened(folder, data, name, **options)
    assert caught.value.sentence("en")
    assert caught.value.sentence("fr")
    return caught.value


@pytest.mark.parametrize(("name", "make"), [("bill.xlsx", xlsx), ("bill.ods", ods)])
def test_typed_cells_are_written_as_the_profile_expects_them(tmp_path: Path, name: str, make: Any) -> None:
    day = [123456799, date(2025, 2, 1), "09:15", 0.1 + 0.2, "a\nb"]
    parsed = opened(tmp_path, make([HEADER, day, [123456800, date(2025, 2, 2), "", 5, None]]), name)

    assert labels(parsed) == HEADER
    assert cells(parsed) == [
        ["123456799", "2025-02-01", "09:15", "0,30", "a\nb"],
        ["123456800", "2025-02-02", "", "5,00", ""],
    ]
    assert (parsed.reading.kind, parsed.reading.header_line) == (name[-4:].strip("."), 1)
    assert not parsed.counts


def test_without_a_profile_cells_are_plain(tmp_path: Path) -> None:
    row = [1.5, datetime.combine(date(2025, 1, 2), time(8, 30)), time(8, 30, 15), True, 1e15]
    parsed = opened(tmp_path, xlsx([["a", "b", "c", "d", "e"], row, row]), profile=False)

    assert cells(parsed)[0] == ["1.5", "2025-01-02 08:30:00", "08:30:15", "true", "1000000000000000"]


def test_dates_are_written_like_the_texts_of_their_column(tmp_path: Path) -> None:
    table: list[Sequence[Any]] = [
        HEADER,
        *rows(2),
        [1, "31/12/2025", "", 1.0, ""],
        [2, "30/12/2025", "", 1.0, ""],
    ]

    assert cells(opened(tmp_path, xlsx(table)))[0][1] == "01/01/2025"


def test_a_finding_names_the_row_of_the_sheet(tmp_path: Path) -> None:
    table = [["Rapport\nde mars"], [], HEADER, *rows(2), [1, "x", "", "a\nb", ""], [], *rows(1), [], *rows(1)]
    parsed = opened(tmp_path, xlsx(table))

    assert parsed.reading.header_line == 3
    assert [line for _, line in places(parsed, "blank-row")] == [7, 9]
    assert parsed.breaks[-1][1] + parsed.reading.rows - parsed.breaks[-1][0] == 10


def test_the_header_may_be_given_by_its_row_in_the_sheet(tmp_path: Path) -> None:
    table = [["a\nb", "c", "d", "e", "f"], HEADER, *rows(4)]
    parsed = opened(tmp_path, xlsx(table), header_line=2)

    assert (labels(parsed), parsed.reading.header_line, parsed.reading.rows) == (HEADER, 2, 4)
    assert refusal(tmp_path, xlsx(table), header_line=50).params == {"line": 50}


def test_a_table_that_begins_elsewhere_keeps_the_letters_of_its_columns(tmp_path: Path) -> None:
    parsed = opened(tmp_path, xlsx([HEADER, *rows()], start=(3, 2)))

    assert [column.letter for column in parsed.reading.columns if column.label] == ["C", "D", "E", "F", "G"]
    assert "blank-header" not in parsed.counts


def test_the_largest_sheet_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    data = xlsx([["Note"], ["lisez-moi"]], [HEADER, *rows()], [])
    parsed = opened(tmp_path, data)

    assert (parsed.reading.sheet, parsed.reading.sheet_number, parsed.reading.rows) == ("Sheet2", 2, 5)
    assert params(parsed, "sheets-not-read")["count"] == 1
    assert labels(opened(tmp_path, data, sheet=1)) == ["Note"]
    assert refusal(tmp_path, data, sheet=9).code == "sheet-missing"
    assert refusal(tmp_path, data, sheet=3).code == "empty-file"


def test_cells_merged_with_the_one_above_have_its_value(tmp_path: Path) -> None:
    table = [HEADER, *rows(4)]
    parsed = opened(tmp_path, xlsx(table, merged=["A2:A4", "E4:E5"]))

    assert [row[0] for row in cells(parsed)] == ["123456789", "123456789", "123456789", "123456792"]
    assert params(parsed, "merged-cells") == {"count": 3}


@pytest.mark.parametrize("data", [xlsx([]), xlsx([], []), ods([[None]])])
def test_a01_a_workbook_of_empty_sheets_is_called_empty(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data).code == "empty-file"


GOOD = xlsx([HEADER, *rows()])
SHEET = "xl/worksheets/sheet1.xml"
CELLS = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
FAR_IN_ROW = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>'
OVER = (
    "<table:table-row{}><table:table-cell {} office:value-type='float' office:value='1'/></table:table-row>"
)
ENCRYPTED = "<manifest:manifest><manifest:encryption-data/></manifest:manifest>"

REFUSED = {
    "a bomb of zeros": (repacked(GOOD, {SHEET: CELLS.format(" " * 30_000_000)}), "workbook-limit"),
    "a bomb beside the sheets": (repacked(GOOD, {"xl/media/image1.png": b"\0" * 50_000_000}), "workbook-limit"),
    "cells at the far end": (repacked(GOOD, {SHEET: CELLS.format(FAR)}), "workbook-limit"),
    "a cell that lies about its row": (repacked(GOOD, {SHEET: CELLS.format(FAR_IN_ROW)}), "workbook-limit"),
    "rows repeated a million times": (
        ods([["a"]], tail=OVER.format(' table:number-rows-repeated="9000000"', "")),
        "workbook-limit",
    ),
    "cells repeated a million times": (
        ods([["a"]], tail=OVER.format("", 'table:number-columns-repeated="9000000"')),
        "workbook-limit",
    ),
    "a sheet in UTF-16": (repacked(GOOD, {SHEET: CELLS.format(FAR).encode("utf-16")}), "workbook-broken"),
    "a way out of the folder": (repacked(GOOD, {"../evil.xml": "x"}), "workbook-broken"),
    "macros": (repacked(GOOD, {"xl/vbaProject.bin": b"x"}), "workbook-macros"),
    "an encrypted table": (ods([HEADER], manifest=ENCRYPTED), "workbook-password"),
    "a Word document": (packed({"[Content_Types].xml": "x", "word/document.xml": "x"}), "not-a-table"),
    "an OpenDocument text": (
        packed({"mimetype": ODS_TYPE.replace("spreadsheet", "text"), "content.xml": "x"}), "not-a-table",
    ),
    "an archive of a workbook": (packed({"bill.xlsx": GOOD}), "not-a-table"),
    "half a workbook": (GOOD[: len(GOOD) // 2], "workbook-broken"),
    "a workbook of no XML": (repacked(GOOD, {SHEET: "no XML <", "xl/workbook.xml": "<"}), "workbook-broken"),
    "many parts": (repacked(GOOD, {f"xl/media/{number}.png": "x" for number in range(2_001)}), "workbook-limit"),
    "an encrypted workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5_000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 900,
        "workbook-password",
    ),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5_000, "not-a-table"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a11_a_workbook_that_may_not_be_opened_is_refused_in_words(tmp_path: Path, what: str) -> None:
    data, code = REFUSED[what]

    assert refusal(tmp_path, data).code == code
    assert not [path for path in (tmp_path / "work").iterdir() if path.suffix != ".csv"]


def test_a11_sheets_and_cells_are_bounded_by_the_limits(tmp_path: Path) -> None:
    many = xlsx(*[[HEADER]] * 4)
    limits = replace(Limits(), workbook_sheets=3, workbook_cells=24)

    assert refusal(tmp_path, many, limits=limits).params["limit_en"] == "sheets"
    assert refusal(tmp_path, GOOD, limits=limits).params["limit_en"] == "cells"
    assert opened(tmp_path, GOOD, limits=replace(limits, workbook_cells=40)).reading.rows == 5


def test_empty_cells_repeated_to_the_end_of_the_sheet_are_no_reason_to_refuse(tmp_path: Path) -> None:
    tail = (
        '<table:table-row table:number-rows-repeated="1048570"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )

    assert opened(tmp_path, ods([HEADER, *rows()], tail=tail), "bill.ods").reading.rows == 5


@pytest.mark.parametrize("name", ["bill.csv", "bill.TXT"])
def test_a05_a_workbook_named_as_a_text_file_is_called_one(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, GOOD, name).code == "workbook-renamed"


def test_a_stored_workbook_without_extension_is_read(tmp_path: Path) -> None:
    assert opened(tmp_path, GOOD, "upload-x1").reading.kind == "xlsx"


def test_a_refusal_of_a_workbook_holds_none_of_its_cells(tmp_path: Path) -> None:
    broken = repacked(xlsx([["MARQ85010112"]]), {SHEET: '<row><c r="MARQ85010112" t="s"><v>MARQ85010112</v>'})
    error = refusal(tmp_path, broken)

    assert "MARQ" not in str(error)
    assert "MARQ" not in repr(error.params)


def test_small_workbooks_are_checked_with_the_profile_like_large_ones(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.xlsx").write_bytes(GOOD)
    files = [(tmp_path / f"{number}.xlsx", Wanted(0, "en")) for number in range(2)]

    for outcome in examine_all(files, PROFILE, Options(today=date(2025, 2, 1))):
        assert outcome.reading is not None
        assert {"money-format", "date-format"}.isdisjoint(outcome.by_code)


def test_the_texts_of_a_sheet_are_repaired_like_those_of_a_file(tmp_path: Path) -> None:
    parsed = opened(tmp_path, xlsx([HEADER, *rows(6), HEADER, *rows(2)]))

    assert [finding[3] for finding in found(parsed, "header-repeated")] == [8]


def test_x14_a_disk_that_cannot_be_written_to_is_no_fault_of_the_workbook(tmp_path: Path) -> None:
    (tmp_path / "work" / "sheet.csv").mkdir(parents=True)  # what cannot be written to

    with pytest.raises(IsADirectoryError):
        opened(tmp_path, GOOD)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["sheet.csv"]
