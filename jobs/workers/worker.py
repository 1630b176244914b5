"""The worker's loop: take hints, claim their rows, see them through, until told to stop."""

import gc
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, cast
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, connections
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker as RQWorker
from rq import worker_registration
from rq.command import parse_payload
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job as RQJob
from rq.serializers import JSONSerializer
from rq.suspension import is_suspended
from rq.timeouts import BaseDeathPenalty
from rq.utils import current_timestamp, now
from rq.worker import DequeueStrategy, WorkerStatus

from jobs import dispatcher, lifecycle, processes, runner, tracing
from jobs.admission import Seat
from jobs.failfast import REDIS_ERRORS
from jobs.models import Job
from jobs.queues import policy_of
from jobs.transport import FAILURE_TTL_SECONDS, HintJob, HintQueue
from jobs.waking import LOOK_COMMAND
from jobs.workers.database import in_database
from jobs.workers.presence import Presence
from jobs.workers.shift import Shift
from jobs.workers.showing import Shown
from jobs.workers.taking import Taking

logger = logging.getLogger(__name__)

# How long the parent blocks in Redis at a time.
DEQUEUE_SECONDS = 5
# A dead worker leaves RQ's lists a minute after this.
WORKER_TTL_SECONDS = 60
# How often the parent shows that it lives, and looks whether workers are suspended, while one hint follows another.
NOTICE_SECONDS = 1.0
# How often RQ's lists are told that a worker and its job go on.
BEAT_SECONDS = 5.0
# Between two tries while Redis is away.
REDIS_PAUSE_SECONDS = 1.0
# One for the loop, one that listens for commands, and one to spare.
MOST_CONNECTIONS = 3


class NoDeathPenalty(BaseDeathPenalty):
    """No alarm of RQ's: the runner keeps the time limit, and the parent behind it."""

    def setup_death_penalty(self) -> None:
        """Set nothing."""

    def cancel_death_penalty(self) -> None:
        """Leave the runner's alarm alone."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Hints that were taken from a queue: how many, and what sees their jobs through."""

    count: int
    see_through: Callable[[], None]


