"""What a worker executes: claim the row, run its task, settle it; any of these steps may be the last.

No error of a task leaves this module with its message: RQ would write it to Redis and to its log.
"""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection
from django.db.models import Max, Min

from jobs import lifecycle, tracebacks, tracing
from jobs.admission import Seat
from jobs.context import INLINE, RunningJob, StopFlag
from jobs.declarations import Declaration, declared
from jobs.errors import (
    ArgumentsError,
    CancelledError,
    FencedError,
    HandBackError,
    JobError,
    PermanentError,
    PostponeError,
    TimeLimitError,
)
from jobs.lifecycle import Cause, Record
from jobs.models import AttemptOutcome, Job, JobStatus
from jobs.retries import Backoff, delay_after

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A step that meets an absent database is repeated for this long; then the lease runs out and another worker
# settles.
PATIENCE_SECONDS = 20.0
# What a job that runs where no parent renews its lease has beyond its time limit: as long as a parent would wait.
INLINE_GRACE = timedelta(seconds=15)
# A job that this deployment has no task for waits for a newer one: so long at first, so long at most, a day in all.
UNKNOWN_TASK_FIRST_SECONDS = 5
UNKNOWN_TASK_SECONDS = 60
UNKNOWN_TASK_PATIENCE_SECONDS = 24 * 3600
# For the word to PostgreSQL that a statement is to end; the task's own time is over by then.
CANCEL_SECONDS = 2.0
# What somebody who runs the site wants to read about; the row's error class is of this attempt then.
_BAD_ENDS = frozenset({JobStatus.FAILED, JobStatus.RETRYING})


@dataclass(slots=True)
class Host:
    """The process in which attempts run: its name, and whether it is to stop."""

    worker: str
    stop: StopFlag


@dataclass(frozen=True, slots=True)
class Report:
    """What a work-horse tells its parent when the task is over."""

    # What the parent has to write of a task that ended well; None when the row is settled already.
    success: dict[str, Any] | None = None
    failed: bool = False
    # It was not begun: by then it was no longer sure that this attempt has the job.
    skipped: bool = False

    def to_line(self) -> bytes:
        """The report as one line, which is whole when it ends in a line break."""
        fields = {"success": self.success, "failed": self.failed, "skipped": self.skipped}
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Report":
        """The report that a line holds."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended, for whoever ran it in this process."""

    job: Job
    error: BaseException | None = None


_is_performing = False

# A work-horse sets its own before it runs anything.
_host = Host(worker=INLINE, stop=StopFlag())


def set_host(host: Host) -> None:
    """Run what follows in this process under that name."""
    global _host  # noqa: PLW0603 -- one per process, set once after the fork
    _host = host


class AttemptFailedError(JobError):
    """The job failed; the reason is in its row. RQ is told only this, so that its pages show a failure."""


def run_job(job_id: str, version: int) -> None:
    """The function that a hint names: one attempt of the job, if it is there to be taken.

    Raises: AttemptFailedError, without a cause, when the job failed for good or could not be settled.
    """
    try:
        outcome = run(UUID(job_id))
    except Exception as error:  # noqa: BLE001 -- RQ would write its message to Redis
        logger.error("Job %s could not be claimed or settled: %s", job_id, type(error).__name__)  # noqa: TRY400
        raise AttemptFailedError(job_id) from None
    if outcome and outcome.job.status == JobStatus.FAILED:
        raise AttemptFailedError(job_id) from None


def run(job_id: UUID) -> Outcome | None:
    """How an attempt of the job ended; None when there was nothing to claim."""
    row = claim(job_id, Seat.of(_host.worker))
    if row is None:
        return None
    patiently(lambda: lifecycle.lend(row, timedelta(seconds=row.timeout_seconds) + INLINE_GRACE))
    running = RunningJob(row, _host.stop)
    error = _perform(running, row)
    return Outcome(_settled(running, row, error), error)


def claim(job_id: UUID, seat: Seat) -> Job | None:
    """The job, now that seat's; None when it is not there to be taken."""
    row = patiently(lambda: lifecycle.claim(job_id, seat))
    if row is None:
        logger.info("Nothing to claim: sent twice, done, cancelled or not due", extra={"job_id": job_id})
    return row


