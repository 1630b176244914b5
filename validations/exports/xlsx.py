"""Findings as a workbook: a sheet to filter, coloured by severity, and a sheet with the counts."""

from collections.abc import Iterator
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from validations.engine.cells import letter
from validations.exports import Format, Source, formats
from validations.exports.overview import write_overview
from validations.exports.workbook import Book, Column, as_blocks
from validations.models import Finding, Severity
from validations.sentences import message_of, title_of

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The severity's place among the columns.
_SEVERITY = 3


class FindingsXlsx(Format):
    """Findings as a workbook."""

    name = "findings-xlsx"
    title = gettext_lazy("Findings as an Excel workbook")
    hint = gettext_lazy("One line for each finding, with filters and colours")
    extension = "xlsx"
    suffix = gettext_lazy("findings")
    content_type = CONTENT_TYPE
    position = 30

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The workbook, once it is written."""
        return as_blocks(source.language, partial(_fill, source))


def _fill(source: Source, book: Book) -> None:
    write_findings(book, source)
    write_overview(book, source)


def write_findings(book: Book, source: Source) -> None:
    """A sheet with a row for each finding asked for."""
    table = book.table(_("Findings"), _columns())
    severities = {member.value: str(member.label) for member in Severity}
    for finding in source.findings():
        severity = finding.severity
        table.add(_row(finding, source.language, severities[severity]), {_SEVERITY: severity})
    table.end()


def _columns() -> list[Column]:
    return [
        Column(_("Line"), 9, "number"),
        Column(pgettext("of a spreadsheet column", "Letter"), 8),
        Column(_("Column"), 22),
        Column(_("Severity"), 14),
        Column(_("Title"), 30),
        Column(_("Value"), 24),
        Column(_("Message"), 80),
        Column(_("Suggestion"), 20),
        Column(_("Amount"), 14, "money"),
        Column(_("Rule"), 20),
    ]


def _row(finding: Finding, language: str, severity: str) -> list[str | int | None]:
    return [
        finding.line,
        "" if finding.column_index is None else letter(finding.column_index),
        finding.column_label,
        severity,
        title_of(finding.code, language),
        finding.value,
        message_of(finding, language),
        finding.suggestion,
        finding.amount_cents,
        finding.code,
    ]


formats.register(FindingsXlsx.name, FindingsXlsx())
