"""Findings as CSV, streamed: the first line leaves before the last finding was read."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.safecells import safe_cell
from validations.engine.texts import FRENCH
from validations.exports import Format, Source, formats
from validations.models import Finding, Severity
from validations.sentences import message_of, title_of

# Lines that leave together: some fifty kilobytes.
LINES_AT_ONCE = 256


class Line:
    """Takes what the csv writer writes and hands it back."""

    def write(self, text: str) -> str:
        return text


class FindingsCsv(Format):
    """Findings for a spreadsheet of the reader's language."""

    name = "findings-csv"
    title = gettext_lazy("Findings as CSV")
    hint = gettext_lazy("One line for each finding, for any spreadsheet")
    extension = "csv"
    suffix = gettext_lazy("findings")
    content_type = "text/csv; charset=utf-8"
    position = 40

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The lines, in the form in which a spreadsheet of that language opens them by a double click."""
        delimiter = ";" if source.language.startswith(FRENCH) else ","
        lines = findings_csv(source.findings(), source.language, delimiter=delimiter, with_bom=True)
        return in_blocks(lines)


def in_blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines as UTF-8, some hundred of them together."""
    left = iter(lines)
    while block := "".join(islice(left, LINES_AT_ONCE)):
        yield block.encode()


def findings_csv(
    findings: Iterator[Finding], language: str, *, delimiter: str, with_bom: bool
) -> Iterator[str]:
    """The lines of the file, header first.

    A spreadsheet with French settings wants `;` and a byte-order mark to open the file rightly.
    """
    header = [
        _("Line"), _("Column"), _("Severity"), _("Rule"), _("Title"), _("Value"), _("Message"),
        _("Suggestion"), _("Amount"),
    ]  # fmt: skip
    severities = {member.value: str(member.label) for member in Severity}
    rows = (_row(finding, language, severities) for finding in findings)
    return _lines(header, rows, delimiter=delimiter, with_bom=with_bom)


def _lines(header: list[str], rows: Iterator[list[str]], *, delimiter: str, with_bom: bool) -> Iterator[str]:
    writer = csv.writer(Line(), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    yield ("\ufeff" if with_bom else "") + writer.writerow(header)
    for row in rows:
        yield writer.writerow(row)


def _row(finding: Finding, language: str, severities: dict[str, str]) -> list[str]:
    amount = "" if finding.amount_cents is None else _amount(finding.amount_cents, language)
    return [
        "" if finding.line is None else str(finding.line),
        safe_cell(finding.column_label),
        severities[finding.severity],
        finding.code,
        title_of(finding.code, language),
        safe_cell(finding.value),
        safe_cell(message_of(finding, language)),
        safe_cell(finding.suggestion or ""),
        amount,
    ]


def _amount(cents: int, language: str) -> str:
    text = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    return text.replace(".", ",") if language.startswith(FRENCH) else text


formats.register(FindingsCsv.name, FindingsCsv())
