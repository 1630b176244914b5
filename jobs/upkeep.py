"""What every dispatcher does again and again: send what is due and unsent, rescue what lost its worker.

Any number of dispatchers may run: each change is conditional, rows are locked or skipped, and a hint that is
sent twice finds nothing to claim the second time. If none runs, nothing is lost, only late.
"""

import logging
import os
import signal
import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from jobs import dispatch, lifecycle
from jobs.lifecycle import Cause, Record
from jobs.models import Job, JobStatus
from jobs.querysets import update_returning
from jobs.retries import delay_after_loss
from jobs.runner import backoff_of

logger = logging.getLogger(__name__)

# Rows of one step; what is left comes with the next one.
BATCH_SIZE = 500
# A sent row that no worker took is looked for in Redis after this many ticks, and again after as many.
TICKS_BETWEEN_CHECKS = 5
# After Redis refused hints although it answers, it is left alone for as many ticks.
TICKS_AFTER_REFUSAL = 5
# Of these, the oldest are looked for: the ones behind them come to the front in time.
CHECKED_ROWS = 1000


class Dispatcher:
    """One dispatcher: calls `tick` about once a second."""

    def __init__(self) -> None:
        self._ticks = 0
        self._resume_at_tick = 0

    def tick(self) -> int:
        """The number of jobs that were sent to Redis now.

        Raises: DatabaseError or RedisError when one of them went away in the middle; the next tick goes on.
        """
        self._ticks += 1
        rescue_stalled()
        if self._ticks < self._resume_at_tick or not dispatch.redis_answers():
            hold_unsent()
            return 0
        if dispatch.came_back_empty():
            logger.warning("Redis holds nothing of this site; what it had is sent again")
            unsend_missing(limit=None)
        elif self._ticks % TICKS_BETWEEN_CHECKS == 0:
            unsend_missing(limit=CHECKED_ROWS, older_than=check_interval())
        release_held()
        release_due()
        sent, is_refused = send_unsent()
        if is_refused:
            # Rows that went back and forth every second would fill their timelines.
            self._resume_at_tick = self._ticks + TICKS_AFTER_REFUSAL
        return sent

    def run(self, parent_pid: int) -> None:
        """Tick until the parent process is gone; an absent database or Redis is waited for."""
        while os.getppid() == parent_pid:
            began = time.monotonic()
            self._tick_safely()
            time.sleep(max(0.05, settings.JOBS_TICK_SECONDS - (time.monotonic() - began)))

    def _tick_safely(self) -> None:
        try:
            self.tick()
        except (DatabaseError, *dispatch.REDIS_ERRORS) as error:
            logger.warning("The dispatcher waits: %s", type(error).__name__)
            connection.close()
        except Exception as error:  # noqa: BLE001 -- a dispatcher that ends stops every retry of this site
            # The class alone: a message may hold values.
            logger.error("The dispatcher met an error: %s", type(error).__qualname__)  # noqa: TRY400
            connection.close()


def check_interval() -> timedelta:
    """How long a hint may lie unclaimed before it is looked for."""
    return timedelta(seconds=TICKS_BETWEEN_CHECKS * settings.JOBS_TICK_SECONDS)


def rescue_stalled() -> int:
    """The number of running jobs that were taken from workers which gave no sign of life."""
    rescued = 0
    for job_id in list(Job.objects.stalled().values_list("pk", flat=True)[:BATCH_SIZE]):
        with transaction.atomic():
            # Asked again under the lock: its worker may have renewed the lease meanwhile.
            stalled = Job.objects.stalled().filter(pk=job_id).select_for_update(skip_locked=True).first()
            if stalled:
                lose(stalled, Cause.LEASE_OVER, Record())
                rescued += 1
    return rescued


def lose(job: Job, cause: Cause, record: Record) -> Job:
    """The job after an attempt that ended without a word: waiting for the next one, or failed as interrupted.

    Raises: FencedError when it was settled after all.
    """
    extra = {"action": "rescue", "job_id": job.pk, "task": job.task, "attempt": job.attempt}
    logger.warning("An attempt was lost (%s)", cause.value, extra=extra)
    if job.cancel_requested_at is not None:
        return lifecycle.end_cancelled(job, record)
    if job.attempt >= job.max_attempts:
        return lifecycle.fail(job, record, cause, error_code="interrupted")
    return lifecycle.retry_later(job, record, cause, delay_after_loss(job.attempt, backoff_of(job)))


