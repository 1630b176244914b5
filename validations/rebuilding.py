"""A run's table as text again: its header and its rows, as far as the database knows what stood in the file.

A record holds every cell: typed where the cell was in its plain form, from which the text follows, and as text in
`extra` where it was not. What never became a record is not written again: lines above the header, blank lines, total
rows and notes at the end. Spaces around a column's name are not kept, and a cell of nothing but spaces comes back
empty; rows of another width stand under the columns where they were read, surplus cells at their end.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from validations.engine.forms import BLANKS
from validations.engine.judge import RECORD_COLUMNS
from validations.engine.profile import Field, Profile
from validations.engine.reading import kept_label
from validations.models import BillingRecord, Finding, ValidationRun

# Records that are read from the database at once.
CHUNK_ROWS = 2_000
_LINE_ENDS = {"crlf": "\r\n", "lf": "\n", "cr": "\r"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: its number among the rows, the line it began at, and its cells in the file's order."""

    number: int
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written otherwise than it was sent.

    Shape: `cells(first, last)` gives texts by row and column index, for rows from the first to the last line;
    `plain_columns` are the columns whose values are written in their plain form.
    """

    cells: Callable[[int, int], Mapping[tuple[int, int], str]]
    plain_columns: frozenset[int] = frozenset()


def header_of(run: ValidationRun) -> list[str]:
    """The names of the columns in the file's order; empty where the file names none."""
    return list(_labels(run)) if run.reading.get("header_line") else []


def rows_of(run: ValidationRun, changes: Changes | None = None) -> Iterator[Row]:
    """The rows of a completed run in the file's order, read from the database little by little."""
    writers = _writers(run, changes.plain_columns if changes else frozenset())
    for records in _chunks(run):
        first, last = records[0].line, records[-1].line
        surplus = _surplus_cells(run, first, last)
        changed = changes.cells(first, last) if changes else {}
        for record in records:
            cells = [write(record) for write in writers]
            for index in range(len(cells)):
                cells[index] = changed.get((record.row, index), cells[index])
            yield Row(record.row, record.line, cells + surplus.get(record.row, []))


def table_of(run: ValidationRun, changes: Changes | None = None) -> Iterator[list[str]]:
    """The header, where there is one, and the rows of a completed run."""
    if header := header_of(run):
        yield header
    for row in rows_of(run, changes):
        yield row.cells


def write_table(run: ValidationRun, target: Path, table: Callable[[], Iterable[list[str]]]) -> str:
    """The encoding in which the table was written, with the separator, quotes and line ends of the file as sent.

    That is the encoding of the sent file too, unless a cell has letters that it cannot hold; then it is UTF-8, and the
    table is asked for once more.
    """
    reading = run.reading
    encoding = str(reading.get("encoding") or "utf-8")
    if encoding == "utf-8" and reading.get("had_bom"):
        encoding = "utf-8-sig"
    try:
        _write(target, encoding, reading, table())
    except (UnicodeEncodeError, LookupError):
        # A byte-order mark says at once what the file is written in.
        _write(target, "utf-8-sig", reading, table())
        return "utf-8"
    return str(reading.get("encoding") or "utf-8")


def reading_options(run: ValidationRun) -> dict[str, Any]:
    """How the written table is to be read again: the way in which the sent file was, from its first line on."""
    delimiter = str(run.reading.get("delimiter") or "")[:1]
    return ({"delimiter": delimiter} if delimiter else {}) | {
        "header_line": 1 if run.reading.get("header_line") else 0
    }


def _write(target: Path, encoding: str, reading: Mapping[str, Any], rows: Iterable[list[str]]) -> None:
    quote = str(reading.get("quotechar") or "")
    with target.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(
            file,
            delimiter=str(reading.get("delimiter") or ",")[:1],
            quotechar=quote if quote in ("'", '"') else '"',
            lineterminator=_LINE_ENDS.get(str(reading.get("line_ends")), "\r\n"),
        )
        writer.writerows(rows)


def _labels(run: ValidationRun) -> tuple[str, ...]:
    return tuple(str(column.get("label") or "") for column in run.reading.get("columns", []))


def _chunks(run: ValidationRun) -> Iterator[list[BillingRecord]]:
    records: QuerySet[BillingRecord] = BillingRecord.objects.for_organization(run.organization_id)
    after = 0
    while chunk := list(records.filter(result_id=run.result_id, row__gt=after).order_by("row")[:CHUNK_ROWS]):
        yield chunk
        after = chunk[-1].row


def _surplus_cells(run: ValidationRun, first_line: int, last_line: int) -> dict[int, list[str]]:
    """The cells that rows had beyond the table's width, by row."""
    findings: QuerySet[Finding] = Finding.objects.for_organization(run.organization_id)
    found = findings.filter(
        result_id=run.result_id, code="extra-cell", line__gte=first_line, line__lte=last_line
    )
    return {row: params.get("extra", []) for row, params in found.values_list("row", "params") if row}


Writer = Callable[[BillingRecord], str]


def _writers(run: ValidationRun, plain: frozenset[int]) -> list[Writer]:
    """What gives the text of each column's cell."""
    fields = Profile.from_descriptor(run.profile.descriptor).by_name()
    labels, names = _labels(run), list(fields)
    return [
        _writer(
            fields.get(column.get("field") or ""),
            kept_label(labels, index, names),
            str(column.get("date_format") or ""),
            is_plain=index in plain,
        )
        for index, column in enumerate(run.reading.get("columns", []))
    ]


def _writer(field: Field | None, kept_as: str, date_format: str, *, is_plain: bool) -> Writer:
    if field is None or field.column not in RECORD_COLUMNS:
        return lambda record: _kept(
            record.extra, (kept_as, field.name if field else kept_as), is_plain=is_plain
        )
    name, column = field.name, field.column

    def write(record: BillingRecord) -> str:
        value = getattr(record, column)
        kept = kept_as if kept_as in record.extra else name
        if kept in record.extra and not (is_plain and value not in (None, "")):
            return _kept(record.extra, (kept,), is_plain=is_plain)
        return plain_text(value, field, date_format)

    return write


def _kept(extra: Mapping[str, Any], keys: Sequence[str], *, is_plain: bool) -> str:
    text = str(next((extra[key] for key in keys if key in extra), ""))
    return text.strip(BLANKS) if is_plain else text


def plain_text(value: Any, field: Field, date_format: str) -> str:
    """A value of a record as its column writes it in its plain form."""
    if value is None:
        return ""
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, date):
        return value.strftime(date_format or (field.formats[0] if field.formats else "%Y-%m-%d"))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}".replace(".", field.decimal_char)
    if field.unit == "cents":
        sign, cents = "-" if value < 0 else "", abs(int(value))
        return f"{sign}{cents // 100}{field.decimal_char}{cents % 100:02d}"
    return str(value)
