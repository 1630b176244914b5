"""Every legal change of a job's status, and the only code that writes one (docs/job-lifecycle.md).

A change is one conditional update: it names the status it expects, and for a running job the fence it holds.
Whoever comes late changes no row. Each change leaves an event in the job's timeline, in the same transaction.
Times come from the database's clock, so that the clocks of the machines do not matter.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from jobs import live
from jobs.errors import FencedError, IllegalTransitionError
from jobs.models import FINAL_STATUSES, WAITING_STATUSES, Attempt, AttemptOutcome, Job, JobEvent, JobStatus
from jobs.querysets import update_returning
from jobs.signals import job_finished, job_retrying, job_started

logger = logging.getLogger(__name__)

S = JobStatus

LEGAL: dict[JobStatus, frozenset[JobStatus]] = {
    S.SCHEDULED: frozenset({S.QUEUED, S.CANCELLED}),
    S.HELD: frozenset({S.QUEUED, S.CANCELLED}),
    S.QUEUED: frozenset({S.RUNNING, S.HELD, S.CANCELLED}),
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.RETRYING, S.SCHEDULED, S.QUEUED, S.CANCELLED}),
    S.RETRYING: frozenset({S.QUEUED, S.CANCELLED}),
    S.BLOCKED: frozenset({S.QUEUED, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    # A person may give an ended job another chance.
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}


class Cause(models.TextChoices):
    """Why a status changed; stored in the timeline."""

    ENQUEUED = "enqueued", _("Enqueued")
    DUE = "due", _("Its time came")
    CLAIMED = "claimed", _("A worker took it")
    RETURNED = "returned", _("The task ended well")
    RAISED = "raised", _("The task failed")
    PERMANENT = "permanent", _("The task failed for good")
    TIME_LIMIT = "time_limit", _("The time limit was over")
    LEASE_OVER = "lease_over", _("Its worker gave no sign of life")
    PROCESS_DIED = "process_died", _("Its process died")
    HANDED_BACK = "handed_back", _("Its worker was asked to stop")
    POSTPONED = "postponed", _("The task asked for a later time")
    CANCEL_ASKED = "cancel_asked", _("Cancellation was asked for")
    CANCELLED = "cancelled", _("Cancelled")
    RETRIED = "retried", _("Retried by hand")
    RUN_NOW = "run_now", _("Started early by hand")
    REDIS_AWAY = "redis_away", _("Redis is away")
    REDIS_BACK = "redis_back", _("Redis is back")


@dataclass(frozen=True, slots=True)
class Seat:
    """Who runs an attempt."""

    worker: str
    host: str
    # Of the process that claims: a worker's parent, whose work-horse has one of its own.
    pid: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an attempt when it ends; holds no value of a file."""

    error_class: str = ""
    error_message: str = ""
    traceback: str = ""
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """The columns of the attempt's row."""
        return {
            "error_class": self.error_class[:200],
            "error_message": self.error_message[:500],
            "traceback": self.traceback,
            "peak_memory_bytes": self.peak_memory_bytes,
            "cpu_seconds": self.cpu_seconds,
            "log": self.log,
        }


def create(job: Job, *, delay: timedelta | None = None) -> Job:
    """The job, now a row: ready to be sent, or scheduled for later.

    A job that is ready counts as sent from the start: whoever created it sends it after the commit, and a
    dispatcher that does not find it in Redis sends it again.
    """
    later = bool(delay and delay > timedelta(0))
    job.status = S.SCHEDULED if later else S.QUEUED
    job.created_at = Now()
    job.due_at = Now() + delay if later else Now()
    job.sent_at = None if later else Now()
    with transaction.atomic(savepoint=False):
        job.save(force_insert=True)
        _note([job], "", Cause.ENQUEUED)
    for name in ("created_at", "due_at", "sent_at"):
        # The database chose them; they are read when somebody asks.
        job.__dict__.pop(name)
    return job


def claim(job_id: UUID, seat: Seat) -> Job | None:
    """The job, now running with a new fence and a lease; None when it is not there to be taken."""
    with transaction.atomic():
        moved = _move(
            Job.objects.filter(pk=job_id, cancel_requested_at=None),
            S.QUEUED,
            S.RUNNING,
            Cause.CLAIMED,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            lease_until=Now() + lease(),
            started_at=Now(),
            worker=seat.worker,
            progress_done=0,
            progress_total=0,
            progress_message="",
        )
        for job in moved:
            _open_attempt(job, seat)
            job_started.send(sender=Job, job=job)
    return moved[0] if moved else None


def lease() -> timedelta:
    """How long an attempt counts as alive after each sign of life."""
    return timedelta(seconds=settings.JOBS_LEASE_SECONDS)