def release_due() -> int:
    """The number of delayed and retrying jobs whose time had come."""
    due = Job.objects.due()
    return sum(
        _release(due.filter(status=status), status, Cause.DUE)
        for status in (JobStatus.SCHEDULED, JobStatus.RETRYING)
    )


def release_held() -> int:
    """The number of jobs that had waited for Redis."""
    return _release(Job.objects.held(), JobStatus.HELD, Cause.REDIS_BACK)


def hold_unsent() -> int:
    """The number of ready jobs that are shown as held now, since Redis is away."""
    unsent = Job.objects.unsent()
    if not unsent.exists():
        return 0
    with transaction.atomic():
        ids = lifecycle.locked(unsent, BATCH_SIZE)
        return len(lifecycle.hold(Job.objects.filter(pk__in=ids), Cause.REDIS_AWAY))


def send_unsent() -> tuple[int, bool]:
    """The number of jobs whose hints were put into Redis, and whether it refused one.

    A row is marked first and its hint pushed after the commit, so that no lock is held while Redis is waited
    for. A dispatcher that dies in between leaves a row that counts as sent; the search for missing hints
    finds it.
    """
    sent = 0
    while marked := _mark_unsent():
        if not dispatch.push(marked):
            dispatch.hold(marked)
            return sent, True
        sent += len(marked)
    return sent, False


def unsend_missing(*, limit: int | None, older_than: timedelta = timedelta(0)) -> int:
    """The number of sent rows of which Redis has no hint any more; they count as unsent now.

    Raises: RedisError when Redis does not answer.
    """
    sent = Job.objects.filter(status=JobStatus.QUEUED, sent_at__lte=Now() - older_than).order_by("sent_at")
    rows = list(sent.only("pk", "queue", "sent_at")[:limit])
    lost = 0
    for start in range(0, len(rows), BATCH_SIZE):
        gone = dispatch.missing(rows[start : start + BATCH_SIZE])
        lost += _unsend(gone)
    if lost:
        logger.warning("Redis lost the hints of %d jobs", lost, extra={"action": "resend"})
    return lost


def _release(rows: QuerySet[Job], status: JobStatus, cause: Cause) -> int:
    """The number of rows that left this status for the queue, batch by batch."""
    released = 0
    # Asked without a lock first: on SQLite an empty look would otherwise keep all writers waiting.
    while rows.exists():
        with transaction.atomic():
            ids = lifecycle.locked(rows, BATCH_SIZE)
            moved = lifecycle.release(Job.objects.filter(pk__in=ids), status, cause)
        if not moved:
            break
        released += len(moved)
    return released


def _mark_unsent() -> list[Job]:
    """Some unsent rows, now marked as sent, the most urgent first."""
    unsent = Job.objects.unsent()
    if not unsent.exists():
        return []
    with transaction.atomic():
        ids = lifecycle.locked(unsent, BATCH_SIZE)
        marked = update_returning(Job.objects.filter(pk__in=ids, status=JobStatus.QUEUED), sent_at=Now())
    return sorted(marked, key=lambda job: (-job.priority, job.due_at))


def _unsend(jobs: Sequence[Job]) -> int:
    """The number of rows that are unsent now; one that was claimed or sent again meanwhile stays as it is."""
    count = 0
    for job in jobs:
        if job.sent_at:
            # Not compared for equality: SQLite stores the time as a text that may end earlier than Python's.
            same = Job.objects.filter(
                pk=job.pk, status=JobStatus.QUEUED, sent_at__lt=job.sent_at + timedelta(milliseconds=1)
            )
            count += same.update(sent_at=None)
    return count


def start(parent_pid: int) -> None:
    """The whole life of a dispatcher process, from its fork to its end."""
    # A terminal's Ctrl-C reaches every process; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Dispatcher().run(parent_pid)
