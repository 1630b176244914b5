"""What the rows have to say when everything is over; each sentence of it is a promise of the platform."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count

from jobs.lifecycle import LEGAL
from jobs.models import (
    FINAL_STATUSES,
    Attempt,
    AttemptOutcome,
    Batch,
    BatchStatus,
    Job,
    JobDependency,
    JobEvent,
    JobStatus,
)
from tests.soak import tasks
from tests.soak.models import Effect, Execution

S = JobStatus
# How a job of each kind may end.
ENDS: dict[str, frozenset[JobStatus]] = {
    "short": frozenset({S.SUCCEEDED}),
    "long": frozenset({S.SUCCEEDED}),
    "deaf": frozenset({S.SUCCEEDED}),
    "flaky": frozenset({S.SUCCEEDED}),
    "later": frozenset({S.SUCCEEDED}),
    "chain": frozenset({S.SUCCEEDED}),
    "batch": frozenset({S.SUCCEEDED}),
    # What it waited for failed.
    "orphan": frozenset({S.CANCELLED}),
    "hopeless": frozenset({S.FAILED}),
    "deadly": frozenset({S.FAILED}),
    # Somebody asked to cancel it: it may have been faster.
    "asked": frozenset({S.SUCCEEDED, S.CANCELLED}),
}


@dataclass
class Verdict:
    """What was found wrong, and the figures of the report."""

    problems: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    repeated: int = 0


def unfinished() -> int:
    """The number of jobs and batches that have not reached a final state."""
    return Job.objects.active().count() + Batch.objects.filter(finished_at=None).count()


def examine(accepted: dict[UUID, str]) -> Verdict:
    """Every promise, held against every row."""
    rows = {job.pk: job for job in Job.objects.all()}
    effects: Counter[UUID] = Counter(Effect.objects.values_list("job_id", flat=True))
    verdict = Verdict(statuses=Counter(job.status for job in rows.values()))
    verdict.attempts.update(Attempt.objects.values_list("outcome", flat=True))
    counted = Execution.objects.values("job_id").annotate(times=Count("pk"))
    verdict.repeated = counted.filter(times__gt=1).count()
    verdict.problems += [
        f"{kind} job {pk} was accepted and is lost" for pk, kind in accepted.items() if pk not in rows
    ]
    for pk, job in rows.items():
        verdict.problems += _problems_of(job, accepted.get(pk), effects[pk])
    verdict.problems += _attempt_problems(rows)
    verdict.problems += _timeline_problems(rows)
    verdict.problems += _order_problems(rows)
    return verdict


def _problems_of(job: Job, kind: str | None, effects: int) -> Iterator[str]:
    """A row that nobody was promised is of a commit whose answer was lost: it has to end as well."""
    if job.status not in FINAL_STATUSES:
        yield f"{job} is still {job.status}"
    if kind and job.status not in ENDS[kind]:
        yield f"{kind} job {job.pk} ended {job.status} ({job.error_code or job.error_class})"
    expected = 1 if job.status == S.SUCCEEDED else 0
    if effects != expected:
        yield f"{job} is {job.status} and has {effects} effects"


def _attempt_problems(rows: dict[UUID, Job]) -> Iterator[str]:
    for attempt in Attempt.objects.filter(outcome=AttemptOutcome.RUNNING):
        yield f"attempt {attempt} never ended"
    succeeded = Counter(
        Attempt.objects.filter(outcome=AttemptOutcome.SUCCEEDED).values_list("job_id", flat=True)
    )
    for pk, job in rows.items():
        if succeeded[pk] != (job.status == S.SUCCEEDED):
            yield f"{job} is {job.status} with {succeeded[pk]} succeeded attempts"


def _order_problems(rows: dict[UUID, Job]) -> Iterator[str]:
    """A job that waits for another one has its effect after it; a batch has one job at its end, after all others."""
    order = {effect.job_id: effect.pk for effect in Effect.objects.all()}
    for link in JobDependency.objects.all():
        both = order.get(link.parent_id), order.get(link.job_id)
        if both[0] and both[1] and both[0] > both[1]:
            yield f"job {link.job_id} ran before {link.parent_id}, for which it waits"
    closing = tasks.close.name
    closers = Counter(str(job.arguments["batch_id"]) for job in rows.values() if job.task == closing)
    for batch in Batch.objects.all():
        if batch.status != BatchStatus.SUCCEEDED or closers[str(batch.pk)] != 1:
            yield f"batch {batch.pk} is {batch.status} and has {closers[str(batch.pk)]} jobs at its end"
        first = order.get(batch.completion_job_id) if batch.completion_job_id else None
        members = [order.get(pk) or 0 for pk in batch.jobs.values_list("pk", flat=True)]
        if first and max(members) > first:
            yield f"batch {batch.pk} was closed before its last job"


def _timeline_problems(rows: dict[UUID, Job]) -> Iterator[str]:
    """Each job's events lead from its first to its last status, by legal moves only."""
    last: dict[UUID, str] = {}
    for event in JobEvent.objects.order_by("id").iterator():
        before = last.get(event.job_id, "")
        if event.from_status != before:
            yield f"job {event.job_id} was {before} and moved from {event.from_status}"
        moved = event.from_status and event.from_status != event.to_status
        if moved and event.to_status not in LEGAL[JobStatus(event.from_status)]:
            yield f"job {event.job_id} moved from {event.from_status} to {event.to_status}"
        last[event.job_id] = event.to_status
    for pk, job in rows.items():
        if last.get(pk) != job.status:
            yield f"{job} is {job.status}, and its timeline ends {last.get(pk)}"
