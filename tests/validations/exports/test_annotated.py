"""The file given back: every row as it was sent, and beside it what is wrong."""

import csv
import io
import zipfile
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from python_calamine import CalamineWorkbook

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from tests.validations.exports.conftest import HOSTILE, Export
from validations.exports import annotated_xlsx
from validations.exports.annotated_csv import encoded
from validations.models import Finding, ResultSet, ValidationRun

HEADER = "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Unités;Montant Preliminaire;Agence;Doctor Info;Patient"
GOOD = "10000000{0};1234567890{0};2026-11-0{0};50137;15804;1;47,05;Nord;1632084-12345 Roy;TREM80010112 Tremblay Marie"
ROWS = [
    GOOD.format(1),
    GOOD.format(2).replace("2026-11-02", "hier").replace("TREM80010112 Tremblay Marie", "=1+1"),
    GOOD.format(3).replace("47,05", "-12,50"),
    GOOD.format(4) + ";de trop",
    GOOD.format(5),
    GOOD.format(6),
]  # fmt: skip


def checked(organization: Organization, member: User, content: bytes) -> ValidationRun:
    run = factories.sent_run(organization, member, upload=SimpleUploadedFile("novembre.csv", content))
    drain()
    run.refresh_from_db()
    assert run.status == "completed", run.error_code
    return run


@pytest.fixture
def sent(organization: Organization, member: User) -> ValidationRun:
    """A run of a real file: six rows, one with two errors, a negative amount, a surplus cell."""
    return checked(organization, member, "\r\n".join([HEADER, *ROWS, ""]).encode("cp1252"))