class Worker(RQWorker):
    """RQ's worker on rows: nothing that happens to it loses a job or shows one twice."""

    death_penalty_class = NoDeathPenalty
    queue_class = HintQueue
    job_class = HintJob
    log_result_lifespan = False

    def __init__(self, queues: Any, name: str | None = None, **options: Any) -> None:
        # Whatever the command line says: its default is pickle.
        options["serializer"] = JSONSerializer
        options["worker_ttl"] = WORKER_TTL_SECONDS
        self._shift: Shift | None = None
        self._shown: Shown | None = None
        self._taking = Taking()
        self._burst = False
        # Only while it waits for a hint may a signal break off what it does.
        self._is_waiting = False
        self._is_suspended = False
        self._idle_since = time.monotonic()
        self._noticed_at = 0.0
        self._beaten_at = 0.0
        # None where there is to be none, 0 while there should be one and is not.
        self._dispatcher_pid: int | None = None
        self._burst_dispatcher: dispatcher.Dispatcher | None = None
        super().__init__(queues, name or _new_name(), **options)
        self._presence = Presence(self.name, self.queue_names())
        if options.get("prepare_for_work", True):
            self._share_connection()

    def _share_connection(self) -> None:
        """Have all queues use one pool: django-rq gives each of them its own, and so a worker dozens of connections."""
        pool = self.connection.connection_pool
        pool.max_connections = MOST_CONNECTIONS
        # A frozen Redis would otherwise hold the parent for a minute, and its leases would run out.
        pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
        for queue in self.queues:
            queue.connection = self.connection

    @property
    def _hint_queues(self) -> Sequence[HintQueue]:
        """Its queues, the most urgent first, as the class that they are of."""
        return cast(Sequence[HintQueue], self.queues)

    @property
    def dequeue_timeout(self) -> int:
        """How long one blocking call lasts: the parent also has to look after its dispatcher."""
        return DEQUEUE_SECONDS

    @property
    def connection_timeout(self) -> int:
        """How long any command may take."""
        return DEQUEUE_SECONDS + 2

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return bool(self._stop_requested)

    def _set_ip_address(self, connection: Redis) -> None:
        try:
            super()._set_ip_address(connection)
        except REDIS_ERRORS:
            # The worker waits for Redis later on; its address is for people only.
            self.ip_address = "unknown"

    # --- The loop -----------------------------------------------------------------------------------------

    def work(
        self,
        burst: bool = False,  # noqa: FBT001, FBT002 -- RQ's signature
        logging_level: str | None = None,
        date_format: str = "",
        log_format: str = "",
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,  # noqa: FBT001, FBT002 -- RQ's signature; the dispatcher does that work
        dequeue_strategy: DequeueStrategy = DequeueStrategy.DEFAULT,
    ) -> bool:
        """Whether any hint was taken before the worker was stopped or, in a burst, nothing was due."""
        self._burst = burst
        taken = 0
        try:
            self._install_signal_handlers()  # type: ignore[no-untyped-call]  # RQ is typed in part
            self._begin()
            while not self._stop_requested and (max_jobs is None or taken < max_jobs):
                step = self._step(max_idle_time, None if max_jobs is None else max_jobs - taken)
                if step is None:
                    break
                taken += step
        except StopRequested:
            logger.info("Worker %s: stopping", self.name)
        finally:
            # What stays frozen at the end is not collected, and DuckDB's bindings would complain of it line by line.
            gc.unfreeze()
            self._end()
        return bool(taken)

    def _begin(self) -> None:
        """Start the dispatcher and make the worker known, as soon as Redis is there."""
        logger.info("Worker %s: pid %d on %s", self.name, os.getpid(), ", ".join(self.queue_names()))
        if not self._burst:
            self._dispatcher_pid = 0
            self._look_after_dispatcher()
        self._warm_up()
        self._presence.begin()
        while not self._stop_requested:
            try:
                # What a predecessor of the same name left behind when it was killed.
                self.connection.delete(self.key)
                self.register_birth()  # type: ignore[no-untyped-call]  # RQ is typed in part
                self.subscribe()  # type: ignore[no-untyped-call]  # RQ is typed in part
                self.set_state(WorkerStatus.STARTED)
            except REDIS_ERRORS as error:
                self._wait_for_redis(error)
            else:
                return

    def _warm_up(self) -> None:
        """Go once through what each job begins with, and leave what is there by then to the garbage collector never.

        A collection in a work-horse would otherwise touch, and so copy, every object that it shares with its parent.
        """
        connections.close_all()
        tracing.prepare()
        try:
            in_database(lambda: lifecycle.claim(UUID(int=0), Seat.of(self.name)))
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            logger.warning("Worker %s: no database yet (%s)", self.name, type(error).__name__)
        gc.collect()
        gc.freeze()

    def _step(self, max_idle_seconds: int | None, most_jobs: int | None) -> int | None:
        """The number of hints taken; None when the loop is over."""
        try:
            self._notice()
            if self._is_suspended:
                # It goes on to show that it lives; in a burst it ended just now.
                time.sleep(NOTICE_SECONDS)
                return 0
            taken = self._take(most_jobs)
        except REDIS_ERRORS as error:
            if self._burst:
                self._give_up(error)
                return None
            self._wait_for_redis(error)
            return 0
        if taken:
            # No error of what follows is one of Redis: what a shift tells it, it says in passing.
            taken.see_through()
            self._idle_since = time.monotonic()
            return taken.count
        if self._burst:
            return 0 if self._burst_tick() else None
        idle_seconds = time.monotonic() - self._idle_since
        return None if max_idle_seconds is not None and idle_seconds >= max_idle_seconds else 0

    def _give_up(self, error: Exception) -> None:
        """End a burst without Redis."""
        logger.error("Worker %s: Redis is away (%s)", self.name, type(error).__name__)

    def _take(self, most_jobs: int | None) -> "_Taken | None":
        """The hints that were taken from one queue; None if none came in time."""
        timeout = None if self._burst else self.dequeue_timeout
        self._is_waiting = True
        try:
            popped = HintQueue.pop(self._taking.order(self._hint_queues), timeout, self.connection)
        except DequeueTimeout:
            return None
        finally:
            self._is_waiting = False
        if popped is None:
            return None
        self._taking.took()
        queue, raw_id = popped
        if not policy_of(queue.name).is_light:
            return _Taken(1, self._heavy(queue, raw_id))
        load = self._taking.load_of(queue.name)
        if most_jobs is not None:
            load = min(load, most_jobs)
        raw_ids = [raw_id, *queue.pop_more(load - 1)]
        ids = queue.opened_ids(raw_ids)
        return _Taken(len(raw_ids), lambda: self._run_light(queue, ids) if ids else None)

    def _heavy(self, queue: HintQueue, raw_id: bytes) -> Callable[[], None]:
        """What is to be done for a hint of the heavy lane, with all that Redis is asked for before the claim."""
        hint = queue.opened(raw_id)
        if hint is None:
            return lambda: None
        hint.redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]  # RQ is typed in part
        return lambda: self._run_heavy(queue, hint)

    def _notice(self) -> None:
        """Look around, unless that was a moment ago: at the dispatcher, at a suspension, at what is old in Redis."""
        if time.monotonic() - self._noticed_at < NOTICE_SECONDS:
            return
        self._noticed_at = time.monotonic()
        self._look_after_dispatcher()
        self._presence.show(is_stopping=False)
        self._look_at_suspension()
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()
        with self.connection.pipeline() as pipeline:
            self.set_state(
                WorkerStatus.SUSPENDED if self._is_suspended else WorkerStatus.IDLE, pipeline=pipeline
            )
            self.heartbeat(pipeline=pipeline)
            pipeline.execute()

    def _look_at_suspension(self) -> None:
        """Learn whether RQ's `suspend` holds, which ends a burst."""
        before, self._is_suspended = self._is_suspended, bool(is_suspended(self.connection, self))
        if self._is_suspended and self._burst:
            logger.info("Worker %s: suspended, so this burst ends", self.name)
            raise StopRequested
        if self._is_suspended != before:
            logger.info("Worker %s: %s", self.name, "suspended" if self._is_suspended else "resumed")

    def _wait_for_redis(self, error: Exception) -> None:
        logger.warning("Worker %s: waiting for Redis (%s)", self.name, type(error).__name__)
        time.sleep(REDIS_PAUSE_SECONDS)

    def _burst_tick(self) -> int:
        """The number of jobs sent by one look of this process itself: a burst has no dispatcher."""
        try:
            self._burst_dispatcher = self._burst_dispatcher or dispatcher.Dispatcher()
            return self._burst_dispatcher.tick()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Worker %s: the database did not answer (%s)", self.name, type(error).__name__)
            return 0
        except REDIS_ERRORS as error:
            self._give_up(error)
            return 0
        finally:
            connections.close_all()

    def _end(self) -> None:
        if self._dispatcher_pid:
            dispatcher.stop(self._dispatcher_pid, self.name)
        self._presence.end()
        for farewell in (self.register_death, self.unsubscribe):
            with suppress(*REDIS_ERRORS):
                farewell()  # type: ignore[no-untyped-call]  # RQ is typed in part

    def run_maintenance_tasks(self) -> None:
        """Drop what is old from RQ's lists; no hint is read for it, and none is failed."""
        for queue in self.queues:
            for registry in (
                queue.started_job_registry,
                queue.finished_job_registry,
                queue.failed_job_registry,
            ):
                self.connection.zremrangebyscore(registry.key, 0, current_timestamp())
            worker_registration.clean_worker_registry(queue)
        self.last_cleaned_at = now()  # type: ignore[assignment]  # RQ declares None

    # --- Jobs ---------------------------------------------------------------------------------------------

    def _run_heavy(self, queue: HintQueue, hint: RQJob) -> None:
        """Claim the row of one hint and see to it that it is settled, in a process of its own."""
        claimed_at = time.monotonic()
        rows = self._claim(queue, [UUID(hint.id)])
        if not rows:
            with suppress(*REDIS_ERRORS):
                self.connection.expire(hint.key, FAILURE_TTL_SECONDS)
            return
        self._shown = Shown(self, hint)
        try:
            shift = self._work_shift(queue, rows, claimed_at)
            self._shown.end(failed=shift.any_failed)
        finally:
            self._shown = None

    def _run_light(self, queue: HintQueue, ids: Sequence[UUID]) -> None:
        """Claim the rows of many hints and see to it that each is settled, in one process."""
        claimed_at = time.monotonic()
        if rows := self._claim(queue, ids):
            shift = self._work_shift(queue, rows, claimed_at)
            self._taking.learn(queue.name, max(1, shift.ended), time.monotonic() - claimed_at)

    def _work_shift(self, queue: HintQueue, rows: Sequence[Job], claimed_at: float) -> Shift:
        self._shift = shift = Shift(self, rows, claimed_at, policy_of(queue.name).memory_mib)
        try:
            shift.work()
        finally:
            self._shift = None
        self._presence.jobs_done += shift.ended
        return shift

    def _claim(self, queue: HintQueue, ids: Sequence[UUID]) -> list[Job]:
        """Those of the rows that are running here now; none when the database stays away."""
        try:
            rows = runner.patiently(
                lambda: in_database(lambda: lifecycle.claim_many(ids, Seat.of(self.name), queue.name))
            )
        except (DatabaseError, InterfaceError) as error:
            # The hints are spent: a dispatcher finds them missing and sends others.
            logger.warning("Worker %s: no row was claimed (%s)", self.name, type(error).__name__)
            connection.close()
            return []
        if len(rows) < len(ids):
            logger.info(
                "Worker %s: %d rows were not there to be claimed: sent twice, done, cancelled or not due",
                self.name,
                len(ids) - len(rows),
            )
        return rows

    # --- What a shift asks of its worker ------------------------------------------------------------------

    def has_begun(self) -> None:
        """Tell RQ's lists of the job that runs now, if it is one that they know."""
        if self._shown and self._shown.execution is None:
            self._shown.begin()

    def look_around(self) -> None:
        """Do what has to be done every second, while a shift lasts."""
        moment = time.monotonic()
        if moment - self._noticed_at < NOTICE_SECONDS:
            return
        self._noticed_at = moment
        self._look_after_dispatcher()
        self._presence.show(is_stopping=self.is_stopping)
        if moment - self._beaten_at >= BEAT_SECONDS:
            self._beaten_at = moment
            if self._shown:
                self._shown.go_on()
            else:
                with suppress(*REDIS_ERRORS):
                    self.heartbeat()

    # --- Commands -----------------------------------------------------------------------------------------

    def handle_payload(self, message: Any) -> None:
        """Obey a command that came through Redis; one of ours only says that a job was cancelled."""
        if parse_payload(message).get("command") == LOOK_COMMAND:
            if shift := self._shift:
                shift.nudge()
            return
        super().handle_payload(message)  # type: ignore[no-untyped-call]  # RQ is typed in part

    @property
    def horse_pid(self) -> int:
        """The work-horse's process, by which RQ's command to kill it knows that there is one; 0 if there is none."""
        shift = self._shift
        return shift.horse.pid if shift and shift.horse else 0

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Kill the work-horse; the job under way counts as lost, or as cancelled if it was RQ's order to stop it."""
        if shift := self._shift:
            shift.end_now("cancel" if self._stopped_job_id else "killed")
        self._stopped_job_id = None

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        """Keep listening for commands, whatever happens to Redis."""
        logger.debug("Worker %s: no commands for now (%s)", self.name, type(exc).__name__)
        time.sleep(REDIS_PAUSE_SECONDS)

    # --- Stopping -----------------------------------------------------------------------------------------

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once when idle; else let the running job end or be handed back first."""
        self._stop_requested = True
        self._shutdown_requested_date = now()
        signal.signal(signal.SIGINT, self.request_force_stop)
        signal.signal(signal.SIGTERM, self.request_force_stop)
        if self._is_waiting:
            raise StopRequested

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Kill the work-horse now and hand its job back; a signal sent twice within a second counts once."""
        asked_at = self._shutdown_requested_date
        if self._shift and asked_at and (now() - asked_at).total_seconds() >= 1:
            self._shift.end_now("stop")

    # --- The dispatcher -----------------------------------------------------------------------------------

    def _start_dispatcher(self) -> None:
        parent_pid = os.getpid()
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgrp()
                processes.die_with_parent(parent_pid)
                dispatcher.start(parent_pid, self.name)
            finally:
                os._exit(1)
        self._dispatcher_pid = pid

    def _look_after_dispatcher(self) -> None:
        if self._dispatcher_pid is None or self._stop_requested:
            return
        if self._dispatcher_pid:
            if not processes.has_ended(self._dispatcher_pid):
                return
            logger.warning("Worker %s: the dispatcher ended and is started again", self.name)
            # Its number may be another process's from here on.
            self._dispatcher_pid = 0
        try:
            self._start_dispatcher()
        except OSError as error:
            # The next look tries again; meanwhile the dispatchers of other workers lead.
            logger.error("Worker %s: no dispatcher could be started (%s)", self.name, type(error).__name__)  # noqa: TRY400


def _new_name() -> str:
    """Where the worker runs, for people; the last part tells apart containers that share a host name and a number."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(2)}"
