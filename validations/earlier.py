"""What earlier runs of the organization hold, handed to the engine where a rule looks back at them."""

import csv
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet
from django.utils import timezone

from validations.engine.check import EARLIER_COLUMNS, Check, EarlierRun, Span
from validations.models import BillingRecord, RunStatus, ValidationRun, Verdict
from validations.replacing import replaced_by

# Rows between two looks at whether the job was cancelled; that many are in memory at once.
CHUNK_ROWS = 5_000
_FIELDS = ("result_id", *EARLIER_COLUMNS[1:])


def hand_over(check: Check, run: ValidationRun, checkpoint: Callable[[], None]) -> int:
    """How many earlier records the rules of this check may look at.

    Only days, codes and runs that a rule asks for leave the database, a part at a time; the engine keeps those that a
    row of this file can meet.

    Raises: whatever `checkpoint` raises.
    """
    spans = check.look_back()
    runs = earlier_runs(run, spans) if spans else []
    if not runs:
        return 0
    records = _records(run, spans, runs)
    count = 0
    with check.earlier_path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for count, record in enumerate(records, start=1):
            writer.writerow(record)
            if count % CHUNK_ROWS == 0:
                checkpoint()
    check.load_earlier(runs)
    return count


def earlier_runs(run: ValidationRun, spans: Sequence[Span]) -> list[EarlierRun]:
    """The organization's runs that were sent before this one and completed, the oldest first.

    Left out are those this one stands in for, and those whose dates of service no span touches; refused ones too,
    unless a rule wants them.
    """
    first, last = min(span.first for span in spans), max(span.last for span in spans)
    runs = ValidationRun.objects.for_organization(run.organization_id).filter(
        status=RunStatus.COMPLETED, created_at__lt=run.created_at, result__isnull=False
    )
    if not any(span.includes_refused for span in spans):
        runs = runs.exclude(verdict=Verdict.REFUSED)
    outside = Q(result__first_day__gt=last) | Q(result__last_day__lt=first)
    found = runs.exclude(pk__in=replaced_by(run)).exclude(outside).order_by("created_at")
    return [
        EarlierRun(
            number=earlier.result_id or 0,
            id=str(earlier.pk),
            file_name=earlier.file_name,
            day=timezone.localdate(earlier.created_at),
            is_refused=earlier.verdict == Verdict.REFUSED,
        )
        for earlier in found.only("result_id", "file_name", "created_at", "verdict", "organization_id")
    ]


def _records(
    run: ValidationRun, spans: Sequence[Span], runs: Sequence[EarlierRun]
) -> Iterator[tuple[object, ...]]:
    """The records that a rule asks for, run by run, in EARLIER_COLUMNS order."""
    asked = reduce(or_, (_condition(span) for span in spans))
    for earlier in runs:
        records: QuerySet[BillingRecord] = BillingRecord.objects.for_organization(run.organization_id)
        rows = records.filter(asked, result_id=earlier.number).values_list(*_FIELDS)
        yield from rows.order_by().iterator(chunk_size=CHUNK_ROWS)


def _condition(span: Span) -> Q:
    days = Q(service_date__gte=span.first, service_date__lte=span.last)
    return days if span.codes is None else days & Q(code__in=span.codes)
