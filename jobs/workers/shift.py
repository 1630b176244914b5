"""A shift: what a worker's parent does from the claim of some jobs until each is settled or given back."""

import logging
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from resource import struct_rusage
from typing import Protocol

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from jobs import lifecycle, processes
from jobs.lifecycle import Cause
from jobs.models import Job
from jobs.workers import settling
from jobs.workers.database import in_database, prepare_fork
from jobs.workers.horse import Horse
from jobs.workers.inside import CANCEL_SIGNAL, WorkHorse
from jobs.workers.settling import Reported

logger = logging.getLogger(__name__)

# A task that ignores the end of its time is killed by the parent after as many seconds more.
HARD_LIMIT_GRACE_SECONDS = 15.0
# How often the parent looks at its work-horse when nothing wakes it; a report or a death wakes it.
LOOK_SECONDS = 0.2
# Successes of short jobs are written together, but none waits longer than this.
SETTLE_SECONDS = 0.1
# A job that lasts longer does not keep back those behind it: they are left to whoever is free.
HOLD_UP_SECONDS = 2.0
# A new lease is asked for so often in the time of one.
RENEWALS_PER_LEASE = 4
# After one that failed: a task's own transaction may have held the row, and what it commits holds an old lease.
RENEW_AGAIN_SECONDS = 0.2
# Between two requests to stop.
STOP_REPEAT_SECONDS = 1.0
# Between two tries when the system has no process to give.
NO_PROCESS_PAUSE_SECONDS = 1.0


class Keeper(Protocol):
    """The worker that a shift belongs to."""

    name: str

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""

    def has_begun(self) -> None:
        """Take note that the first work-horse of the shift is at work."""

    def look_around(self) -> None:
        """Do what a worker does every second, whether busy or not."""


@dataclass(slots=True)
class _End:
    """The job under way is to be ended by killing its work-horse at that time; it is settled as the reason says."""

    row: Job
    at: float
    reason: str
    # Until the signal was sent.
    is_due: bool = True


@dataclass(slots=True)
class _Cancellation:
    """The job under way is to be cancelled: it was asked at that time, and perhaps stopped later."""

    row: Job
    asked_at: float
    is_stopped: bool = False