def run_apart(row: Job, claimed_at: float) -> Report:
    """How the attempt of a job went that the parent of this work-horse has claimed.

    Units: it was claimed at that time of the monotonic clock, perhaps with others that went before it.

    A plain success is left for the parent to write: it has a connection, and a task that needs none never
    opens one. Every other end is settled here.
    """
    lifecycle.leave_announcing_to_parent(row.pk)
    running = RunningJob(row, _host.stop, claimed_at=claimed_at)
    error = _perform(running, row)
    if error is None and not running.settled:
        record = running.record()
        when = {
            "began_after_seconds": record.began_after_seconds,
            "ran_seconds": record.ran_seconds,
        }
        return Report(
            {"record": record.fields() | when, "result": running.result, "progress": running.last_progress}
        )
    return Report(failed=_settled(running, row, error).status == JobStatus.FAILED)


def settle_successes(reported: Sequence[tuple[Job, Report]]) -> None:
    """Write the successes that a work-horse reported, of the jobs that these attempts still have."""
    ends = [
        (
            row,
            Record(**report.success["record"]),
            {"result": report.success["result"], **report.success["progress"]},
        )
        for row, report in reported
        if report.success
    ]
    done = {row.pk: row for row in lifecycle.succeed_many(ends)}
    for row, _record, _fields in ends:
        if row.pk in done:
            _log(done[row.pk].status, done[row.pk])
        else:
            _log("fenced off", row, logging.WARNING)


def _perform(running: RunningJob, row: Job) -> BaseException | None:
    """What the task raised, if it did."""
    _log("started", row)
    try:
        task = _fitting(row)
        with tracing.attempt(row), _performing(), time_limit(row.timeout_seconds):
            returned = task.function(running, **row.arguments)
        running.result = returned if returned is not None else running.result
        # What cannot be stored is the task's own mistake, and is to be said as one.
        json.dumps(running.result, allow_nan=False)
    except BaseException as error:  # noqa: BLE001 -- whatever a task raises ends its attempt, not the worker
        return error
    return None


def is_performing() -> bool:
    """Whether the code of a task runs in this process now."""
    return _is_performing


@contextmanager
def _performing() -> Iterator[None]:
    global _is_performing  # noqa: PLW0603 -- one per process, read by a signal handler
    # A task may ask for a job that runs at once, within its own time.
    before, _is_performing = _is_performing, True
    try:
        yield
    finally:
        _is_performing = before


def _fitting(row: Job) -> Declaration:
    """The row's task, which takes the row's arguments.

    While a deploy goes on, a job may be of a newer task than this process knows, or have arguments for a newer form
    of it: such a job is left to a newer worker.

    Raises: PostponeError; when no worker has known it for long, PermanentError or ArgumentsError.
    """
    problem: JobError = PermanentError("unknown-task")
    if task := declared(row.task):
        try:
            task.check_arguments(row.arguments)
        except ArgumentsError as error:
            problem = error
        else:
            return task
    waited = _waited_for_a_worker(row).total_seconds()
    raise problem if waited > UNKNOWN_TASK_PATIENCE_SECONDS else PostponeError(patience_after(row.fence))


def _waited_for_a_worker(row: Job) -> timedelta:
    """For how long the job has gone from one worker to the next without being begun, by the database's clock."""
    put_off = row.attempts.filter(fence__lte=row.fence)
    begun = put_off.exclude(outcome__in=(AttemptOutcome.POSTPONED, AttemptOutcome.RUNNING))
    last_begun = begun.aggregate(last=Max("fence"))["last"] or 0
    first = put_off.filter(fence__gt=last_begun).aggregate(first=Min("started_at"))["first"]
    return row.started_at - first if first and row.started_at else timedelta(0)


def patience_after(claims: int) -> timedelta:
    """How long a job that was claimed so many times waits for a worker that knows its task."""
    longest, first = UNKNOWN_TASK_SECONDS, UNKNOWN_TASK_FIRST_SECONDS
    return timedelta(seconds=min(longest, first * 2 ** min(claims - 1, 10)))


def _settled(running: RunningJob, row: Job, error: BaseException | None) -> Job:
    """The row after the attempt, as another worker left it if this one had lost it."""
    if running.settled:
        return _after_completing(running, row, error)
    try:
        done = patiently(lambda: _settle(running, row, error))
    except FencedError:
        _log("fenced off", row, logging.WARNING)
        return Job.objects.get(pk=row.pk)
    _log(done.status, done, logging.WARNING if done.status in _BAD_ENDS else logging.INFO)
    return done


