"""Broken and hostile files on the whole way: an upload, its job, and what the database shows in the end."""

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations.engine.check import Check
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Limits, Options
from validations.engine.profile import Profile
from validations.exports.csv import findings_csv
from validations.models import BillingRecord, Finding, ResultSet, RunStatus, ValidationRun

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = [
    "Facture", "ID RAMQ", "Date de Service", "Lieu de pratique", "Code", "Montant Preliminaire", "Doctor Info",
    "Patient",
]  # fmt: skip
GOOD = [
    "123456789", "12345678901", "2026-11-03", "51234", "00103", "47,05", "1632084-12345 Roy",
    "TREM80010112 Tremblay Marie",
]  # fmt: skip
ACCENTS = "TREM80010112 Éloïse Noël-Gagné çà"
# Generous for a loaded machine; a file that takes it has got out of hand.
SECONDS = 60
# A handful of rows, and however large the file is: what one check may add to the memory of its process.
EXTRA_MEMORY_BYTES = 400 * 1024 * 1024

Submit = Callable[[bytes], ValidationRun]


@pytest.fixture
def submit(organization: Organization, member: User) -> Submit:
    """Uploads a file and runs its job; the run as it ended."""

    def run_of(content: bytes) -> ValidationRun:
        run = factories.sent_run(organization, member, content)
        began = time.monotonic()
        drain(raising=False)
        assert time.monotonic() - began < SECONDS
        run.refresh_from_db()
        return run

    return run_of


def line(**cells: str) -> list[str]:
    """A good line with some cells replaced; an underscore in a name stands for a space."""
    return list(
        (dict(zip(HEADER, GOOD, strict=True)) | {k.replace("_", " "): v for k, v in cells.items()}).values()
    )


def table(
    *rows: Sequence[str], header: Sequence[str] = HEADER, delimiter: str = ";", end: str = "\r\n"
) -> str:
    return "".join(delimiter.join(row) + end for row in [header, *rows])


def amounts(*cells: str) -> bytes:
    return table(*[line(Montant_Preliminaire=cell) for cell in cells]).encode()


def dates(*cells: str) -> bytes:
    return table(*[line(Date_de_Service=cell) for cell in cells]).encode()


def records(run: ValidationRun) -> list[BillingRecord]:
    return list(BillingRecord.unscoped.filter(result=run.result_id).order_by("row"))


def places(run: ValidationRun, code: str) -> list[tuple[int | None, str, str]]:
    """Line, column and value of each finding with the code."""
    found = Finding.unscoped.filter(result=run.result_id, code=code).order_by("line", "column_index")
    return list(found.values_list("line", "column_label", "value"))


def completed(run: ValidationRun) -> ValidationRun:
    assert (run.status, run.error_code) == (RunStatus.COMPLETED, "")
    return run


def assert_failed(run: ValidationRun, code: str) -> None:
    """It ended at the first attempt, for a reason, and shows nothing."""
    assert run.job is not None
    assert (run.status, run.error_code, run.job.attempt) == (RunStatus.FAILED, code, 1)
    assert run.result_id is None
    assert not BillingRecord.unscoped.exists()


# --- B01: encodings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "mac-roman"],
)
def test_b01_accents_reach_the_database_from_every_encoding(submit: Submit, encoding: str) -> None:
    rows = [line(Patient=ACCENTS), *[line(Patient=f"TREM80010112 Éloïse {n}") for n in range(5)]]
    run = completed(submit(table(*rows).encode(encoding)))
    assert records(run)[0].patient == ACCENTS
    assert places(run, "encoding-error") == []


def test_b01_a_file_in_two_encodings_is_read_rightly_and_names_the_strange_lines(submit: Submit) -> None:
    text = table(*[line(Patient=ACCENTS)] * 3)
    rest = table(*[line(Patient=ACCENTS)] * 3).split("\r\n", 1)[1]
    run = completed(submit(text.encode() + rest.encode("cp1252")))
    assert {record.patient for record in records(run)} == {ACCENTS}
    assert {place[0] for place in places(run, "encoding-error")} == {5, 6, 7}


