"""A report for programs, streamed: the run, how its file was read, the summary, and every finding.

Its form is described by docs/report.schema.json.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy

from validations.exports import Format, Source, formats
from validations.exports.csv import in_blocks
from validations.models import Finding, ValidationRun
from validations.sentences import message_of, title_of

# Grows with each change that a program could stumble over.
VERSION = 1


class ReportJson(Format):
    """The whole report for programs."""

    name = "report-json"
    title = gettext_lazy("Report as JSON")
    hint = gettext_lazy("The run, how it was read, the summary and every finding, for programs")
    extension = "json"
    suffix = gettext_lazy("report")
    content_type = "application/json"
    position = 70

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The report, a finding a line."""
        return in_blocks(_lines(source))


def _lines(source: Source) -> Iterator[str]:
    run = source.run
    head = {
        "version": VERSION,
        "language": source.language,
        "createdAt": timezone.now().isoformat(),
        "run": _run(run),
        "reading": source.veil.over_reading(run.reading),
        "summary": source.veil.over_summary(run.summary),
    }
    yield _text(head)[:-1] + ',"findings":['
    before = "\n"
    for finding in source.findings():
        yield before + _text(_finding(finding, source.language))
        before = ",\n"
    yield "\n]}\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _run(run: ValidationRun) -> dict[str, Any]:
    return {
        "validationId": str(run.pk),
        "fileName": run.file_name,
        "sizeBytes": run.size_bytes,
        "sha256": run.sha256,
        "profile": run.profile.name,
        "profileVersion": run.profile.version,
        "createdAt": run.created_at.isoformat(),
        "finishedAt": run.finished_at.isoformat() if run.finished_at else None,
        "verdict": run.verdict or None,
        "errorCount": run.error_count,
        "warningCount": run.warning_count,
        "infoCount": run.info_count,
        "amountTotalCents": run.amount_total_cents,
        "amountAtStakeCents": run.amount_at_stake_cents,
    }


def _finding(finding: Finding, language: str) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": title_of(finding.code, language),
        "line": finding.line,
        "row": finding.row,
        "columnIndex": finding.column_index,
        "column": finding.column_label,
        "field": finding.field,
        "value": finding.value,
        "message": message_of(finding, language),
        "suggestion": finding.suggestion,
        "amountCents": finding.amount_cents,
    }


formats.register(ReportJson.name, ReportJson())