class Shift:
    """Claimed jobs, carried by one work-horse after the other until none is left."""

    def __init__(
        self, keeper: Keeper, rows: Sequence[Job], claimed_at: float, memory_mib: int | None = None
    ) -> None:
        self._keeper = keeper
        self._claimed_at = claimed_at
        self._memory_limit_bytes = memory_mib * 2**20 if memory_mib else None
        # Claimed, and begun by nobody.
        self._left = list(rows)
        self._reported: list[Reported] = []
        self._reported_at = 0.0
        self._renew_at = time.monotonic() + _renewal_seconds()
        self._looked_at = 0.0
        self._asked_to_stop_at = 0.0
        self._nudged = False
        self._end: _End | None = None
        self._cancellation: _Cancellation | None = None
        self.horse: Horse | None = None
        # Of the jobs that ended: how many, and whether one of them is not to be tried again.
        self.ended = 0
        self.any_failed = False

    def work(self) -> None:
        """Return when each job is settled, given back, or left to its lease."""
        while self._left and not self._keeper.is_stopping:
            waiting = len(self._left)
            self._carry()
            if len(self._left) == waiting:
                # No process could be had, or one that died before its first job.
                logger.error("Worker %s: no work-horse began a job; they go back", self._keeper.name)
                time.sleep(NO_PROCESS_PAUSE_SECONDS)
                break
        self._give_back_left()

    def nudge(self) -> None:
        """Have it look at once whether a job was cancelled; may be called by any thread."""
        self._nudged = True

    def end_now(self, reason: str) -> None:
        """Kill the work-horse, for that reason unless there was one already; may be called by any thread."""
        if self.horse and (row := self.horse.current):
            planned = self._end.reason if self._end and self._end.row is row else reason
            self._end = _End(row, time.monotonic(), planned)

    # --- One work-horse ---------------------------------------------------------------------------------------

    def _carry(self) -> None:
        """Have a new work-horse run the jobs that are left, as far as it gets."""
        inside = WorkHorse(self._keeper.name, os.getpid(), self._claimed_at)
        prepare_fork()
        try:
            horse = self.horse = Horse.start(self._left, inside.live)
        except OSError as error:
            name = type(error).__name__
            logger.error("Worker %s: no work-horse could be started (%s)", self._keeper.name, name)  # noqa: TRY400
            return
        self._left = []
        self._end = self._cancellation = None
        try:
            self._attend(horse)
        finally:
            # No work-horse goes on without its parent, whatever error the parent met.
            horse.put_down()
            self.horse = None

    def _attend(self, horse: Horse) -> None:
        """Do what a parent has to do for a work-horse until it has ended and all that it ran is settled."""
        self._keeper.has_begun()
        while (ended := horse.wait(LOOK_SECONDS)) is None:
            self._hear(horse)
            self._tend(horse)
        self._hear(horse)
        self._left = [*horse.withdraw(), *self._left]
        self._settle()
        self._settle_lost(horse, *ended)

    def _hear(self, horse: Horse) -> None:
        if not (heard := horse.hear()):
            return
        if not self._reported:
            self._reported_at = time.monotonic()
        self._reported += heard
        self.ended += len(heard)
        self.any_failed = self.any_failed or any(report.failed for _row, report in heard)

    def _settle(self) -> None:
        if self._reported:
            settling.settle(self._reported)
            self._reported = []

    def _settle_lost(self, horse: Horse, status: int, usage: struct_rusage) -> None:
        """Settle the job that was under way when the work-horse ended, if there was one."""
        if (row := horse.current) is None:
            return
        record = settling.record_of(status, usage)
        logger.warning(
            "Worker %s: work-horse %d ended early (%s)", self._keeper.name, horse.pid, record.error_class
        )
        reason = self._end.reason if self._end and self._end.row is row else ""
        if not reason and not horse.has_reported and self._took_too_much(usage):
            # The system was quicker than this parent. Of a process that ran several jobs nobody knows which one it was.
            reason = "memory"
        began_after, ran = horse.free_since - self._claimed_at, time.monotonic() - horse.free_since
        record = replace(record, began_after_seconds=began_after, ran_seconds=ran)
        settling.settle_lost(row, record, reason)
        self.ended += 1
        self.any_failed = True

    def _took_too_much(self, usage: struct_rusage) -> bool:
        return bool(self._memory_limit_bytes and usage.ru_maxrss * 1024 > self._memory_limit_bytes)

    # --- While it lives ---------------------------------------------------------------------------------------

    def _tend(self, horse: Horse) -> None:
        """Do what a parent does for a living work-horse, several times a second."""
        moment = time.monotonic()
        if self._reported and (horse.current is None or moment - self._reported_at > SETTLE_SECONDS):
            # Of the last job at once: what the kernel does while the process ends need not be waited for.
            self._settle()
        if self._keeper.is_stopping:
            self._ask_to_stop(horse, moment)
        if self._nudged or moment > self._renew_at:
            self._renew(horse, moment)
        if moment - self._looked_at > LOOK_SECONDS:
            self._looked_at = moment
            self._keep_limits(horse, moment)
            self._keep_cancellation(horse, moment)
        if self._end and moment >= self._end.at:
            self._kill(horse, self._end)
        self._keeper.look_around()

    def _ask_to_stop(self, horse: Horse, moment: float) -> None:
        """Ask the task to stop at its next checkpoint, repeatedly: a young process may not listen yet."""
        if moment - self._asked_to_stop_at < STOP_REPEAT_SECONDS:
            return
        self._asked_to_stop_at = moment
        if row := self._only_current(horse):
            self._plan_end(row, settings.JOBS_STOP_SECONDS, "stop")
        self._give_back_left()
        horse.send(signal.SIGTERM)

    def _keep_limits(self, horse: Horse, moment: float) -> None:
        lasted = moment - horse.free_since
        if (row := horse.current) is None:
            if lasted > HARD_LIMIT_GRACE_SECONDS:
                # It has nothing more to do, and does not end.
                horse.kill()
            return
        if lasted > HOLD_UP_SECONDS and (len(horse.open) > 1 or self._left):
            row = self._only_current(horse) or row
            self._give_back_left()
        if lasted > row.timeout_seconds + HARD_LIMIT_GRACE_SECONDS:
            self._plan_end(row, 0, "time_limit")
        if self._memory_limit_bytes and processes.memory_of_tree(horse.pid) > self._memory_limit_bytes:
            self._plan_end(row, 0, "memory")

    def _give_back_left(self) -> None:
        settling.give_back(self._left)
        self._left = []

    def _renew(self, horse: Horse, moment: float) -> None:
        """Give the jobs new leases, and learn which were cancelled or given away."""
        self._nudged = False
        self._renew_at = moment + _renewal_seconds()
        try:
            renewed, given_away = settling.renew([*horse.open, *self._left])
        except (DatabaseError, InterfaceError) as error:
            # A row may be locked by the work-horse's own long transaction: then nobody else can take it either.
            connection.close()
            self._renew_at = time.monotonic() + RENEW_AGAIN_SECONDS
            logger.info("Worker %s: a lease was not renewed (%s)", self._keeper.name, type(error).__name__)
            return
        cancelled = {row for row in renewed if row.cancel_requested_at}
        if not (cancelled or given_away):
            return
        row = self._only_current(horse)
        settling.give_back([left for left in self._left if left in cancelled])
        self._left = [left for left in self._left if left not in cancelled and left not in given_away]
        if row is not None and row in given_away:
            self._plan_end(row, 0, "fenced")
        elif row is not None and row in cancelled and not self._is_cancelling(row):
            self._cancellation = _Cancellation(row, moment)

    def _is_cancelling(self, row: Job) -> bool:
        return self._cancellation is not None and self._cancellation.row is row

    def _keep_cancellation(self, horse: Horse, moment: float) -> None:
        """After it was asked, stop the task by a signal; after that, plan to kill its process."""
        cancellation = self._cancellation
        if (
            cancellation is None
            or cancellation.is_stopped
            or moment - cancellation.asked_at < settings.JOBS_CANCEL_STOP_SECONDS
        ):
            return
        if self._only_current(horse) is not cancellation.row:
            return
        cancellation.is_stopped = True
        self._note(cancellation.row, Cause.CANCEL_STOP)
        horse.send(CANCEL_SIGNAL)
        self._plan_end(cancellation.row, settings.JOBS_CANCEL_KILL_SECONDS, "cancel")

    def _note(self, row: Job, cause: Cause) -> None:
        """Leave a step of the cancellation in the job's timeline, if the database is there for it."""
        try:
            in_database(lambda: lifecycle.cancel_step(row, cause))
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            logger.info("Worker %s: a step was not noted (%s)", self._keeper.name, type(error).__name__)

    # --- Ending it --------------------------------------------------------------------------------------------

    def _plan_end(self, row: Job, seconds: float, reason: str) -> None:
        """Have the job under way ended by then, unless that is planned already."""
        if self._end is None or self._end.row is not row:
            self._end = _End(row, time.monotonic() + seconds, reason)

    def _only_current(self, horse: Horse) -> Job | None:
        """The job under way, after which this work-horse will begin no other; so a signal cannot hit a wrong one."""
        self._left = [*horse.withdraw(), *self._left]
        self._hear(horse)
        return horse.current

    def _kill(self, horse: Horse, end: _End) -> None:
        if self._only_current(horse) is not end.row:
            self._end = None
            return
        if not end.is_due:
            return
        end.is_due = False
        logger.warning("Worker %s: killing work-horse %d (%s)", self._keeper.name, horse.pid, end.reason)
        if end.reason == "cancel":
            self._note(end.row, Cause.CANCEL_KILL)
        horse.kill()


def _renewal_seconds() -> float:
    """What lies between two renewals of a lease."""
    return float(settings.JOBS_LEASE_SECONDS / RENEWALS_PER_LEASE)