def book_of(content: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {
        name: [list(row) for row in book.get_sheet_by_name(name).to_python()] for name in book.sheet_names
    }


def parts(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_workbook_has_the_file_the_findings_and_a_summary(sent: ValidationRun, export: Export) -> None:
    book = book_of(export("annotated-xlsx", sent))
    assert list(book) == ["File", "Findings", "Summary"]
    file = book["File"]
    # The file's own columns keep their letters.
    assert file[0][:10] == HEADER.split(";")
    assert file[0][10:] == ["Line", "Severity", "What to fix", "Surplus cells"]
    assert len(file) == len(ROWS) + 1
    assert [row[10] for row in file[1:]] == [2, 3, 4, 5, 6, 7]


def test_right_cells_are_typed_and_wrong_ones_stay_as_they_were_sent(
    sent: ValidationRun, export: Export
) -> None:
    rows = book_of(export("annotated-xlsx", sent))["File"][1:]
    assert rows[0][2] == date(2026, 11, 1)
    assert rows[0][6] == 47.05
    # Numbers that are names stay texts, zeros and all.
    assert rows[0][4] == "15804"
    assert rows[1][2] == "hier"
    assert rows[3][13] == "de trop"


def test_b06_formulas_in_the_file_are_neutralised_and_negative_amounts_are_not(
    sent: ValidationRun, export: Export
) -> None:
    content = export("annotated-xlsx", sent)
    rows = book_of(content)["File"][1:]
    assert rows[1][9] == "'=1+1"
    assert str(rows[2][6]) in ("-12.5", "-12,50")
    assert not any(
        "<f>" in text for name, text in parts(content).items() if name.startswith("xl/worksheets/")
    )


def test_a_wrong_cell_is_coloured_and_carries_a_note(sent: ValidationRun, export: Export) -> None:
    content = parts(export("annotated-xlsx", sent))
    assert 'ref="C3"' in content["xl/comments1.xml"]
    assert 'ref="J3"' in content["xl/comments1.xml"]
    right, wrong = (content["xl/worksheets/sheet1.xml"].split(f'r="{cell}"')[1][:8] for cell in ("C2", "C3"))
    assert right != wrong


def test_every_finding_stands_at_its_row_in_whatever_order_they_were_stored(
    run: ValidationRun, export: Export
) -> None:
    rows = len(HOSTILE)
    Finding.unscoped.filter(result=run.result_id).exclude(code="patient-id").delete()
    result = ResultSet.unscoped.get(run=run)
    # A row beyond the last, one without a line, and a second finding at the first row.
    for row, line in ((rows + 5, rows + 6), (rows, None), (1, 99)):
        Finding.unscoped.create(
            organization=run.organization,
            result=result,
            code="required",
            severity="warning",
            row=row,
            line=line,
        )
    told = [row[6] for row in book_of(export("annotated-xlsx", run))["File"][1:]]
    assert [text.count(" · ") for text in told] == [1, *[0] * (rows - 2), 1]
    assert all(told)


def test_the_row_says_in_words_what_to_fix(sent: ValidationRun, export: Export) -> None:
    rows = book_of(export("annotated-xlsx", sent, "fr"))["Fichier"][1:]
    assert rows[0][11:13] == ["", ""]
    assert rows[1][11] == "Erreur"
    assert "n’est pas une date du calendrier" in rows[1][12]
    assert " · " in rows[1][12]


def test_b04_notes_end_where_a_spreadsheet_would_grow_slow_and_colours_go_on(
    run: ValidationRun, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotated_xlsx, "MOST_NOTES", 3)
    content = parts(export("annotated-xlsx", run))
    assert content["xl/comments1.xml"].count("<comment ") == 3
    told = [row for row in book_of(export("annotated-xlsx", run))["File"][1:] if row[5]]
    assert len(told) == len(HOSTILE)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16", "mac-roman"])
def test_the_annotated_csv_has_the_encoding_and_the_separator_of_the_file(
    organization: Organization, member: User, export: Export, encoding: str
) -> None:
    content = "\n".join([HEADER, *ROWS, ""]).encode(encoding)
    run = checked(organization, member, content)
    given = export("annotated-csv", run, "fr")
    assert given[:2] == content[:2] if encoding in ("utf-8-sig", "utf-16") else given[:1] == b'"'
    text = given.decode(encoding)
    assert text.count("\n") == len(ROWS) + 1
    assert "\r" not in text
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    assert rows[0] == [*HEADER.split(";"), "Gravité", "Ce qu’il faut corriger"]
    assert rows[1][:10] == ROWS[0].split(";")
    assert rows[4][12] == "de trop"
    assert rows[2][9] == "'=1+1"


def test_letters_that_the_encoding_lacks_are_written_in_the_nearest_way() -> None:
    lines = ["l’an → “x” 中 é\u202f!\n"]
    assert b"".join(encoded(lines, "latin-1", with_bom=False)) == 'l\'an -> "x" ? é !\n'.encode("latin-1")
    assert b"".join(encoded(lines, "no-such-encoding", with_bom=False)) == lines[0].encode()


def test_the_cleaned_file_is_rfc_4180(sent: ValidationRun, export: Export) -> None:
    content = export("cleaned-csv", sent)
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    assert content.count(b"\r\n") == len(ROWS) + 1
    assert rows[0] == HEADER.split(";")
    assert rows[1] == ROWS[0].split(";")
    # B06: the one cell that is not given back as it was sent.
    assert rows[2][9] == "'=1+1"
    assert rows[3][6] == "-12,50"


def test_b06_every_spreadsheet_format_neutralises_every_formula(run: ValidationRun, export: Export) -> None:
    for name, delimiter in (
        ("findings-csv", ","),
        ("annotated-csv", ";"),
        ("cleaned-csv", ","),
        ("corrected-csv", ";"),
    ):
        text = export(name, run).decode(
            "cp1252" if name in ("annotated-csv", "corrected-csv") else "utf-8-sig", errors="replace"
        )
        cells = [
            cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row
        ]
        acting = [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r", "\0", "＝", "-2+"))]
        assert acting == [], name
    for name in ("findings-xlsx", "annotated-xlsx"):
        book = book_of(export(name, run))
        cells = [str(cell) for rows in book.values() for row in rows for cell in row if isinstance(cell, str)]
        assert [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "＝", "-2+"))] == [], name
