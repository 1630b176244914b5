"""The dispatcher: a process beside each worker, of which one at a time leads and the others stand by.

The leader does again and again what somebody has to do: it sends what may start, takes jobs from workers that gave
no sign of life, and has the rest of the platform look after itself. All of it is conditional: a second leader, awake
from a freeze, finds it done. If none leads, nothing is lost, only late.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from jobs import (
    alerts,
    dispatch,
    followups,
    gate,
    holding,
    leadership,
    processes,
    pruning,
    rescue,
    schedules,
    sending,
    statistics,
    totals,
)
from jobs.failfast import REDIS_ERRORS
from jobs.moments import database_now
from jobs.pauses import Pauses
from jobs.turns import Line, queues_of
from jobs.waking import EVERYTHING, Alarm

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A sent row that no worker took is looked for in Redis after this many ticks, and again after as many.
TICKS_BETWEEN_CHECKS = 5
# After Redis refused hints although it answers, it is left alone for as many ticks.
TICKS_AFTER_REFUSAL = 5
# Rescues are put off so often in a row at most.
MOST_POSTPONEMENTS = 3
# Between two looks that words in Redis ask for.
BREATH_SECONDS = 0.005
# A statement of a dispatcher waits no longer for a lock: somebody else's long transaction must not stop all the rest.
LOCK_WAIT_SECONDS = 2
# PostgreSQL's code for a lock that was waited for in vain.
_LOCK_NOT_AVAILABLE = "55P03"


@dataclass(slots=True)
class Chore:
    """What another module wants done now and then, by the leader alone."""

    name: str
    do: Callable[[], object]
    every_seconds: float
    # By this process's monotonic clock.
    due_at: float = 0.0

    def run_if_due(self) -> None:
        """Do it if it is time; whatever happens in it, the next chore has its turn."""
        if time.monotonic() < self.due_at:
            return
        self.due_at = time.monotonic() + self.every_seconds
        try:
            self.do()
        except Exception as error:  # noqa: BLE001 -- one chore's error is not the others'
            # The class alone: a message may hold values.
            logger.error("The chore %s failed: %s", self.name, type(error).__qualname__)  # noqa: TRY400
            connection.close()


def chores() -> list[Chore]:
    """What the leader sees to beside the sending, each with its own interval."""
    return [
        Chore("schedules", schedules.fill_due, every_seconds=1),
        Chore("follow-ups", followups.reconcile, every_seconds=5),
        Chore("statistics", statistics.roll_up, every_seconds=5),
        Chore("alerts", alerts.evaluate, every_seconds=10),
        Chore("lists of RQ", pruning.trim_lists, every_seconds=10),
        Chore("totals", totals.fold, every_seconds=60),
    ]


class Dispatcher:
    """One dispatcher: leads when it can, and then calls `tick` about once a second."""

    def __init__(self, holder: str = "", own_chores: Iterable[Chore] | None = None) -> None:
        self._holder = holder
        self._chores = list(chores() if own_chores is None else own_chores)
        self._leads = False
        self._asked_at = float("-inf")
        self._ticks = 0
        self._resume_at_tick = 0
        self._unfinished = False
        # As of the last tick; whoever changes one asks for another tick, and the claim asks for itself.
        self._pauses = Pauses(frozenset())
        # By this process's monotonic clock.
        self._rescues_from = float("-inf")
        self._postponed = 0
        # When this process last saw that time goes on, and what the database's clock was ahead of its own then.
        self._seen_at = _seconds()
        self._clock_ahead: float | None = None

    def tick(self) -> int:
        """The number of jobs that were sent to Redis now.

        Raises: DatabaseError or RedisError when one of them went away in the middle; the next tick goes on.
        """
        self._ticks += 1
        self._unfinished = False
        self._seen_at = _seconds()
        self._watch_clock()
        if time.monotonic() >= self._rescues_from:
            self._postponed = 0
            _apart(rescue.rescue_stalled)
        _apart(holding.end_pauses)
        pauses = self._pauses = Pauses.now()
        _apart(lambda: holding.hold_paused(pauses))
        _apart(holding.release_due)
        self._watch()
        sent = self._tick_redis(pauses)
        for chore in self._chores:
            self._watch()
            chore.run_if_due()
        return sent

    def _tick_redis(self, pauses: Pauses) -> int:
        if self._ticks < self._resume_at_tick or not dispatch.redis_answers():
            _apart(holding.hold_unsent)
            _apart(sending.run_one_held)
            return 0
        if dispatch.came_back_empty():
            logger.warning("Redis holds nothing of this site; what it had is sent again")
            _apart(lambda: dispatch.unsend_missing(timedelta(0)))
        elif self._ticks % TICKS_BETWEEN_CHECKS == 0:
            _apart(lambda: dispatch.unsend_missing(check_interval()))
        _apart(lambda: holding.release_held(pauses))
        return self.send(queues_of(Line.UNSENT), pauses)

    def send(self, queues: Iterable[str], pauses: Pauses) -> int:
        """The number of jobs of these queues that were sent to Redis now.

        Raises: DatabaseError.
        """
        sent = 0
        for queue in queues:
            look = _apart(lambda queue=queue: gate.send(queue, pauses))  # type: ignore[misc]
            if look is None:
                continue
            sent += look.count
            self._unfinished |= look.unfinished
            if look.refused:
                # Rows that went back and forth every second would fill their timelines.
                self._resume_at_tick = self._ticks + TICKS_AFTER_REFUSAL
                if not dispatch.redis_answers():
                    break
        return sent

    # --- The process ----------------------------------------------------------------------------------------

    def run(self, parent_pid: int) -> None:
        """Lead or stand by until the parent process is gone; an absent database or Redis is waited for."""
        alarm = Alarm(settings.REDIS_URL, settings.JOBS_TICK_SECONDS)
        while os.getppid() == parent_pid:
            began = time.monotonic()
            if not self._safely(self._lead):
                time.sleep(leadership.RENEW_SECONDS)
                self._watch(leadership.RENEW_SECONDS)
                continue
            if self._safely(self.tick) is None or not self._unfinished:
                self._wait(alarm, began + settings.JOBS_TICK_SECONDS)
                self._watch(settings.JOBS_TICK_SECONDS)

    def _lead(self) -> bool:
        """Whether this dispatcher leads; asked anew now and then."""
        if time.monotonic() - self._asked_at >= leadership.RENEW_SECONDS or not self._leads:
            led, self._leads = self._leads, False
            self._asked_at = time.monotonic()
            self._leads = leadership.lead(leadership.DISPATCHER, self._holder)
            if self._leads != led:
                logger.info("Dispatcher %s %s", self._holder, "leads" if self._leads else "stands by")
        return self._leads

    def _wait(self, alarm: Alarm, until: float) -> None:
        """Until it is time for the next tick, see to the queues that ask for it."""
        while (seconds := until - time.monotonic()) > 0:
            try:
                queues = alarm.wait(seconds)
            except REDIS_ERRORS:
                time.sleep(max(0.0, until - time.monotonic()))
                return
            if EVERYTHING in queues:
                return
            if queues and self._ticks >= self._resume_at_tick:
                self._safely(lambda queues=queues: self.send(queues, self._pauses))  # type: ignore[misc]
                # The first word is answered at once; those of a flood are taken together.
                time.sleep(BREATH_SECONDS)

    def _safely(self, step: Callable[[], T]) -> T | None:
        """What the step returned; None if the database or Redis was away, or anything else went wrong."""
        try:
            return _apart(step)
        except (DatabaseError, InterfaceError, *REDIS_ERRORS) as error:
            logger.warning("The dispatcher waits: %s", type(error).__name__)
            connection.close()
            if not isinstance(error, REDIS_ERRORS):
                # Workers could not renew their leases either: let them, before any job is taken from them.
                self._rescues_from = time.monotonic() + settings.JOBS_LEASE_SECONDS / 2
        finally:
            self._watch()
        return None

    # --- What it did not see --------------------------------------------------------------------------------

    def _watch(self, expected_seconds: float = 0.0) -> None:
        """Postpone rescues if more time than expected went by since the last look.

        Whatever held up this process, a machine that was paused or a database that was locked, may have held up the
        workers as well.
        """
        seconds = _seconds()
        if seconds - self._seen_at - expected_seconds > rescue.longest_blindness():
            self._postpone_rescues()
        self._seen_at = seconds

    def _watch_clock(self) -> None:
        """Postpone rescues if the database's clock was put forward: all leases are over at once then."""
        ahead = database_now().timestamp() - _seconds()
        if self._clock_ahead is not None and ahead - self._clock_ahead > rescue.longest_blindness():
            self._postpone_rescues()
        self._clock_ahead = ahead

    def _postpone_rescues(self) -> None:
        """Let the workers renew their leases first; a leader that is slow all the time still rescues now and then."""
        if self._postponed < MOST_POSTPONEMENTS:
            self._postponed += 1
            self._rescues_from = time.monotonic() + settings.JOBS_LEASE_SECONDS / 2


