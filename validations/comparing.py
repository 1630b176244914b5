"""How the findings of a run differ from those of an earlier one: fixed, new, still there.

A finding is the same one in both when its key is (`engine.identity`): the same rule, field and record. The counts by
rule are made once, by the worker for the run of the same kind before it, else when somebody first asks.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from validations.models import Comparison, Finding, ResultSet, RunStatus, ValidationRun
from validations.querysets import Page, findings_of, page_of_ids

KINDS = ("fixed", "new", "still")
# Earlier runs that are offered, and looked through for one with the same columns.
OFFERED = 50


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What became of the findings of one rule."""

    code: str
    severity: str
    fixed: int
    new: int
    still: int


def earlier_runs(run: ValidationRun) -> QuerySet[ValidationRun]:
    """The organization's completed runs of the same profile before this one, the newest first."""
    runs: QuerySet[ValidationRun] = ValidationRun.objects.for_organization(run.organization_id)
    return (
        runs.filter(status=RunStatus.COMPLETED, profile__name=run.profile.name, created_at__lt=run.created_at)
        .defer("summary")
        .order_by("-created_at")
    )


def previous_run(run: ValidationRun, reading: dict[str, Any] | None = None) -> ValidationRun | None:
    """The earlier run to compare with: the one it repeats, else one of its file name, else one with its columns."""
    runs = earlier_runs(run)
    if run.repeats_id and (repeated := runs.filter(pk=run.repeats_id).first()):
        return repeated
    if same_name := runs.filter(file_name=run.file_name).first():
        return same_name
    labels = _labels(reading or run.reading)
    return next(
        (earlier for earlier in runs[:OFFERED] if labels and _labels(earlier.reading) == labels), None
    )


def comparison_of(run: ValidationRun, earlier: ValidationRun) -> tuple[RuleChange, ...]:
    """What became of the findings of each rule, the most changed first; counted once and then kept."""
    kept = Comparison.objects.for_organization(run.organization_id).filter(run=run, earlier=earlier).first()
    counts = kept.counts if kept else keep(run, earlier, count(run.result_id, earlier.result_id))
    changes = [RuleChange(**row) for row in counts]
    return tuple(sorted(changes, key=lambda change: (-change.fixed - change.new, -change.still, change.code)))


def keep(run: ValidationRun, earlier: ValidationRun, counts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The counts, kept for the next reader."""
    Comparison.unscoped.get_or_create(
        run=run, earlier=earlier, defaults={"organization_id": run.organization_id, "counts": counts}
    )
    return counts


def count(result_id: int | None, earlier_id: int | None) -> list[dict[str, Any]]:
    """How many findings of each rule are new, still there and fixed between two result sets."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for own, other, left in ((result_id, earlier_id, "new"), (earlier_id, result_id, "fixed")):
        for code, severity, total, shared in _matched(own, other):
            entry = totals.setdefault((code, severity), dict.fromkeys(KINDS, 0))
            entry[left] += total - shared
            if left == "new":
                entry["still"] += shared
    return [{"code": code, "severity": severity, **entry} for (code, severity), entry in totals.items()]


def is_comparable(run: ValidationRun) -> bool:
    """Whether the run's findings have keys; those of runs from before there were any have none."""
    return run.result_id is not None and not findings_of(run).filter(key=None)[:1].exists()


def compared_page(
    run: ValidationRun, earlier: ValidationRun, change: RuleChange, kind: str, *, page: int, per_page: int
) -> Page:
    """One page of the findings of a rule that are fixed, new or still there."""
    shown, other = (earlier, run) if kind == "fixed" else (run, earlier)
    same = Exists(
        Finding.unscoped.filter(result_id=other.result_id, key=OuterRef("key"), code=OuterRef("code"))
    )
    findings = Finding.unscoped.filter(result_id=shown.result_id, code=change.code, severity=change.severity)
    findings = findings.filter(same if kind == "still" else ~same).order_by("line", "id")
    return page_of_ids(shown, findings, number=page, per_page=per_page, total=getattr(change, kind))


def compare_with_previous(run: ValidationRun, result: ResultSet, reading: dict[str, Any]) -> None:
    """Count how a run that is about to be completed differs from the run of its kind before it."""
    earlier = previous_run(run, reading)
    if earlier is not None and is_comparable(earlier):
        keep(run, earlier, count(result.pk, earlier.result_id))


def _matched(own: int | None, other: int | None) -> list[tuple[str, str, int, int]]:
    """For each rule and severity of one result set: how many findings it has, and how many the other has too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.code, f.severity, count(*), count(o.key) FROM validations_finding f LEFT JOIN "
            "validations_finding o ON o.result_id = %s AND o.key = f.key AND o.code = f.code "
            "WHERE f.result_id = %s GROUP BY f.code, f.severity",
            [other, own],
        )
        return list(cursor.fetchall())


def _labels(reading: dict[str, Any]) -> list[str]:
    return [str(column.get("label", "")) for column in reading.get("columns", [])]
