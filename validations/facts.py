"""What is said first of a completed run, as labels and values: for the sheets and reports that leave the site."""

from dataclasses import dataclass
from typing import Literal

from django.utils import timezone
from django.utils.translation import gettext as _

from validations.models import ValidationRun, Verdict
from validations.templatetags.bordereau import character, encoding_name

_TONES = {Verdict.REFUSED: "error", Verdict.ACCEPTED_WITH_WARNINGS: "warning"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: a label, and a text, a count, or an amount in cents."""

    label: str
    value: str | int | None
    kind: Literal["text", "count", "money"] = "text"
    severity: str = ""


def facts_of(run: ValidationRun) -> list[Fact]:
    """The verdict, the counts, the amounts, and how the file was read."""
    return [*origin_facts(run), *_counts(run), *_amounts(run), *reading_facts(run)]


def amount_accepted_cents(run: ValidationRun) -> int:
    """What the payer can accept as the file is."""
    total, at_stake = run.amount_total_cents or 0, run.amount_at_stake_cents or 0
    return int(run.summary.get("amount_accepted_cents", total - at_stake))


def reading_facts(run: ValidationRun) -> list[Fact]:
    """How the file was read."""
    reading = run.reading
    header = reading.get("header_line")
    return [
        Fact(_("Encoding"), encoding_name(reading.get("encoding"))),
        Fact(_("Separator"), character(reading.get("delimiter"))),
        Fact(_("Quote character"), character(reading.get("quotechar"))),
        Fact(_("Column names"), _("line %(line)d") % {"line": header} if header else _("none in the file")),
        Fact(_("Lines skipped before"), reading.get("skipped_lines") or 0, "count"),
        Fact(_("Columns"), len(reading.get("columns", [])), "count"),
    ]


def origin_facts(run: ValidationRun) -> list[Fact]:
    """The verdict, and where it comes from: file, format, times."""
    verdict = str(run.get_verdict_display())
    return [
        Fact(_("Result"), verdict, severity=_TONES.get(Verdict(run.verdict), "") if run.verdict else ""),
        Fact(_("File"), run.file_name),
        Fact(_("File format"), f"{run.profile.title} v{run.profile.version}"),
        Fact(_("Sent"), _moment(run.created_at)),
        Fact(_("Checked"), _moment(run.finished_at)),
    ]


def _counts(run: ValidationRun) -> list[Fact]:
    summary = run.summary
    return [
        Fact(_("Rows"), summary.get("rows", 0), "count"),
        Fact(_("Rows checked"), summary.get("rows_checked", summary.get("rows", 0)), "count"),
        Fact(_("Rows with errors"), summary.get("rows_with_errors", 0), "count"),
        Fact(_("Errors"), run.error_count, "count"),
        Fact(_("Warnings"), run.warning_count, "count"),
        Fact(_("Remarks"), run.info_count, "count"),
    ]


def _amounts(run: ValidationRun) -> list[Fact]:
    if run.amount_total_cents is None:
        return []
    return [
        Fact(_("Total amount"), run.amount_total_cents, "money"),
        Fact(_("Amount accepted"), amount_accepted_cents(run), "money"),
        Fact(_("Amount at stake"), run.amount_at_stake_cents or 0, "money"),
    ]


def _moment(at: object) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at else "–"  # type: ignore[arg-type]  # a field