def test_b01_a_byte_of_no_meaning_is_named_by_offset_and_line(submit: Submit) -> None:
    content = table(*[line(Patient=ACCENTS)] * 5).encode().replace(b"Gagn\xc3\xa9", b"Gagn\x81", 1)
    run = completed(submit(content))
    finding = Finding.unscoped.get(result=run.result_id, code="encoding-error")
    assert (finding.line, finding.params["offset"]) == (2, content.index(b"\x81"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_b01_zero_bytes_are_left_out_and_named(submit: Submit, encoding: str) -> None:
    content = table(line(Patient="TREM80010112 Trem\0blay"), line(), header=[*HEADER[:-1], "Pat\0ient"])
    run = completed(submit(content.encode(encoding)))
    assert [record.patient for record in records(run)] == ["TREM80010112 Tremblay", GOOD[-1]]
    assert [place[0] for place in places(run, "null-byte")]


def test_b01_half_a_character_pair_is_a_finding_and_no_crash(submit: Submit) -> None:
    content = table(line(), line()).encode("utf-16-le").replace("Ma".encode("utf-16-le"), b"\x00\xd8a\x00", 1)
    run = completed(submit(b"\xff\xfe" + content))
    assert len(records(run)) == 2
    assert [place[0] for place in places(run, "encoding-error")] == [2]


# --- B02: dialects ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_b02_every_delimiter_and_line_end_gives_the_same_records(
    submit: Submit, delimiter: str, end: str
) -> None:
    rows = [line(Montant_Preliminaire='"47,05"', Patient='"TREM80010112 ""La"" Marie"')] * 4
    run = completed(submit(table(*rows, delimiter=delimiter, end=end).encode()))
    assert run.reading["delimiter"] == delimiter
    assert [(r.line, r.amount_cents, r.patient) for r in records(run)] == [
        (number, 4705, 'TREM80010112 "La" Marie') for number in range(2, 6)
    ]


def test_b02_mixed_line_ends_are_one_finding_and_lose_no_row(submit: Submit) -> None:
    content = table(line(), line()) + table(line(), end="\n").split("\n", 1)[1] + ";".join(GOOD) + "\r"
    run = completed(submit(content.encode()))
    assert [record.line for record in records(run)] == [2, 3, 4, 5]
    assert len(places(run, "mixed-line-ends")) == 1


def test_b02_an_unbalanced_quote_is_named_where_it_opened_and_swallows_nothing(submit: Submit) -> None:
    rows = [line(), line(Patient='"TREM80010112 Open'), *[line()] * 5]
    run = completed(submit(table(*rows).encode()))
    assert [place[0] for place in places(run, "unclosed-quote")] == [3]
    assert [record.line for record in records(run)] == list(range(2, 9))
    assert [record.patient for record in records(run)].count(GOOD[-1]) == 6


def test_b02_a_quote_in_mid_field_is_text_and_a_finding(submit: Submit) -> None:
    run = completed(submit(table(line(Patient='TREM80010112 "Ti" Marie'), *[line()] * 3).encode()))
    assert records(run)[0].patient == 'TREM80010112 "Ti" Marie'
    assert [place[0] for place in places(run, "stray-quote")] == [2]


def test_b02_a_line_end_in_a_quoted_field_keeps_the_lines_behind_it_right(submit: Submit) -> None:
    rows = [line(Patient='"TREM80010112 Trem\r\nblay"'), line(), line(Date_de_Service="never")]
    run = completed(submit(table(*rows).encode()))
    assert [record.line for record in records(run)] == [2, 4, 5]
    assert places(run, "date-format") == [(5, "Date de Service", "never")]


# --- B03: sizes ---------------------------------------------------------------------------------------------

LOW = Options(limits=Limits(line_bytes=2_000, columns=20, cell_chars=500))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(table(line(), line(Patient="x" * 3_000)), id="line"),
        pytest.param(table(header=[f"c{number}" for number in range(21)]), id="columns"),
        pytest.param(table(line(Patient="x" * 600)), id="cell"),
        pytest.param("x" * 100_000, id="one line"),
    ],
)
def test_b03_a_low_limit_stops_the_engine_by_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lines.csv"
    path.write_text(content, encoding="utf-8", newline="")
    profile = Profile.from_descriptor(factories.profile().descriptor)
    with pytest.raises(UnreadableFileError) as caught, Check(path, profile, LOW) as check:
        check.read(lambda done, total: None)
    assert caught.value.code == "limit-exceeded"
    assert caught.value.params["line"] in (1, 2, 3)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: b"x" * 60_000_000, id="one line of 60 MB"),
        pytest.param(lambda: table(line()).encode() + b"y" * 60_000_000, id="a last line of 60 MB"),
        pytest.param(lambda: b";".join([b"c"] * 1_000_000) + b"\r\n", id="a million columns"),
        pytest.param(
            lambda: table(line(Patient='"' + "z" * 60_000_000 + '"')).encode(), id="a cell of 60 MB"
        ),
        pytest.param(lambda: b"\0" * 30_000_000, id="30 MB of nothing"),
    ],
)
def test_b03_a_monstrous_file_is_a_failed_run_in_bounded_time_and_memory(
    submit: Submit, content: Callable[[], bytes]
) -> None:
    data = content()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    run = submit(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < EXTRA_MEMORY_BYTES
    assert_failed(run, "empty-file" if data.startswith(b"\0") else "limit-exceeded")


def test_b03_an_unclosed_quote_at_the_start_of_a_large_file_swallows_nothing(submit: Submit) -> None:
    good = ";".join(GOOD) + "\r\n"
    content = table(line(Facture='"123456789')) + good * 30_000
    run = completed(submit(content.encode()))
    assert run.summary["rows"] == 30_001
    assert [place[0] for place in places(run, "unclosed-quote")] == [2]


# --- B04: very many findings --------------------------------------------------------------------------------


def test_b04_every_row_wrong_is_counted_and_stored_row_by_row(submit: Submit) -> None:
    rows = 20_000
    run = completed(submit(table(*[line(Date_de_Service="never")] * rows).encode()))
    assert run.summary["rows_with_errors"] == rows
    assert len(places(run, "date-format")) == rows
    assert ResultSet.unscoped.count() == 1


# --- B05: headers and ragged rows ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (["", *HEADER[1:]], "blank-header"),
        (["Facture", "Facture", *HEADER[2:]], "duplicate-label"),
        ([*HEADER[:-1], "Inconnue"], "extra-label"),
        ([*HEADER[:-1], "Inconnue"], "missing-label"),
    ],
)
def test_b05_a_wrong_header_is_one_finding_whatever_the_number_of_rows(
    submit: Submit, header: list[str], code: str
) -> None:
    run = completed(submit(table(*[line()] * 50, header=header).encode()))
    assert len(places(run, code)) == 1
    assert len(records(run)) == 50


