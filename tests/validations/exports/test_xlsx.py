"""Findings as a workbook, read back by a reader that shares no code with the writer."""

import io
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from tests.validations.exports.conftest import HOSTILE, Export
from validations.exports import workbook
from validations.exports.workbook import Book, Column, as_blocks
from validations.files import engine_folder
from validations.models import ValidationRun


def sheets(content: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    found: dict[str, list[list[Any]]] = {}
    for name in book.sheet_names:
        found[name] = [list(row) for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]
    return found


def part(content: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def test_every_finding_is_a_row_with_typed_numbers(run: ValidationRun, export: Export) -> None:
    rows = sheets(export("findings-xlsx", run))["Findings"]
    assert rows[0][:4] == ["Line", "Letter", "Column", "Severity"]
    assert len(rows) == len(HOSTILE) + 3
    amount = next(row for row in rows if row[9] == "money-format")
    assert amount[0] == 2.0
    assert amount[8] == 12.5
    # A plain negative number stays as it was written.
    assert amount[5] == "-12.50"
    assert amount[7] == "-12,50"


def test_b06_no_cell_of_the_workbook_is_a_formula(run: ValidationRun, export: Export) -> None:
    content = export("findings-xlsx", run)
    assert "<f>" not in part(content, "xl/worksheets/sheet1.xml")
    values = [row[5] for row in sheets(content)["Findings"][1:] if row[9] == "patient-id"]
    for cell, value in zip(HOSTILE, values, strict=True):
        assert isinstance(value, str)
        assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "\0", "＝"))
        if cell.startswith(("=", "+", "-", "@", "＝")):
            assert value == f"'{cell}"


def test_b07_markup_in_a_cell_is_text_and_never_xml(run: ValidationRun, export: Export) -> None:
    content = export("findings-xlsx", run)
    values = [str(row[5]) for row in sheets(content)["Findings"][1:]]
    assert "<script>alert(1)</script>" in values
    # The writer would put what looks like a rich text into the sheet as it is.
    assert "<r><t>raw</t></r>" in [value.rstrip() for value in values]
    assert "_x0041_" in values
    assert "a�b�[31m" in values


def test_b07_every_part_of_a_workbook_is_well_formed_whatever_a_file_held(
    run: ValidationRun, export: Export
) -> None:
    run.file_name = "\x0b<&>\ufffe.csv"
    for name in ("findings-xlsx", "annotated-xlsx"):
        with zipfile.ZipFile(io.BytesIO(export(name, run))) as archive:
            assert archive.testzip() is None
            for entry in archive.namelist():
                ET.fromstring(archive.read(entry))  # noqa: S314 -- made a moment ago


def test_the_header_stays_in_sight_and_filters(run: ValidationRun, export: Export) -> None:
    sheet = part(export("findings-xlsx", run), "xl/worksheets/sheet1.xml")
    assert 'state="frozen"' in sheet
    assert f'<autoFilter ref="A1:J{len(HOSTILE) + 3}"/>' in sheet


def test_severities_are_coloured(run: ValidationRun, export: Export) -> None:
    styles = part(export("findings-xlsx", run), "xl/styles.xml")
    assert all(paper.removeprefix("#") in styles for _ink, paper in workbook.COLOURS.values())


def test_a_french_workbook_speaks_french(run: ValidationRun, export: Export) -> None:
    content = export("findings-xlsx", run, "fr")
    found = sheets(content)
    assert list(found) == ["Constats", "Résumé"]
    assert found["Constats"][0][0] == "Ligne"
    assert '#,##0.00" $"' in part(content, "xl/styles.xml").replace("&quot;", '"')


def test_the_summary_says_the_verdict_the_amounts_and_the_rules(run: ValidationRun, export: Export) -> None:
    rows = sheets(export("findings-xlsx", run))["Summary"]
    facts = {row[0]: row[1] for row in rows if row[0]}
    assert facts["Result"] == "Errors to fix"
    assert facts["Total amount"] == 12345.67
    assert facts["Amount at stake"] == -47.05
    assert facts["Encoding"] == "Windows-1252"
    assert [row[2] for row in rows if row[1] == "Error"] == [len(HOSTILE)]


def test_only_what_was_filtered_is_written(run: ValidationRun, export: Export) -> None:
    rows = sheets(export("findings-xlsx", run, severity="warning"))["Findings"]
    assert [row[9] for row in rows[1:]] == ["money-format"]


def test_a_table_longer_than_a_sheet_goes_on_on_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 2)

    def fill(book: Book) -> None:
        table = book.table("Rows", [Column("Number", kind="number")])
        for number in range(5):
            table.add([number])
        table.end()

    found = sheets(b"".join(as_blocks("en", fill)))
    assert {name: [row[0] for row in rows] for name, rows in found.items()} == {
        "Rows": ["Number", 0.0, 1.0],
        "Rows (2)": ["Number", 2.0, 3.0],
        "Rows (3)": ["Number", 4.0],
    }


def test_a_workbook_that_is_given_up_leaves_nothing_behind(settings: Any, tmp_path: Path) -> None:
    settings.ENGINE_TEMP_DIR = str(tmp_path / "engine")

    def fill(book: Book) -> None:
        book.table("Rows", [Column("Number")]).add(["1"])
        raise InterruptedError

    with pytest.raises(InterruptedError):
        next(as_blocks("en", fill))
    assert list(engine_folder().iterdir()) == []


def test_b03_a_text_longer_than_a_cell_is_cut_and_says_so() -> None:
    assert workbook.text_cell("x" * 40_000) == "x" * workbook.CELL_CHARS + "…"