def renew(job_id: UUID, fence: int) -> Job | None:
    """The running job with a new lease; None when this attempt no longer has it."""
    held = update_returning(_held(job_id, fence), lease_until=Now() + lease())
    return held[0] if held else None


def report_progress(job_id: UUID, fence: int, progress: dict[str, Any]) -> None:
    """Store how far the attempt is.

    Raises: FencedError when it no longer has the job.
    """
    if not _held(job_id, fence).update(**progress):
        raise FencedError
    transaction.on_commit(lambda: live.publish(f"job:{job_id}"), robust=True)


def succeed(job: Job, record: Record, **fields: Any) -> Job:
    """The job as succeeded.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(job, S.SUCCEEDED, Cause.RETURNED, AttemptOutcome.SUCCEEDED, record, **_CLEARED, **fields)


@contextmanager
def succeeding(job: Job) -> Iterator[None]:
    """A transaction that begins by making sure of the job; `finish_success` has to end it.

    Raises: FencedError when the attempt no longer has the job.
    """
    with transaction.atomic():
        if not _held(job.pk, job.fence).update(status=S.SUCCEEDED):
            raise FencedError
        yield


def finish_success(job: Job, record: Record, **fields: Any) -> Job:
    """The succeeded job with its last fields, inside the transaction of `succeeding`."""
    rows = Job.objects.filter(pk=job.pk, fence=job.fence, status=S.SUCCEEDED)
    done = update_returning(rows, finished_at=Now(), lease_until=None, **_CLEARED, **fields)
    _note(done, S.RUNNING, Cause.RETURNED)
    _close_attempt(job, AttemptOutcome.SUCCEEDED, record)
    job_finished.send(sender=Job, job=done[0])
    _announce([job.pk])
    return done[0]


def fail(job: Job, record: Record, cause: Cause, *, error_code: str, **fields: Any) -> Job:
    """The job as failed for good.

    Raises: FencedError when the attempt no longer has the job.
    """
    outcome = AttemptOutcome.LOST if cause in _LOSSES else AttemptOutcome.FAILED
    return _end(job, S.FAILED, cause, outcome, record, error_code=error_code, **_error_of(record), **fields)


def retry_later(job: Job, record: Record, cause: Cause, delay: timedelta, **fields: Any) -> Job:
    """The job as waiting for its next attempt.

    Raises: FencedError when the attempt no longer has the job.
    """
    outcome = AttemptOutcome.LOST if cause in _LOSSES else AttemptOutcome.FAILED
    return _end(
        job,
        S.RETRYING,
        cause,
        outcome,
        record,
        due_at=Now() + delay,
        sent_at=None,
        **_error_of(record),
        **fields,
    )


def postpone(job: Job, record: Record, delay: timedelta, **fields: Any) -> Job:
    """The job as scheduled again, at no cost of an attempt.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(
        job,
        S.SCHEDULED,
        Cause.POSTPONED,
        AttemptOutcome.POSTPONED,
        record,
        due_at=Now() + delay,
        sent_at=None,
        attempt=F("attempt") - 1,
        **fields,
    )


def hand_back(job: Job, record: Record, **fields: Any) -> Job:
    """The job back in its queue, at no cost of an attempt.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(
        job,
        S.QUEUED,
        Cause.HANDED_BACK,
        AttemptOutcome.HANDED_BACK,
        record,
        due_at=Now(),
        sent_at=None,
        attempt=F("attempt") - 1,
        **fields,
    )


def end_cancelled(job: Job, record: Record, **fields: Any) -> Job:
    """The running job as cancelled.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(job, S.CANCELLED, Cause.CANCELLED, AttemptOutcome.CANCELLED, record, **fields)