def _apart(step: Callable[[], T]) -> T | None:
    """What the step returned; None if it met an error of its own, which is not to stop the steps after it.

    Raises: DatabaseError or RedisError when one of them is away, so that the next step would fare no better.
    """
    try:
        return step()
    except (OperationalError, InterfaceError, *REDIS_ERRORS) as error:
        if not is_lock_wait(error):
            raise
        logger.warning("The dispatcher left out a step whose rows somebody holds")
    except Exception as error:  # noqa: BLE001 -- a dispatcher that ends stops every retry of this site
        # The class alone: a message may hold values.
        logger.error("The dispatcher met an error: %s", type(error).__qualname__)  # noqa: TRY400
        connection.close()
    return None


def _seconds() -> float:
    """A clock that goes on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def is_lock_wait(error: Exception) -> bool:
    """Whether the database is there, and only a lock that a statement needed was held for too long."""
    return getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def wait_briefly_for_locks(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Have a new connection of this process give up soon on a row that somebody else has locked."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_WAIT_SECONDS}s"])


def check_interval() -> timedelta:
    """How long a hint may lie unclaimed before it is looked for."""
    return timedelta(seconds=TICKS_BETWEEN_CHECKS * settings.JOBS_TICK_SECONDS)


def start(parent_pid: int, worker_name: str) -> None:
    """The whole life of a dispatcher process, from its fork to its end."""
    # A terminal's Ctrl-C reaches every process; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    processes.call_this(processes.DISPATCHER_NAME)
    connection_created.connect(wait_briefly_for_locks)
    sending.runs_at_once = False
    Dispatcher(leadership.holder_of(worker_name)).run(parent_pid)


def stop(pid: int, worker_name: str) -> None:
    """End the dispatcher process of that worker; another one may lead at once.

    It may be killed at any moment, as by a loss of power; so nothing is asked of it.
    """
    processes.stop(pid)
    with suppress(DatabaseError, InterfaceError):
        leadership.release(leadership.DISPATCHER, leadership.holder_of(worker_name))
