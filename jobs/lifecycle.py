"""Every legal change of a job's status, and the only door to one (docs/job-lifecycle.md).

A change is one conditional update: it names the status it expects, and for a running job the fence it holds.
Whoever comes late changes no row. Each change leaves an event in the job's timeline, in the same transaction.
Times come from the database's clock, so that the clocks of the machines do not matter.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Least, Now
from django.utils.translation import gettext_lazy as _

from jobs import admission, live, statements
from jobs.admission import Seat
from jobs.errors import FencedError, IllegalTransitionError
from jobs.fingerprints import fingerprint
from jobs.models import (
    FINAL_STATUSES,
    WAITING_STATUSES,
    AttemptOutcome,
    HoldReason,
    Job,
    JobStatus,
)
from jobs.querysets import locked, update_returning
from jobs.queues import policy_of
from jobs.signals import JobSignal, job_finished, job_put_back, job_retrying
from jobs.statements import CLEARED, Step
from jobs.waking import have_look, wake

logger = logging.getLogger(__name__)

S = JobStatus

LEGAL: dict[JobStatus, frozenset[JobStatus]] = {
    S.SCHEDULED: frozenset({S.QUEUED, S.CANCELLED}),
    S.HELD: frozenset({S.QUEUED, S.CANCELLED}),
    S.QUEUED: frozenset({S.RUNNING, S.HELD, S.CANCELLED}),
    S.RUNNING: frozenset({S.SUCCEEDED, S.FAILED, S.RETRYING, S.SCHEDULED, S.QUEUED, S.CANCELLED}),
    S.RETRYING: frozenset({S.QUEUED, S.CANCELLED}),
    S.BLOCKED: frozenset({S.QUEUED, S.SCHEDULED, S.CANCELLED}),
    S.SUCCEEDED: frozenset(),
    # A person may give an ended job another chance, or settle that a failed one needs none.
    S.FAILED: frozenset({S.QUEUED, S.CANCELLED}),
    S.CANCELLED: frozenset({S.QUEUED}),
}


# Rows of one statement that makes them unsent; no caller has more at a time.
MOST_UNSENT = 1000


class Cause(models.TextChoices):
    """Why a status changed; stored in the timeline."""

    ENQUEUED = "enqueued", _("Enqueued")
    SCHEDULE = "schedule", _("Enqueued by its schedule")
    CACHED = "cached", _("An earlier result stands for it")
    DUE = "due", _("Its time came")
    CLAIMED = "claimed", _("A worker took it")
    RETURNED = "returned", _("The task ended well")
    RAISED = "raised", _("The task failed")
    PERMANENT = "permanent", _("The task failed for good")
    TIME_LIMIT = "time_limit", _("The time limit was over")
    MEMORY_LIMIT = "memory_limit", _("The memory limit was passed")
    LEASE_OVER = "lease_over", _("Its worker gave no sign of life")
    PROCESS_DIED = "process_died", _("Its process died")
    HANDED_BACK = "handed_back", _("Its worker was asked to stop")
    POSTPONED = "postponed", _("The task asked for a later time")
    CANCEL_ASKED = "cancel_asked", _("Cancellation was asked for")
    CANCEL_STOP = "cancel_stop", _("It was interrupted, to cancel it")
    CANCEL_KILL = "cancel_kill", _("Its process was killed, to cancel it")
    CANCELLED = "cancelled", _("Cancelled")
    PARENT_ENDED = "parent_ended", _("What it waited for did not succeed")
    UNBLOCKED = "unblocked", _("What it waited for has ended")
    DISCARDED = "discarded", _("Discarded")
    RETRIED = "retried", _("Retried by hand")
    RUN_NOW = "run_now", _("Started early by hand")
    REDIS_AWAY = "redis_away", _("Redis is away")
    REDIS_BACK = "redis_back", _("Redis is back")
    PAUSED = "paused", _("Its queue or organization is paused")
    RESUMED = "resumed", _("The pause is over")


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an attempt when it ends; holds no value of a file."""

    error_class: str = ""
    error_message: str = ""
    traceback: str = ""
    peak_memory_bytes: int | None = None
    cpu_seconds: float | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    # Of an attempt that waited for others after its claim: for how long, and how long it took then. Else it lasted
    # from its claim until it is written that it ended.
    began_after_seconds: float | None = None
    ran_seconds: float | None = None

    def fields(self) -> dict[str, Any]:
        """The columns of the attempt's row that say how it went."""
        return {
            "error_class": self.error_class[:200],
            "error_message": self.error_message[:500],
            "traceback": self.traceback,
            "peak_memory_bytes": self.peak_memory_bytes,
            "cpu_seconds": self.cpu_seconds,
            "log": self.log,
        }

    def times(self, job: Job) -> dict[str, Any]:
        """The columns of the attempt's row that say when it was, as far as that is not known from elsewhere."""
        if self.began_after_seconds is None or job.started_at is None:
            return {}
        started_at = job.started_at + timedelta(seconds=self.began_after_seconds)
        waited = started_at - job.due_at
        times = {"started_at": started_at, "wait_ms": max(0, round(waited.total_seconds() * 1000))}
        if self.ran_seconds is not None:
            times["ended_at"] = started_at + timedelta(seconds=self.ran_seconds)
        return times


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that is to be created, and when it may run."""

    job: Job
    delay: timedelta | None = None
    # It waits for other jobs; its dependencies are written in the same transaction.
    blocked: bool = False


def create_many(
    entries: Sequence[Entry], *, cause: Cause = Cause.ENQUEUED, by_id: int | None = None
) -> list[Job]:
    """The jobs, now rows: ready to be sent, scheduled for later, or blocked.

    A job that is ready counts as sent from the start: whoever created it sends it after the commit, and a
    dispatcher that does not find it in Redis sends it again. On a gated queue the leader sends it when it may run.
    """
    jobs = [_prepared(entry) for entry in entries]
    statements.create(jobs, [entry.delay for entry in entries], Step("", cause, by_id))
    return jobs


def create_cached(job: Job, result: Any, *, by_id: int | None = None) -> Job:
    """The job, now a row that succeeded without a run: an earlier result stands for it."""
    job.status, job.result = S.SUCCEEDED, result
    job.created_at = job.due_at = job.finished_at = Now()
    with transaction.atomic(savepoint=False):
        job.save(force_insert=True)
        for name in ("created_at", "due_at", "finished_at"):
            job.__dict__.pop(name)
        statements.note([job], Step("", Cause.CACHED, by_id))
        job_finished.send(job)
        _follow([job])
    return job


def follow_with(function: Callable[[Sequence[Job]], None]) -> None:
    """Have the function called after each commit with the ended jobs that others wait for or that a batch counts."""
    _followers.append(function)


def _prepared(entry: Entry) -> Job:
    """The job with its first status and times."""
    job, delay = entry.job, entry.delay
    later = bool(delay and delay > timedelta(0))
    job.status = S.BLOCKED if entry.blocked else S.SCHEDULED if later else S.QUEUED
    job.sent_at = Now() if job.status == S.QUEUED and not policy_of(job.queue).is_gated else None
    return job


def claim(job_id: UUID, seat: Seat, queue: str = "") -> Job | None:
    """The job, now running with a new fence and a lease; None when it is not there to be taken.

    As `claim_many`, of one.
    """
    claimed = claim_many([job_id], seat, queue)
    return claimed[0] if claimed else None


def claim_many(ids: Sequence[UUID], seat: Seat, queue: str = "") -> list[Job]:
    """Those of the jobs that are now running, each with a new fence and a lease, in the given order.

    Whoever knows the queue of the jobs says it, and saves the question. A job that its queue does not let start
    now is held while it is paused; otherwise it counts as unsent, and the leader sends it when it may start.
    """
    claimed: list[Job] = []
    step = Step(S.QUEUED, Cause.CLAIMED)
    for name, those in _by_queue(ids, queue).items():
        claimed += admission.claim(those, name, seat, step)
    _announce([job.pk for job in claimed])
    if len(claimed) < len(ids):
        _keep_back_if_possible(set(ids) - {job.pk for job in claimed})
    return claimed


def _keep_back_if_possible(ids: Collection[UUID]) -> None:
    """As `_keep_back`; if the database fails, the claim of the others stands all the same."""
    try:
        _keep_back(ids)
    except (DatabaseError, InterfaceError) as error:
        if connection.in_atomic_block:
            raise
        # Their hints are spent, and are found missing.
        logger.warning("Jobs that may not start were not kept back: %s", type(error).__name__)


def _by_queue(ids: Sequence[UUID], queue: str) -> dict[str, list[UUID]]:
    if queue:
        return {queue: list(ids)}
    queues = dict(Job.objects.filter(pk__in=ids).values_list("pk", "queue"))
    found: dict[str, list[UUID]] = {}
    for job_id in ids:
        if job_id in queues:
            found.setdefault(queues[job_id], []).append(job_id)
    return found


def _keep_back(ids: Collection[UUID]) -> None:
    """Let those of the jobs that are ready and could not start wait where the leader finds them."""
    ready = Job.objects.filter(pk__in=ids, status=S.QUEUED, cancel_requested_at=None)
    waiting = list(ready.only("pk", "queue"))
    if not waiting:
        return
    held = {job.pk for job in hold(admission.covered_by_a_pause(ready), HoldReason.PAUSED, Cause.PAUSED)}
    full = [job for job in waiting if job.pk not in held and policy_of(job.queue).is_limited]
    if full and unsend(Job.objects.filter(pk__in=[job.pk for job in full])):
        _wake({job.queue for job in full})


def renew_many(held: Sequence[tuple[UUID, int]]) -> list[Job]:
    """Those of the running jobs, each with its fence, that have a new lease; the others are no longer theirs."""
    return update_returning(_all_held(held), lease_until=Now() + admission.lease())


def lend(job: Job, length: timedelta) -> None:
    """Give the running job a lease of that length: it runs where nobody renews one."""
    _held(job.pk, job.fence).update(lease_until=Now() + length)


def report_progress(job_id: UUID, fence: int, progress: dict[str, Any]) -> None:
    """Store how far the attempt is, which is a sign of life too: inside of a transaction nobody else can give one.

    Raises: FencedError when it no longer has the job.
    """
    later = Greatest("lease_until", Now() + admission.lease())
    if not _held(job_id, fence).update(lease_until=later, **progress):
        raise FencedError
    transaction.on_commit(lambda: live.publish(f"job:{job_id}"), robust=True)


def succeed(job: Job, record: Record, **fields: Any) -> Job:
    """The job as succeeded.

    Raises: FencedError when the attempt no longer has the job.
    """
    done = succeed_many([(job, record, fields)])
    if not done:
        raise FencedError
    return done[0]


# A job, what is known of its attempt, and further fields of its row: its result, its progress.
Success = tuple[Job, Record, dict[str, Any]]


def succeed_many(ends: Sequence[Success]) -> list[Job]:
    """The jobs as succeeded; one whose attempt no longer has it is left out.

    Raises: DataError, or OverflowError on SQLite, when one of them has a value that no column holds; then all of
    them still run.
    """
    successes = [_success(job, record, fields) for job, record, fields in ends]
    with _one_change([job for job, _record, _fields in ends], job_finished):
        done = statements.succeed(successes, Step(S.RUNNING, Cause.RETURNED))
        _announce([job.pk for job in done])
        _tell(done)
    return done


def _success(job: Job, record: Record, fields: dict[str, Any]) -> statements.Success:
    times = record.times(job)
    when = (
        {"started_at": times["started_at"], "finished_at": times["ended_at"]} if "ended_at" in times else {}
    )
    kept = {name: getattr(record, name) for name in ("peak_memory_bytes", "cpu_seconds", "log")}
    return statements.Success(job.pk, job.fence, {**when, **fields}, {**times, **kept})


@contextmanager
def succeeding(job: Job) -> Iterator[None]:
    """A transaction that begins by making sure of the job; `finish_success` has to end it.

    Raises: FencedError when the attempt no longer has the job; RuntimeError inside of another transaction, which could
    still take back what counts as settled.
    """
    with transaction.atomic(durable=True):
        if not _held(job.pk, job.fence).update(status=S.SUCCEEDED):
            raise FencedError
        yield


def finish_success(job: Job, record: Record, **fields: Any) -> Job:
    """The succeeded job with its last fields, inside the transaction of `succeeding`."""
    rows = Job.objects.filter(pk=job.pk, fence=job.fence, status=S.SUCCEEDED)
    done = statements.change(
        rows,
        {"finished_at": Now(), **CLEARED, **fields},
        Step(S.RUNNING, Cause.RETURNED),
        closing={"outcome": AttemptOutcome.SUCCEEDED, **record.fields(), **record.times(job)},
    )
    _announce([job.pk])
    _tell(done)
    return done[0]


def fail(job: Job, record: Record, cause: Cause, *, error_code: str, **fields: Any) -> Job:
    """The job as failed for good.

    Raises: FencedError when the attempt no longer has the job.
    """
    outcome = AttemptOutcome.LOST if cause in _LOSSES else AttemptOutcome.FAILED
    error = {"error_code": error_code, **_error_of(record, error_code)}
    return _end(job, S.FAILED, cause, outcome, record, **error, **fields)


def retry_later(job: Job, record: Record, cause: Cause, delay: timedelta, **fields: Any) -> Job:
    """The job as waiting for its next attempt; without a delay it keeps its place in the queue.

    Raises: FencedError when the attempt no longer has the job.
    """
    outcome = AttemptOutcome.LOST if cause in _LOSSES else AttemptOutcome.FAILED
    return _end(
        job,
        S.RETRYING,
        cause,
        outcome,
        record,
        due_at=Now() + delay if delay else F("due_at"),
        sent_at=None,
        **_error_of(record, ""),
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
    """The job back in its queue and at its old place there, at no cost of an attempt.

    A deploy would else send it behind everything that was asked for since.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(
        job,
        S.QUEUED,
        Cause.HANDED_BACK,
        AttemptOutcome.HANDED_BACK,
        record,
        sent_at=None,
        attempt=F("attempt") - 1,
        **fields,
    )