@pytest.mark.parametrize(
    "arrange",
    [
        lambda cells: list(reversed(cells)),
        lambda cells: [c.upper() for c in cells] if cells == HEADER else cells,
    ],
    ids=["reordered", "upper case"],
)
def test_b05_columns_in_another_order_or_case_are_found(
    submit: Submit, arrange: Callable[[list[str]], list[str]]
) -> None:
    run = completed(submit(table(*[arrange(line())] * 3, header=arrange(HEADER)).encode()))
    assert {(r.invoice_number, r.code, r.patient, r.amount_cents) for r in records(run)} == {
        (GOOD[0], GOOD[4], GOOD[7], 4705)
    }
    assert places(run, "missing-label") == places(run, "extra-label") == []


def test_b05_a_header_alone_is_a_run_of_no_rows(submit: Submit) -> None:
    run = completed(submit(table().encode()))
    assert (run.summary["rows"], records(run)) == (0, [])


def test_b05_ragged_rows_are_one_finding_a_line_and_shift_nothing(submit: Submit) -> None:
    rows = [*[line()] * 6, line()[:5], [*line(), "surplus"], *[line()] * 6]
    run = completed(submit(table(*rows).encode()))
    assert [place[0] for place in places(run, "missing-cell")] == [8]
    assert [place[0] for place in places(run, "extra-cell")] == [9]
    assert [r.patient for r in records(run)] == [*[GOOD[-1]] * 6, "", *[GOOD[-1]] * 7]


# --- B06, B07: cells that would act -------------------------------------------------------------------------

FORMULAS = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1+1", "＝1+1", '=HYPERLINK("http://x.example";"y")']
HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{ 7|add:7 }}", "%s%n",
    "{0.__class__}", "\x1b[31mred\x07", "x\u2028y", "\ufffe\uffff", "' OR 1=1 --", "\\copy; DROP TABLE x",
]  # fmt: skip


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_b06_formulas_are_stored_as_they_are_and_leave_as_text(submit: Submit) -> None:
    run = completed(submit(table(*[line(Patient=quoted(cell)) for cell in FORMULAS]).encode()))
    assert [record.extra["patient"] for record in records(run)] == FORMULAS
    found = Finding.unscoped.filter(result=run.result_id, code="patient-id").order_by("line")
    lines = list(findings_csv(iter(found), "en", delimiter=",", with_bom=False))[1:]
    assert len(lines) == len(FORMULAS)
    for formula, text in zip(FORMULAS, lines, strict=True):
        assert quoted(f"'{formula}") in text


def test_b06_a_negative_amount_stays_a_number(submit: Submit) -> None:
    run = completed(submit(amounts("-12,50")))
    assert records(run)[0].amount_cents == -1250
    found = Finding.unscoped.filter(result=run.result_id, value="-12,50")
    (text,) = list(findings_csv(iter(found), "en", delimiter=",", with_bom=False))[1:]
    assert '"-12,50"' in text


