"""The counts of a run as a sheet of a workbook: verdict, amounts, how the file was read, rules."""

from typing import Any

from django.utils.translation import gettext as _

from validations.exports.source import Source
from validations.exports.workbook import Book, Kind, Value, text_cell
from validations.facts import facts_of
from validations.models import Severity
from validations.pages import rule_rows
from validations.sentences import title_of

_WIDTHS = (34, 22, 12, 12, 16)


def write_overview(book: Book, source: Source) -> None:
    """A sheet with what the page of the run says first."""
    sheet = book.sheet(_("Summary"))
    for index, width in enumerate(_WIDTHS):
        sheet.set_column(index, index, width)
    sheet.write_string(0, 0, text_cell(source.run.file_name), book.title)
    row = 2
    for fact in facts_of(source.run):
        sheet.write_string(row, 0, fact.label, book.bold)
        book.put(sheet, row, 1, fact.value, fact.kind, fact.severity)
        row += 1
    _write_rules(book, sheet, source, row + 1)


def _write_rules(book: Book, sheet: Any, source: Source, row: int) -> None:
    titles = (_("Rule"), _("Severity"), _("Findings"), _("Lines"), _("Amount at stake"))
    for index, title in enumerate(titles):
        sheet.write_string(row, index, title, book.head)
    for number, rule in enumerate(rule_rows(source.run), start=row + 1):
        severity = str(Severity(rule.severity).label)
        cells: tuple[tuple[Value, Kind, str], ...] = (
            (title_of(rule.code, source.language), "text", ""),
            (severity, "text", rule.severity),
            (rule.count, "count", ""),
            (rule.lines, "count", ""),
            (rule.amount_cents, "money", ""),
        )
        for index, (value, kind, mark) in enumerate(cells):
            book.put(sheet, number, index, value, kind, mark)