def cancel_waiting(rows: QuerySet[Job], cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The waiting jobs among these, now cancelled."""
    with transaction.atomic():
        cancelled = [
            job
            for status in sorted(WAITING_STATUSES)
            for job in _move(rows, status, S.CANCELLED, cause, by_id=by_id, finished_at=Now())
        ]
        for job in cancelled:
            job_finished.send(sender=Job, job=job)
    return cancelled


def ask_to_cancel(rows: QuerySet[Job], *, by_id: int | None = None) -> list[Job]:
    """The running jobs among these that were not asked before; each stops at its next checkpoint."""
    with transaction.atomic():
        running = rows.filter(status=S.RUNNING, cancel_requested_at=None)
        asked = update_returning(running, cancel_requested_at=Now())
        _note(asked, S.RUNNING, Cause.CANCEL_ASKED, by_id=by_id)
        _announce([job.pk for job in asked])
    return asked


def release(rows: QuerySet[Job], status: JobStatus, cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The jobs that waited in that status, now queued and to be sent."""
    return _move(rows, status, S.QUEUED, cause, by_id=by_id, sent_at=None)


def hold(rows: QuerySet[Job], cause: Cause) -> list[Job]:
    """The queued jobs among these, now held back."""
    return _move(rows, S.QUEUED, S.HELD, cause, sent_at=None)


def restart(
    rows: QuerySet[Job], status: JobStatus, *, more_attempts: int, by_id: int | None = None
) -> list[Job]:
    """The ended jobs with that status, queued again with more attempts; their history stays."""
    if status not in FINAL_STATUSES:
        raise IllegalTransitionError(f"a {status} job has not ended")
    return _move(
        rows,
        status,
        S.QUEUED,
        Cause.RETRIED,
        by_id=by_id,
        max_attempts=F("attempt") + more_attempts,
        due_at=Now(),
        sent_at=None,
        finished_at=None,
        cancel_requested_at=None,
        progress_done=0,
        progress_total=0,
        progress_message="",
        result=None,
        **_CLEARED,
    )


def leave_announcing_to_parent(job_id: UUID) -> None:
    """Have this process say nothing of that job's changes: its parent does, with a connection that it has anyway.

    A work-horse lives for one job; a connection to Redis of its own would cost it more than the claim.
    """
    _announced_elsewhere.add(job_id)


def locked(rows: QuerySet[Job], limit: int) -> list[UUID]:
    """Ids of up to so many of the rows, locked against other dispatchers until the transaction ends.

    SQLite has no row locks and needs none: a transaction that writes is alone there.
    """
    return list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])


_announced_elsewhere: set[UUID] = set()
_LOSSES = frozenset({Cause.LEASE_OVER, Cause.PROCESS_DIED})
_CLEARED: dict[str, Any] = {"error_code": "", "error_params": {}, "error_class": "", "error_message": ""}


def _error_of(record: Record) -> dict[str, Any]:
    return {"error_class": record.error_class[:200], "error_message": record.error_message[:500]}


def _held(job_id: UUID, fence: int) -> QuerySet[Job]:
    """The job, if this attempt still has it."""
    return Job.objects.filter(pk=job_id, fence=fence, status=S.RUNNING)


def _move(
    rows: QuerySet[Job],
    status: JobStatus,
    to: JobStatus,
    cause: Cause,
    *,
    by_id: int | None = None,
    **fields: Any,
) -> list[Job]:
    """Those of the rows that had the status, now with the other one and an event each."""
    if to not in LEGAL[status]:
        raise IllegalTransitionError(f"a {status} job cannot become {to}")
    with transaction.atomic(savepoint=False):
        moved = update_returning(rows.filter(status=status), status=to, **fields)
        _note(moved, status, cause, by_id=by_id)
        _announce([job.pk for job in moved])
    return moved


def _end(
    job: Job, to: JobStatus, cause: Cause, outcome: AttemptOutcome, record: Record, **fields: Any
) -> Job:
    """The running job after its attempt, with the attempt closed and everybody told.

    A job that would go on although somebody asked to cancel it is cancelled instead.
    """
    held = _held(job.pk, job.fence)
    if to in FINAL_STATUSES:
        fields["finished_at"] = Now()
    else:
        held = held.filter(cancel_requested_at=None)
    with transaction.atomic():
        moved = _move(held, S.RUNNING, to, cause, lease_until=None, **fields)
        if moved:
            _close_attempt(job, outcome, record)
            _tell(moved[0])
    if moved:
        return moved[0]
    if to in FINAL_STATUSES:
        raise FencedError
    return end_cancelled(job, record)


def _tell(job: Job) -> None:
    if job.status in FINAL_STATUSES:
        job_finished.send(sender=Job, job=job)
    elif job.status == S.RETRYING:
        job_retrying.send(sender=Job, job=job)


def _note(jobs: Sequence[Job], status: str, cause: Cause, *, by_id: int | None = None) -> None:
    if jobs:
        JobEvent.objects.bulk_create(
            JobEvent(job=job, at=Now(), from_status=status, to_status=job.status, cause=cause, by_id=by_id)
            for job in jobs
        )


def _open_attempt(job: Job, seat: Seat) -> None:
    started_at = job.started_at or job.due_at
    waited = started_at - job.due_at
    Attempt.objects.create(
        job=job,
        number=job.attempt,
        fence=job.fence,
        worker=seat.worker,
        host=seat.host,
        pid=seat.pid,
        started_at=started_at,
        wait_ms=max(0, round(waited.total_seconds() * 1000)),
    )


def _close_attempt(job: Job, outcome: AttemptOutcome, record: Record) -> None:
    Attempt.objects.filter(job_id=job.pk, fence=job.fence).update(
        outcome=outcome, ended_at=Now(), **record.fields()
    )


def _announce(job_ids: Iterable[UUID]) -> None:
    topics = [f"job:{job_id}" for job_id in job_ids if job_id not in _announced_elsewhere]
    if topics:
        transaction.on_commit(lambda: live.publish(*topics), robust=True)
