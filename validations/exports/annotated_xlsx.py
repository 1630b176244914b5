"""The file itself as a workbook: wrong cells coloured, a note at each with what to do, the findings behind it."""

import re
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from validations import rebuilding
from validations.engine.cells import letter
from validations.engine.profile import Field, Profile
from validations.exports import Format, Source, formats
from validations.exports.overview import write_overview
from validations.exports.remarks import by_column, remark, worst
from validations.exports.workbook import Book, Column, Kind, Value, as_blocks
from validations.exports.xlsx import CONTENT_TYPE, write_findings
from validations.models import Finding, Severity, ValidationRun

# Spreadsheets grow slow with notes, and keep each in memory; colours and the last column show the others.
MOST_NOTES = 5_000
_DIGITS = 15  # as many as a spreadsheet's numbers keep
_KINDS: dict[str, Kind] = {"number": "number", "integer": "number", "date": "date"}
# One mark for decimals; no group of three behind it, which the other language would read as thousands.
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:[.,]\d{1,2})?", re.ASCII)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class AnnotatedXlsx(Format):
    """The rows that were sent, with what is wrong shown where it is."""

    name = "annotated-xlsx"
    title = gettext_lazy("The file with its errors shown, as an Excel workbook")
    hint = gettext_lazy("Wrong cells are coloured and carry a note; with all findings and a summary")
    extension = "xlsx"
    suffix = gettext_lazy("with errors shown")
    content_type = CONTENT_TYPE
    position = 10
    has_rows = True

    def weight(self, run: ValidationRun) -> int:
        """The rows of the file and its findings."""
        return super().weight(run) + int(run.summary.get("rows", 0))

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The workbook, once it is written."""
        return as_blocks(source.language, partial(_fill, source))


def _fill(source: Source, book: Book) -> None:
    _File(source, book).write()
    write_findings(book, source)
    write_overview(book, source)


class _File:
    """The sheet with the file's own rows; what is added stands behind its columns, so that these keep their letters."""

    def __init__(self, source: Source, book: Book) -> None:
        self._source = source
        self._columns = _columns(source.run)
        self._width = len(self._columns)
        self._severities = {member.value: str(member.label) for member in Severity}
        self._notes_left = MOST_NOTES
        surplus = Column(_("Surplus cells"), 24)
        self._has_surplus = any(row["code"] == "extra-cell" for row in source.run.summary.get("by_code", []))
        added = [Column(_("Line"), 9, "number"), Column(_("Severity"), 14), Column(_("What to fix"), 90)]
        columns = [*self._columns, *added, *([surplus] if self._has_surplus else [])]
        self._table = book.table(_("File"), columns)

    def write(self) -> None:
        """Every row, with colours and notes."""
        self._note(by_column(self._source.file_findings()))
        for row, findings in self._source.rows():
            self._add(row, findings)
        self._table.end()

    def _add(self, row: rebuilding.Row, findings: list[Finding]) -> None:
        cells, surplus = row.cells[: self._width], row.cells[self._width :]
        severity = worst(findings)
        places = {index: found for index, found in by_column(findings).items() if index < self._width}
        values = [
            text if index in places else typed(text, column.kind)
            for index, (text, column) in enumerate(zip(cells, self._columns, strict=True))
        ]
        told: list[Value] = [
            row.line,
            self._severities.get(severity, ""),
            remark(findings, self._source.language),
        ]
        marks = {index: worst(found) for index, found in places.items()}
        if severity:
            marks |= {self._width + 1: severity, self._width + 2: severity}
        self._table.add([*values, *told, *([" | ".join(surplus)] if self._has_surplus else [])], marks)
        self._note(places)

    def _note(self, places: dict[int, list[Finding]]) -> None:
        for index, findings in places.items():
            if self._notes_left and index < self._width:
                self._notes_left -= 1
                self._table.note(index, remark(findings, self._source.language, between="\n"))


def _columns(run: ValidationRun) -> list[Column]:
    """The file's columns; one without a name is called by its letter."""
    fields = Profile.from_descriptor(run.profile.descriptor).by_name()
    return [
        _column(index, column, fields.get(column.get("field") or ""))
        for index, column in enumerate(run.reading.get("columns", []))
    ]


def _column(index: int, column: dict[str, Any], field: Field | None) -> Column:
    title = str(column.get("label") or letter(index))
    wide = 30 if field and field.name in ("patient", "provider", "description") else 10
    return Column(title, max(wide, min(len(title) + 4, 30)), _kind(field))


def _kind(field: Field | None) -> Kind:
    if field is None:
        return "text"
    if field.unit == "cents":
        return "decimal"
    return _KINDS.get(field.type, "text")


def typed(text: str, kind: Kind) -> Value:
    """A right cell as a number or a date where it is written plainly as one; anything else stays a text."""
    if kind == "date":
        return _day(text)
    if kind in ("number", "decimal") and _PLAIN.fullmatch(text) and len(text) <= _DIGITS:
        return float(text.replace(",", "."))
    return text


def _day(text: str) -> Value:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else text
    except ValueError:
        return text


formats.register(AnnotatedXlsx.name, AnnotatedXlsx())