@pytest.mark.parametrize("text", HOSTILE)
def test_b07_a_hostile_cell_and_header_reach_the_database_unchanged(submit: Submit, text: str) -> None:
    rows = [[*line(Patient=quoted(text)), quoted(text)], *[[*line(), ""]] * 60]
    run = completed(submit(table(*rows, header=[*HEADER, quoted(text)]).encode()))
    first = records(run)[0]
    assert first.extra == {"patient": text, text.strip(): text}
    assert places(run, "patient-id")[0][2] == text


# --- B09: amounts and dates ---------------------------------------------------------------------------------

WRONG_AMOUNTS = [
    "1e400", "NaN", "Infinity", "-Infinity", "9" * 400, "€5", "١٢٣", "12,345", "--5", "0x10", "1_000", "1,2,3",
    "99999999999999999999,99",
]  # fmt: skip
WRONG_DATES = [
    "29/02/2023", "2026-02-30", "0000-01-01", "99999-01-01", "12/13/2025", "٢٠٢٦-١١-٠٣", "2026-11-03T25:00", "0", "NaN",
]  # fmt: skip


def test_b09_amounts_are_exact_cents_or_named(submit: Submit) -> None:
    run = completed(submit(amounts("0,10", "0,20", "0,07", "1 234,56", "47,05 $", *WRONG_AMOUNTS)))
    cents = [record.amount_cents for record in records(run)]
    assert cents == [10, 20, 7, 123_456, 4_705, *[None] * len(WRONG_AMOUNTS)]
    named = [value for _line, _column, value in places(run, "money-format")]
    assert [value[:200] for value in WRONG_AMOUNTS] == [
        v for v in named if v in {w[:200] for w in WRONG_AMOUNTS}
    ]
    assert run.amount_total_cents == 10 + 20 + 7 + 123_456 + 4_705


@pytest.mark.parametrize("cell", ["1.234,56", "1,234.56", "-0"])
def test_b09_an_amount_in_doubt_is_named_and_never_guessed(submit: Submit, cell: str) -> None:
    run = completed(submit(amounts("47,05", "47,05", cell)))
    assert records(run)[2].amount_cents in (None, 123_456 if cell != "-0" else 0)
    assert records(run)[2].amount_cents is not None or (4, "Montant Preliminaire", cell) in places(
        run, "money-format"
    )


def test_b09_dates_that_are_none_are_named(submit: Submit) -> None:
    run = completed(submit(dates(*WRONG_DATES)))
    assert [record.service_date for record in records(run)] == [None] * len(WRONG_DATES)
    assert [value for _line, _column, value in places(run, "date-format")] == WRONG_DATES


def test_b09_dates_that_could_be_either_are_reported(submit: Submit) -> None:
    run = completed(submit(dates("01/02/2026", "03/04/2026", "05/06/2026")))
    assert len(places(run, "date-ambiguous")) == 1


def test_b09_one_date_that_can_be_only_day_first_decides_for_all(submit: Submit) -> None:
    run = completed(submit(dates("13/02/2026", "03/04/2026")))
    assert [str(record.service_date) for record in records(run)] == ["2026-02-13", "2026-04-03"]
    assert places(run, "date-ambiguous") == []


@pytest.mark.parametrize(
    ("label", "cells"),
    [
        ("Unités", ["1e400", "NaN", "9" * 400, "99999999999,99"]),
        ("#", ["9" * 30, "x", "1e9"]),
        ("Début", ["25:00", "24:00", "99999", "08:30:61", "٠٨:٣٠"]),
    ],
)
def test_b09_other_numbers_and_times_overflow_nothing(submit: Submit, label: str, cells: list[str]) -> None:
    rows: list[Any] = [[*line(), cell] for cell in cells]
    run = completed(submit(table(*rows, header=[*HEADER, label]).encode()))
    named = set(
        Finding.unscoped.filter(result=run.result_id, column_label=label).values_list("value", flat=True)
    )
    assert {cell[:200] for cell in cells} <= named
    assert len(records(run)) == len(cells)


# --- What is no table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (bytes(range(256)) * 40, "not-a-table"),
        (b'{"a": [1, 2], "b": null}\n', "not-a-table"),
        (b"\0" * 9_000, "empty-file"),
    ],
)
def test_b01_what_is_no_table_is_a_failed_run_with_its_reason(
    submit: Submit, content: bytes, code: str
) -> None:
    assert_failed(submit(content), code)


@pytest.mark.parametrize("content", [b"x", b";;;\r\n;;;\r\n", b'"' * 1_000, b'"\n' * 500, b"\xff" * 5_000])
def test_b02_hardly_a_table_ends_without_an_error_of_ours(submit: Submit, content: bytes) -> None:
    run = submit(content)
    assert run.status in (RunStatus.COMPLETED, RunStatus.FAILED)
    assert run.error_code != "interrupted"
    assert run.job is not None
    assert run.job.attempt == 1
