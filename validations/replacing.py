"""Files that stand in for earlier ones: what was sent before, is corrected, and must not count as billed twice."""

from collections.abc import Iterable
from uuid import UUID

from validations.models import ValidationRun
from validations.querysets import findings_of

ALREADY_BILLED = "already-billed"


def replaced_by(run: ValidationRun) -> set[UUID]:
    """The runs that this one stands in for: those it repeats or replaces, and those that they repeat or replace."""
    found: set[UUID] = set()
    ahead = _named_by([run])
    while ahead:
        found |= ahead
        ahead = _named_by(ValidationRun.unscoped.filter(pk__in=ahead)) - found
    return found - {run.pk}


def _named_by(runs: Iterable[ValidationRun]) -> set[UUID]:
    return {pk for run in runs for pk in (run.repeats_id, run.replaces_id) if pk is not None}


def likely_replaced(run: ValidationRun) -> ValidationRun | None:
    """The earlier run that most rows of this one were billed by already, as those of a corrected file are."""
    rows = sum(row["rows"] for row in run.summary.get("by_code", []) if row["code"] == ALREADY_BILLED)
    if rows * 2 < run.summary.get("rows", 0) or not rows:
        return None
    finding = findings_of(run).filter(code=ALREADY_BILLED).order_by("line").first()
    earlier = ValidationRun.objects.for_organization(run.organization_id)
    found: ValidationRun | None = (
        earlier.filter(pk=finding.params.get("run_id")).first() if finding is not None else None
    )
    return found