def _after_completing(running: RunningJob, row: Job, error: BaseException | None) -> Job:
    """The succeeded row, with what the task returned after it had settled itself."""
    if error is not None:
        _log(f"raised {type(error).__qualname__} after it had completed", row, logging.WARNING)
    elif running.result is not None:
        Job.objects.filter(pk=row.pk, fence=row.fence).update(result=running.result)
    return Job.objects.get(pk=row.pk)


def _settle(running: RunningJob, row: Job, error: BaseException | None) -> Job:
    progress = running.last_progress
    match error:
        case None:
            return lifecycle.succeed(row, running.record(), result=running.result, **progress)
        case FencedError():
            raise error
        case CancelledError():
            return lifecycle.end_cancelled(row, running.record(), **progress)
        case HandBackError():
            return lifecycle.hand_back(row, running.record(), **progress)
        case PostponeError():
            return lifecycle.postpone(row, running.record(), error.delay, **progress)
    return _settle_failure(row, error, running.record(**described(error)), progress)


def _settle_failure(row: Job, error: BaseException, record: Record, progress: dict[str, Any]) -> Job:
    match error:
        case PermanentError():
            return lifecycle.fail(
                row,
                record,
                Cause.PERMANENT,
                error_code=error.code[:50],
                error_params=error.params,
                **progress,
            )
        case ArgumentsError():
            return lifecycle.fail(row, record, Cause.PERMANENT, error_code="arguments", **progress)
        case MemoryError():
            # Of the same size it would be the same again.
            return lifecycle.fail(row, record, Cause.MEMORY_LIMIT, error_code="too_big", **progress)
        case TimeLimitError():
            return lifecycle.fail(row, record, Cause.TIME_LIMIT, error_code="too_long", **progress)
    if row.attempt >= row.max_attempts:
        code = error.code if isinstance(error, JobError) else ""
        return lifecycle.fail(row, record, Cause.RAISED, error_code=code[:50], **progress)
    return lifecycle.retry_later(
        row, record, Cause.RAISED, delay_after(row.attempt, backoff_of(row)), **progress
    )


def backoff_of(row: Job) -> Backoff:
    """The policy of the row's task, or the usual one when this deployment does not know it."""
    task = declared(row.task)
    return task.backoff if task else Backoff()


def patiently(step: Callable[[], T]) -> T:
    """What the step returns, repeated while the database is away or locked.

    Raises: the database's error when it stays away, and at once inside of a transaction, which cannot be
    repeated.
    """
    ends_at = time.monotonic() + PATIENCE_SECONDS
    pause_seconds = 0.1
    while True:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() + pause_seconds > ends_at:
                raise
            logger.warning("The database does not answer (%s); trying again", type(error).__name__)
            connection.close()
            time.sleep(pause_seconds)
            pause_seconds = min(2.0, pause_seconds * 2)


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """A block that is ended by TimeLimitError when the time is over, and again each second if it goes on.

    Outside of a main thread there are no signals: there the checkpoints of the task alone keep the limit. A block
    within another one leaves the outer one's time as it finds it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise_time_limit)
    began_at = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            # At once if the outer time ended meanwhile; zero would mean never.
            left_now = max(left - (time.monotonic() - began_at), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left_now, interval)


def _raise_time_limit(_signal: int, _frame: FrameType | None) -> None:
    end_statement()
    raise TimeLimitError


def end_statement() -> None:
    """Cancel the statement that PostgreSQL is at for this process, whose task is to be interrupted in its midst.

    The server would else work on it to its end. The connection is of no use afterwards; whoever meets it next opens
    another one.
    """
    raw = connection.connection
    if connection.vendor == "postgresql" and raw and raw.info.transaction_status.name == "ACTIVE":
        with suppress(Exception):
            raw.cancel_safe(timeout=CANCEL_SECONDS)


def described(error: BaseException) -> dict[str, str]:
    """An error as the history keeps it: its class, its frames, and its message only if it is one of ours."""
    return {
        "error_class": tracebacks.class_name(error),
        "error_message": str(error) if isinstance(error, JobError) else type(error).__qualname__,
        "traceback": "\n".join(tracebacks.lines_of(error)),
    }


def _log(what: str, row: Job, level: int = logging.INFO) -> None:
    logger.log(
        level,
        "Job %s",
        what,
        extra={
            "action": "run",
            "job_id": row.pk,
            "task": row.task,
            "attempt": row.attempt,
            "queue": row.queue,
            "status": row.status,
            **({"error_class": row.error_class} if row.status in _BAD_ENDS else {}),
        },
    )
