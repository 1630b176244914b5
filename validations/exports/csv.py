"""Findings as CSV, streamed: the first line leaves before the last finding was read."""

import csv
from collections.abc import Iterator

from django.utils.translation import gettext as _

from validations.models import Finding, Severity
from validations.sentences import message_of, title_of

# A cell that begins so would be run as a formula by a spreadsheet; the last is full-width.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


class _Line:
    """Takes what the csv writer writes and hands it back."""

    def write(self, text: str) -> str:
        return text


def safe_cell(text: str) -> str:
    """The text, after an apostrophe when a spreadsheet would read it as a formula; numbers stay numbers."""
    if not text.startswith(_FORMULA_STARTS) or _is_plain_number(text):
        return text
    return f"'{text}"


def findings_csv(
    findings: Iterator[Finding], language: str, *, delimiter: str, with_bom: bool
) -> Iterator[str]:
    """The lines of the file, header first.

    A spreadsheet with French settings wants `;` and a byte-order mark to open the file rightly.
    """
    # Translated now: when the lines are sent, the request and its language are over.
    header = [
        _("Line"), _("Column"), _("Severity"), _("Rule"), _("Title"), _("Value"), _("Message"),
        _("Suggestion"), _("Amount"),
    ]  # fmt: skip
    severities = {member.value: str(member.label) for member in Severity}
    rows = (_row(finding, language, severities) for finding in findings)
    return _lines(header, rows, delimiter=delimiter, with_bom=with_bom)


def _lines(header: list[str], rows: Iterator[list[str]], *, delimiter: str, with_bom: bool) -> Iterator[str]:
    writer = csv.writer(_Line(), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
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
    return text.replace(".", ",") if language == "fr" else text


def _is_plain_number(text: str) -> bool:
    digits = text[1:].replace(",", ".", 1).replace(".", "", 1)
    return text[0] in "+-" and digits.isascii() and digits.isdigit()
