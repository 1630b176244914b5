"""How the findings of a run differ from those of an earlier one: fixed, new, still there.

A finding is the same one in both when its key is (`engine.identity`): the same rule, field and record. The counts by
rule are made once, by the worker for the run of the same kind before it, else when somebody first asks.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from validations.models import Comparison, ResultSet, RunStatus, ValidationRun
from validations.querysets import Page, findings_of, page_of_listed

KINDS = ("fixed", "new", "still")
# Earlier runs that are offered, and looked through for one with the same columns.
OFFERED = 50
# Findings of one rule and kind that are listed: twenty pages.
LISTED = 500


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
    """The earlier run to compare with: the one it stands in for, else one of its name, else one with its columns."""
    runs = earlier_runs(run)
    if named := runs.filter(pk__in=[pk for pk in (run.replaces_id, run.repeats_id) if pk]).last():
        return named
    if same_name := runs.filter(file_name=run.file_name).first():
        return same_name
    labels = _labels(reading or run.reading)
    return next(
        (earlier for earlier in runs[:OFFERED] if labels and _labels(earlier.reading) == labels), None
    )


def comparison_of(run: ValidationRun, earlier: ValidationRun) -> Comparison:
    """How the two runs differ; counted once and then kept."""
    kept: Comparison | None = (
        Comparison.objects.for_organization(run.organization_id).filter(run=run, earlier=earlier).first()
    )
    return kept or keep(run, earlier, *differences(run.result_id, earlier.result_id))


def changes_of(comparison: Comparison) -> tuple[RuleChange, ...]:
    """What became of the findings of each rule, the most changed first."""
    changes = [RuleChange(**row) for row in comparison.counts]
    return tuple(sorted(changes, key=lambda change: (-change.fixed - change.new, -change.still, change.code)))


def keep(
    run: ValidationRun, earlier: ValidationRun, counts: list[dict[str, Any]], listed: dict[str, list[int]]
) -> Comparison:
    """The differences of two runs, kept for the next reader."""
    made, _is_new = Comparison.unscoped.get_or_create(
        run=run,
        earlier=earlier,
        defaults={"organization_id": run.organization_id, "counts": counts, "listed": listed},
    )
    return made


def differences(
    result_id: int | None, earlier_id: int | None
) -> tuple[list[dict[str, Any]], dict[str, list[int]]]:
    """How many findings of each rule are new, still there and fixed between two result sets, and the first of each."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    listed: dict[str, list[int]] = {}
    for own, other, left in ((result_id, earlier_id, "new"), (earlier_id, result_id, "fixed")):
        for code, severity, is_shared, count, finding_id in _matched(own, other):
            if is_shared and left == "fixed":
                continue
            kind = "still" if is_shared else left
            totals.setdefault((code, severity), dict.fromkeys(KINDS, 0))[kind] = count
            listed.setdefault(_place(kind, code, severity), []).append(finding_id)
    return [
        {"code": code, "severity": severity, **entry} for (code, severity), entry in totals.items()
    ], listed


def is_comparable(run: ValidationRun) -> bool:
    """Whether the run's findings have keys; those of runs from before there were any have none."""
    return run.result_id is not None and not findings_of(run).filter(key=None)[:1].exists()


def compared_page(comparison: Comparison, change: RuleChange, kind: str, *, page: int, per_page: int) -> Page:
    """One page of the findings of a rule that are fixed, new or still there; the first LISTED are listed."""
    ids = comparison.listed.get(_place(kind, change.code, change.severity), [])
    shown = comparison.earlier if kind == "fixed" else comparison.run
    return page_of_listed(
        shown, ids, number=page, per_page=per_page, has_more=getattr(change, kind) > len(ids)
    )


def compare_with_previous(run: ValidationRun, result: ResultSet, reading: dict[str, Any]) -> None:
    """Count how a run that is about to be completed differs from the run of its kind before it."""
    earlier = previous_run(run, reading)
    if earlier is not None and is_comparable(earlier):
        keep(run, earlier, *differences(result.pk, earlier.result_id))


def _matched(own: int | None, other: int | None) -> list[tuple[str, str, bool, int, int]]:
    """The first findings of each rule of one result set, those that the other has too apart, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT code, severity, is_shared, total, id FROM (SELECT f.code, f.severity, f.id, o.key IS NOT NULL "
            "AS is_shared, row_number() OVER (PARTITION BY f.code, f.severity, o.key IS NOT NULL "
            "ORDER BY f.line, f.id) AS place, count(*) OVER (PARTITION BY f.code, f.severity, o.key IS NOT NULL) "
            "AS total FROM validations_finding f LEFT JOIN validations_finding o ON o.result_id = %s "
            "AND o.key = f.key AND o.code = f.code WHERE f.result_id = %s) matched WHERE place <= %s ORDER BY place",
            [other, own, LISTED],
        )
        return list(cursor.fetchall())


def _place(kind: str, code: str, severity: str) -> str:
    return f"{kind} {code} {severity}"


def _labels(reading: dict[str, Any]) -> list[str]:
    return [str(column.get("label", "")) for column in reading.get("columns", [])]
