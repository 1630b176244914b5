"""Files that stand in for earlier ones: what was sent before, is corrected, and must not count as billed twice."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from validations.models import ValidationRun
from validations.querysets import findings_of

ALREADY_BILLED = "already-billed"
LOOKED_AT = 1_000


def replaced_by(run: ValidationRun) -> set[UUID]:
    """The runs that this one stands in for: what it repeats or replaces, what those do, and what replaced those."""
    found: set[UUID] = set()
    ahead = _named_by([run])
    while ahead:
        found |= ahead
        ahead = _named_by(ValidationRun.unscoped.filter(pk__in=ahead)) - found
    # Who corrects a file once more from its first page replaces the first correction too.
    others = ValidationRun.unscoped.filter(replaces__in=found).values_list("pk", flat=True)
    return (found | set(others)) - {run.pk}


def _named_by(runs: Iterable[ValidationRun]) -> set[UUID]:
    return {pk for run in runs for pk in (run.repeats_id, run.replaces_id) if pk is not None}


def likely_replaced(run: ValidationRun) -> ValidationRun | None:
    """The earlier run that most rows of this one were billed by already, as those of a corrected file are."""
    rows = run.summary.get("rows", 0)
    billed = sum(row["rows"] for row in run.summary.get("by_code", []) if row["code"] == ALREADY_BILLED)
    if not billed or billed * 2 < rows:
        return None
    # The first ones stand for all: a file of a million lines is not counted for each look at its page.
    first = findings_of(run).filter(code=ALREADY_BILLED).order_by("line")[:LOOKED_AT]
    by_run = Counter(str(params["run_id"]) for params in first.values_list("params", flat=True))
    ((run_id, count),) = by_run.most_common(1) or (("", 0),)
    if not count or count * billed * 2 < rows * by_run.total():
        return None
    earlier: ValidationRun | None = (
        ValidationRun.objects.for_organization(run.organization_id).filter(pk=run_id).first()
    )
    return earlier