def hand_back_many(jobs: Sequence[Job]) -> list[Job]:
    """The claimed jobs that were not begun, back in their queue; one that was taken away is left out."""
    held = _all_held([(job.pk, job.fence) for job in jobs])
    with _one_change(jobs, job_put_back, job_finished):
        back = _end_held(
            held,
            S.QUEUED,
            Cause.HANDED_BACK,
            {"outcome": AttemptOutcome.HANDED_BACK},
            sent_at=None,
            attempt=F("attempt") - 1,
        )
        if len(back) < len(jobs):
            # Those that somebody asked to cancel meanwhile.
            _end_held(held, S.CANCELLED, Cause.CANCELLED, {"outcome": AttemptOutcome.CANCELLED})
    return back


def end_cancelled(job: Job, record: Record, **fields: Any) -> Job:
    """The running job as cancelled.

    Raises: FencedError when the attempt no longer has the job.
    """
    return _end(job, S.CANCELLED, Cause.CANCELLED, AttemptOutcome.CANCELLED, record, **fields)


def cancel(rows: QuerySet[Job], *, by_id: int | None = None) -> tuple[list[Job], list[Job]]:
    """The waiting jobs among these, now cancelled; and the running ones, now asked to stop at a checkpoint.

    All of them are locked first: else one that moves on between two of the statuses would be passed over. In one
    order, so that two callers with the same rows wait for each other and not in a circle.
    """
    with transaction.atomic():
        held = list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        rows = Job.objects.filter(pk__in=held)
        cancelled = cancel_waiting(rows, Cause.CANCELLED, by_id=by_id)
        asked = ask_to_cancel(rows, by_id=by_id) if len(cancelled) < len(held) else []
    return cancelled, asked


def cancel_waiting(rows: QuerySet[Job], cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The waiting jobs among these, now cancelled."""
    with transaction.atomic():
        cancelled = [
            job
            for status in sorted(WAITING_STATUSES)
            for job in _move(rows, status, S.CANCELLED, cause, by_id=by_id, finished_at=Now(), hold_reason="")
        ]
        for job in cancelled:
            job_finished.send(job)
        _follow(cancelled)
    return cancelled


def ask_to_cancel(rows: QuerySet[Job], *, by_id: int | None = None) -> list[Job]:
    """The running jobs among these that were not asked before; each stops at its next checkpoint."""
    running = rows.filter(status=S.RUNNING, cancel_requested_at=None)
    step = Step(S.RUNNING, Cause.CANCEL_ASKED, by_id)
    asked = statements.change(running, {"cancel_requested_at": Now()}, step)
    _announce([job.pk for job in asked])
    workers = sorted({job.worker for job in asked})
    transaction.on_commit(lambda: have_look(workers), robust=True)
    return asked


def cancel_step(job: Job, cause: Cause) -> bool:
    """Whether the attempt still runs; that it is stopped or killed to cancel it stands in the timeline then."""
    with transaction.atomic():
        held = list(_held(job.pk, job.fence).select_for_update())
        statements.note(held, Step(S.RUNNING, cause))
        _announce([row.pk for row in held])
    return bool(held)


def discard(rows: QuerySet[Job], *, by_id: int | None = None) -> list[Job]:
    """The failed jobs among these, now cancelled: somebody saw to it that they need nothing more."""
    return _move(rows, S.FAILED, S.CANCELLED, Cause.DISCARDED, by_id=by_id)


def release(rows: QuerySet[Job], status: JobStatus, cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The jobs that waited in that status, now queued and to be sent."""
    # What is started early would else stand behind all that comes until its time.
    early: dict[str, Any] = {"due_at": Least("due_at", Now())} if cause == Cause.RUN_NOW else {}
    return _move(rows, status, S.QUEUED, cause, by_id=by_id, sent_at=None, hold_reason="", **early)


def hold(rows: QuerySet[Job], reason: HoldReason, cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The queued jobs among these, now held back."""
    return _move(rows, S.QUEUED, S.HELD, cause, by_id=by_id, sent_at=None, hold_reason=reason)


def unblock(rows: QuerySet[Job], cause: Cause, *, by_id: int | None = None) -> list[Job]:
    """The blocked jobs among these, now to be sent by the caller, or scheduled if they were to run later anyway."""
    with transaction.atomic(savepoint=False):
        later = _move(rows.filter(due_at__gt=Now()), S.BLOCKED, S.SCHEDULED, cause, by_id=by_id)
        # They wait for a worker from here on.
        ready = _move(rows, S.BLOCKED, S.QUEUED, cause, by_id=by_id, sent_at=_sent(), due_at=Now())
    return [*ready, *later]


def _sent() -> Case:
    """The time at which a ready job counts as sent: now if whoever made it ready sends it, never if the leader does."""
    gated = [policy.name for policy in settings.JOBS_QUEUES if policy.is_gated]
    return Case(
        When(queue__in=gated, then=Value(None)), default=Now(), output_field=models.DateTimeField(null=True)
    )


def unsend(rows: QuerySet[Job]) -> int:
    """The number of queued jobs among these that count as unsent now; a dispatcher sends them when they may run."""
    with transaction.atomic():
        free = locked(rows.filter(status=S.QUEUED), MOST_UNSENT)
        return Job.objects.filter(pk__in=free).update(sent_at=None)


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
        **CLEARED,
    )


def leave_announcing_to_parent(job_id: UUID) -> None:
    """Have this process say nothing of that job's changes: its parent does, with a connection that it has anyway.

    A work-horse lives for one job; a connection to Redis of its own would cost it more than the claim.
    """
    _announced_elsewhere.add(job_id)


def announce_for_horse(jobs: Sequence[Job]) -> None:
    """Say of these jobs, which a work-horse has settled, what it left to its parent."""
    live.publish(*(f"job:{job.pk}" for job in jobs))
    _wake({job.queue for job in jobs})


_announced_elsewhere: set[UUID] = set()
_followers: list[Callable[[Sequence[Job]], None]] = []
_LOSSES = frozenset({Cause.LEASE_OVER, Cause.PROCESS_DIED})
# What a job gives up with the attempt that had it.
_FREED: dict[str, Any] = {"lease_until": None, "slot": None}


def _error_of(record: Record, code: str) -> dict[str, Any]:
    return {
        "error_class": record.error_class[:200],
        "error_message": record.error_message[:500],
        "error_group": fingerprint(record.error_class, record.traceback, code),
    }


def _held(job_id: UUID, fence: int) -> QuerySet[Job]:
    """The job, if this attempt still has it."""
    return Job.objects.filter(pk=job_id, fence=fence, status=S.RUNNING)


def _all_held(held: Sequence[tuple[UUID, int]]) -> QuerySet[Job]:
    """Those of the jobs that these attempts, each known by its fence, still have."""
    attempts = reduce(or_, (Q(pk=job_id, fence=fence) for job_id, fence in held), Q(pk__in=[]))
    return Job.objects.filter(attempts, status=S.RUNNING)


def _move(
    rows: QuerySet[Job],
    status: JobStatus,
    to: JobStatus,
    cause: Cause,
    *,
    by_id: int | None = None,
    closing: dict[str, Any] | None = None,
    **fields: Any,
) -> list[Job]:
    """Those of the rows that had the status, now with the other one and an event each."""
    if to not in LEGAL[status]:
        raise IllegalTransitionError(f"a {status} job cannot become {to}")
    step = Step(status, cause, by_id)
    moved = statements.change(rows.filter(status=status), {"status": to, **fields}, step, closing)
    _announce([job.pk for job in moved])
    return moved


# What those hear who listen to a job that goes on after an attempt.
_NEWS_OF = {S.RETRYING: job_retrying, S.QUEUED: job_put_back, S.SCHEDULED: job_put_back}


def _end(
    job: Job, to: JobStatus, cause: Cause, outcome: AttemptOutcome, record: Record, **fields: Any
) -> Job:
    """The running job after its attempt, with the attempt closed and everybody told.

    A job that would go on although somebody asked to cancel it is cancelled instead.
    """
    closing = {"outcome": outcome, **record.fields(), **record.times(job)}
    with _one_change([job], _NEWS_OF.get(to, job_finished)):
        moved = _end_held(_held(job.pk, job.fence), to, cause, closing, **fields)
    if moved:
        return moved[0]
    if to in FINAL_STATUSES:
        raise FencedError
    return end_cancelled(job, record)


def _end_held(
    held: QuerySet[Job], to: JobStatus, cause: Cause, closing: dict[str, Any], **fields: Any
) -> list[Job]:
    if to in FINAL_STATUSES:
        fields["finished_at"] = Now()
    else:
        held = held.filter(cancel_requested_at=None)
    moved = _move(held, S.RUNNING, to, cause, closing=closing, **_FREED, **fields)
    _tell(moved)
    return moved


def _one_change(jobs: Sequence[Job], *signals: JobSignal) -> AbstractContextManager[Any]:
    """A transaction, if somebody listens who has to write in it; a change by itself needs none."""
    is_heard = any(signal.is_heard(job.task) for signal in signals for job in jobs)
    return transaction.atomic() if is_heard else nullcontext()


def _tell(moved: Sequence[Job]) -> None:
    """Have everybody know that an attempt of these jobs is over: who listens, who waits, and the leader."""
    for job in moved:
        signal = job_finished if job.status in FINAL_STATUSES else _NEWS_OF.get(S(job.status))
        if signal is not None:
            signal.send(job)
    _follow(moved)
    _wake({job.queue for job in moved if job.pk not in _announced_elsewhere})


def _wake(queues: Collection[str]) -> None:
    """After the commit, have the leader look at those of the queues that it chooses for."""
    gated = sorted(queue for queue in queues if policy_of(queue).is_gated)
    if gated:
        transaction.on_commit(lambda: wake(*gated), robust=True)


def _follow(ended: Sequence[Job]) -> None:
    """After the commit, look at what waits for these jobs: blocked jobs, and the ends of batches."""
    related = [job for job in ended if job.is_final and (job.has_dependents or job.batch_id)]
    if related:
        transaction.on_commit(lambda: _call_followers(related), robust=True)


def _call_followers(ended: Sequence[Job]) -> None:
    for function in _followers:
        function(ended)


def _announce(job_ids: Iterable[UUID]) -> None:
    topics = [f"job:{job_id}" for job_id in job_ids if job_id not in _announced_elsewhere]
    if topics:
        transaction.on_commit(lambda: live.publish(*topics), robust=True)
