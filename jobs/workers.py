"""The worker: RQ's loop and work-horse, with the row as the truth.

A worker is three kinds of process. The parent takes hints from Redis, claims the row of each, forks a work-horse
for it, keeps its lease alive, and settles what it reported or, killed, left. The work-horse runs the task; it
settles by itself what is not a plain success. The dispatcher, one beside each parent, sends what is due. Any of
them may be killed at any moment; parent and dispatcher outlive an absent Redis or database.

| who dies | who notices | after |
|---|---|---|
| the work-horse | its parent, by the end of their pipe | at once |
| the parent | the kernel kills work-horse and dispatcher; any dispatcher sees the lease run out | the lease |
| the dispatcher | its parent starts another | seconds |
"""

import gc
import logging
import os
import random
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from resource import struct_rusage
from types import FrameType
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker as RQWorker
from rq import worker_registration
from rq.exceptions import DequeueTimeout, StopRequested
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus as RQStatus
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import current_timestamp, now, utcformat
from rq.worker import DequeueStrategy, WorkerStatus

from jobs import lifecycle, live, processes, runner, upkeep
from jobs.context import StopFlag
from jobs.dispatch import REDIS_ERRORS
from jobs.errors import FencedError
from jobs.lifecycle import Cause, Record, Seat
from jobs.models import Job, JobStatus
from jobs.runner import Host, Report
from jobs.transport import FAILURE_TTL_SECONDS, RESULT_TTL_SECONDS, HintJob, HintQueue

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A task that ignores the end of its time is killed by the parent after as many seconds more.
HARD_LIMIT_GRACE_SECONDS = 15.0
# How often the parent looks at its work-horse when nothing wakes it; a death wakes it.
LOOK_SECONDS = 0.2
# How long the parent blocks in Redis at a time.
DEQUEUE_SECONDS = 5
# A dead worker leaves RQ's lists a minute after this.
WORKER_TTL_SECONDS = 60
# How often the parent shows that it lives, and looks whether workers are suspended, while one hint follows another.
NOTICE_SECONDS = 1.0
# Between two tries while Redis is away.
REDIS_PAUSE_SECONDS = 1.0
# A statement of the parent gives up this early: the work-horse may hold the row's lock for long.
LOCK_WAIT_SECONDS = 2


class NoDeathPenalty(BaseDeathPenalty):
    """No alarm of RQ's: the runner keeps the time limit, and the parent behind it."""

    def setup_death_penalty(self) -> None:
        """Set nothing."""

    def cancel_death_penalty(self) -> None:
        """Leave the runner's alarm alone."""


@dataclass(slots=True)
class Horse:
    """A work-horse as its parent sees it."""

    pid: int
    # As it was claimed.
    row: Job
    # The pipe on which it reports at its end; its death closes the other end.
    pipe: int
    hard_limit_seconds: float
    began_at: float = field(default_factory=time.monotonic)
    tended_at: float = field(default_factory=time.monotonic)
    asked_at: float = 0.0
    said: bytes = b""
    report: Report | None = None
    pipe_closed: bool = False
    # Once set, it is killed at that time, and its job is settled as the reason says.
    kill_at: float | None = None
    reason: str = ""

    def hear(self) -> None:
        """Take in what it says; for when its pipe is readable or it has ended."""
        with suppress(BlockingIOError):
            while not self.pipe_closed:
                said = os.read(self.pipe, 65536)
                self.pipe_closed = not said
                self.said += said
                if said.endswith(b"\n"):
                    self.report = Report.from_line(self.said)

    def kill_within(self, seconds: float, reason: str) -> None:
        """Have it killed by then, unless that is planned already."""
        if self.kill_at is None:
            self.kill_at = time.monotonic() + seconds
            self.reason = reason


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
        self._horse: Horse | None = None
        self._busy = False
        self._burst = False
        self._idle_since = time.monotonic()
        self._noticed_at = 0.0
        self._dispatcher_pid = 0
        self._stop = StopFlag()
        super().__init__(queues, name, **options)
        if options.get("prepare_for_work", True):
            # A frozen Redis would otherwise hold the parent for a minute, and its lease would run out.
            self.connection.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)

    @property
    def dequeue_timeout(self) -> int:
        """How long one blocking call lasts: the parent also has to look after its dispatcher."""
        return DEQUEUE_SECONDS

    @property
    def connection_timeout(self) -> int:
        """How long any command may take."""
        return DEQUEUE_SECONDS + 2

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
        self._dequeue_strategy = dequeue_strategy
        taken = 0
        try:
            self._install_signal_handlers()  # type: ignore[no-untyped-call]  # RQ is typed in part
            self._begin()
            while not self._stop_requested and (max_jobs is None or taken < max_jobs):
                step = self._step(max_idle_time)
                if step is None:
                    break
                taken += step
        except StopRequested:
            logger.info("Worker %s: stopping", self.name)
        finally:
            self._end()
        return bool(taken)

    def _begin(self) -> None:
        """Start the dispatcher and make the worker known, as soon as Redis is there."""
        logger.info("Worker %s: pid %d on %s", self.name, os.getpid(), ", ".join(self.queue_names()))
        if not self._burst:
            self._start_dispatcher()
        self._warm_up()
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
        try:
            _in_database(lambda: lifecycle.claim(UUID(int=0), Seat(self.name[:100], "", 0)))
        except DatabaseError as error:
            connection.close()
            logger.warning("Worker %s: no database yet (%s)", self.name, type(error).__name__)
        gc.collect()
        gc.freeze()

    def _step(self, max_idle_seconds: int | None) -> int | None:
        """The number of hints taken, 0 or 1; None when the loop is over."""
        try:
            self._notice()
            if taken := self._take():
                self.execute_job(*taken)
                self._idle_since = time.monotonic()
                return 1
            if self._burst:
                return 0 if self._burst_tick() else None
        except REDIS_ERRORS as error:
            if self._burst:
                logger.error("Worker %s: Redis is away (%s)", self.name, type(error).__name__)  # noqa: TRY400
                return None
            self._wait_for_redis(error)
            return 0
        idle_seconds = time.monotonic() - self._idle_since
        return None if max_idle_seconds is not None and idle_seconds >= max_idle_seconds else 0

    def _take(self) -> tuple[RQJob, Any] | None:
        """The next hint with its queue, if one comes in time."""
        try:
            taken = HintQueue.dequeue_any(
                self._ordered_queues,
                None if self._burst else self.dequeue_timeout,
                connection=self.connection,
            )
        except DequeueTimeout:
            return None
        if taken:
            job, queue = taken
            self.reorder_queues(reference_queue=queue)
            job.redis_server_version = self.get_redis_server_version()  # type: ignore[no-untyped-call]  # RQ is typed in part
        return taken

    def _notice(self) -> None:
        """Look around, unless that was a moment ago: at the dispatcher, at a suspension, at what is old in Redis."""
        if time.monotonic() - self._noticed_at < NOTICE_SECONDS:
            return
        self._look_after_dispatcher()
        self.check_for_suspension(self._burst)
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()
        with self.connection.pipeline() as pipeline:
            self.set_state(WorkerStatus.IDLE, pipeline=pipeline)
            self.heartbeat(pipeline=pipeline)
            pipeline.execute()
        self._noticed_at = time.monotonic()

    def _wait_for_redis(self, error: Exception) -> None:
        logger.warning("Worker %s: waiting for Redis (%s)", self.name, type(error).__name__)
        time.sleep(REDIS_PAUSE_SECONDS)

    def _burst_tick(self) -> int:
        """The number of jobs sent by one look of this process itself: a burst has no dispatcher."""
        try:
            return upkeep.Dispatcher().tick()
        except DatabaseError as error:
            logger.warning("Worker %s: the database did not answer (%s)", self.name, type(error).__name__)
            return 0
        finally:
            connections.close_all()

    def _end(self) -> None:
        if self._dispatcher_pid:
            processes.stop(self._dispatcher_pid)
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
        if not self._busy:
            raise StopRequested

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Kill the work-horse now and hand its job back; a signal sent twice within a second counts once."""
        asked_at = self._shutdown_requested_date
        if self._horse and asked_at and (now() - asked_at).total_seconds() >= 1:
            self._horse.kill_at = time.monotonic()
            self._horse.reason = self._horse.reason or "stop"

    # --- The dispatcher -----------------------------------------------------------------------------------

    def _start_dispatcher(self) -> None:
        parent_pid = os.getpid()
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgrp()
                processes.die_with_parent(parent_pid)
                upkeep.start(parent_pid)
            finally:
                os._exit(1)
        self._dispatcher_pid = pid

    def _look_after_dispatcher(self) -> None:
        if self._dispatcher_pid and not self._stop_requested and processes.has_ended(self._dispatcher_pid):
            logger.warning("Worker %s: the dispatcher ended and is started again", self.name)
            self._start_dispatcher()

    # --- The work-horse -----------------------------------------------------------------------------------

    def execute_job(self, job: RQJob, queue: Any) -> None:
        """Claim the row of one hint and see to it that it is settled, however its work-horse ends."""
        self._busy = True
        try:
            if (row := self._claim(job)) and (horse := self._start_horse(row)):
                execution = self._show_start(job)
                self._watch(horse, job, execution)
                self._show_end(job, execution, failed=horse.report is None or horse.report.failed)
        finally:
            self._busy = False

    def _claim(self, job: RQJob) -> Job | None:
        """The hint's row, now running here; None when it is not there to be taken or the database stays away."""
        seat = Host(self.name, self._stop).seat()
        try:
            row = runner.patiently(lambda: _in_database(lambda: lifecycle.claim(UUID(job.id), seat)))
        except DatabaseError as error:
            # The hint is spent: a dispatcher finds it missing and sends another one.
            logger.warning("Worker %s: no row was claimed (%s)", self.name, type(error).__name__)
            connection.close()
            row = None
        if row is None:
            with suppress(*REDIS_ERRORS):
                self.connection.expire(job.key, FAILURE_TTL_SECONDS)
        return row

    def _start_horse(self, row: Job) -> Horse | None:
        """The new process that runs the task; None when the system has none to give, and the job is handed back."""
        parent_pid = os.getpid()
        _prepare_fork()
        reading, writing = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(reading)
            os.close(writing)
            self._give_up(row, error)
            return None
        if pid == 0:
            try:
                os.close(reading)
                self._be_horse(row, writing, parent_pid)
            finally:
                os._exit(1)
        os.close(writing)
        os.set_blocking(reading, False)
        self._horse_pid = pid
        self._horse = Horse(pid, row, reading, row.timeout_seconds + HARD_LIMIT_GRACE_SECONDS)
        return self._horse

    def _give_up(self, row: Job, error: OSError) -> None:
        """Hand back a job that no process could be started for."""
        logger.error("Worker %s: no work-horse could be started (%s)", self.name, type(error).__name__)
        record = Record(error_class=type(error).__name__)
        try:
            runner.patiently(lambda: _in_database(lambda: lifecycle.hand_back(row, record)))
        except (DatabaseError, FencedError) as left:
            logger.warning("Worker %s: left to the lease (%s)", self.name, type(left).__name__)
        time.sleep(REDIS_PAUSE_SECONDS)

    def _be_horse(self, row: Job, pipe: int, parent_pid: int) -> None:
        """The whole life of a work-horse from its fork on; one that ends without a report is taken for dead."""
        os.setpgrp()
        processes.die_with_parent(parent_pid)
        random.seed()
        self._is_horse = True
        self.setup_work_horse_signals()
        _leave_connections_to_parent()
        runner.set_host(Host(self.name, self._stop))
        try:
            line = runner.run_apart(row).to_line()
        except Exception as error:  # noqa: BLE001 -- its message may hold values
            logger.error("Job %s could not be settled: %s", row.pk, type(error).__name__)  # noqa: TRY400
            return
        with os.fdopen(pipe, "wb") as parent:
            parent.write(line)
        os._exit(0)

    def setup_work_horse_signals(self) -> None:
        """Have SIGTERM ask the task to stop at its next checkpoint, whoever sent it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop.set)

    def _watch(self, horse: Horse, job: RQJob, execution: Execution | None) -> None:
        """Keep the row's lease while the work-horse lives, and settle what it reports, or leaves when it does not."""
        settled = False
        while (ended := self._wait(horse)) is None:
            if horse.report and not settled:
                # While it ends: what the kernel does for that need not be waited for.
                self._settle_reported(horse, horse.report)
                settled = True
            self._tend(horse, job, execution)
        if horse.report is None:
            self._settle_for(horse, *ended)
        elif not settled:
            self._settle_reported(horse, horse.report)
        os.close(horse.pipe)
        self._horse = None
        self._horse_pid = 0

    def _wait(self, horse: Horse) -> tuple[int, struct_rusage] | None:
        """Its exit status and what it used, once it has ended; else None after a moment."""
        pid, status, usage = os.wait4(horse.pid, os.WNOHANG)
        if pid:
            horse.hear()
            return status, usage
        if horse.pipe_closed:
            # It is about to end: only what the kernel does for it is left.
            time.sleep(0.0005)
        elif select.select([horse.pipe], [], [], LOOK_SECONDS)[0]:
            horse.hear()
        return None

    def _tend(self, horse: Horse, job: RQJob, execution: Execution | None) -> None:
        """What the parent does for a living work-horse, several times a second."""
        moment = time.monotonic()
        if self._stop_requested:
            self._ask_to_stop(horse, moment)
        if moment - horse.began_at > horse.hard_limit_seconds:
            horse.kill_within(0, "time_limit")
        if moment - horse.tended_at > settings.JOBS_LEASE_SECONDS / 3:
            horse.tended_at = moment
            self._renew(horse)
            self._look_after_dispatcher()
            with suppress(*REDIS_ERRORS):
                if execution:
                    self.maintain_heartbeats(job, execution)
        if horse.kill_at is not None and moment >= horse.kill_at:
            logger.warning("Worker %s: killing work-horse %d (%s)", self.name, horse.pid, horse.reason)
            self.kill_horse()

    def _ask_to_stop(self, horse: Horse, moment: float) -> None:
        """Ask the task to stop at its next checkpoint, repeatedly: a young process may not listen yet."""
        horse.kill_within(settings.JOBS_STOP_SECONDS, "stop")
        if moment - horse.asked_at > 1:
            horse.asked_at = moment
            with suppress(ProcessLookupError):
                os.kill(horse.pid, signal.SIGTERM)

    def _renew(self, horse: Horse) -> None:
        """Give the row a new lease, and learn whether it is to be cancelled or was given away."""
        try:
            row, given_away = _in_database(lambda: _renewed(horse.row))
        except DatabaseError as error:
            # The row may be locked by the work-horse's own long transaction: then nobody else can take it
            # either.
            connection.close()
            logger.info("Worker %s: the lease was not renewed (%s)", self.name, type(error).__name__)
            return
        if given_away:
            horse.kill_within(0, "fenced")
        elif row and row.cancel_requested_at:
            horse.kill_within(settings.JOBS_STOP_SECONDS, "cancel")

    def _settle_reported(self, horse: Horse, report: Report) -> None:
        """Write the success of a work-horse that left that to its parent."""
        success = report.success
        if success is None:
            live.publish(f"job:{horse.row.pk}")
            return
        try:
            runner.patiently(lambda: _in_database(lambda: runner.settle_success(horse.row, success)))
        except (OperationalError, InterfaceError) as error:
            connection.close()
            logger.warning("Worker %s: left to the lease (%s)", self.name, type(error).__name__)
        except Exception as error:  # noqa: BLE001 -- a value that the database refuses ends its attempt, not the worker
            logger.error("Worker %s: a report could not be stored (%s)", self.name, type(error).__name__)  # noqa: TRY400
            horse.report = None

    def _settle_for(self, horse: Horse, status: int, usage: struct_rusage) -> None:
        """Settle the row of a work-horse that ended without a word."""
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {status >> 8}"
        logger.warning("Worker %s: work-horse %d ended early (%s)", self.name, horse.pid, how)
        if self._stopped_job_id == str(horse.row.pk):
            self._stopped_job_id, horse.reason = None, "cancel"
        record = Record(
            error_class=how,
            peak_memory_bytes=usage.ru_maxrss * 1024,
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
        )
        try:
            runner.patiently(lambda: _in_database(lambda: _settle(horse, record)))
        except DatabaseError as error:
            connection.close()
            logger.warning("Worker %s: left to the lease (%s)", self.name, type(error).__name__)

    # --- What RQ's pages show -------------------------------------------------------------------------------

    def _show_start(self, job: RQJob) -> Execution | None:
        """RQ's record of an execution, or none while Redis is away."""
        try:
            execution = self.prepare_execution(job)
            with self.connection.pipeline() as pipeline:
                self.heartbeat(int(self.get_heartbeat_ttl(job)), pipeline=pipeline)
                job.prepare_for_execution(self.name, pipeline=pipeline)
                pipeline.persist(job.key)
                pipeline.execute()
        except REDIS_ERRORS as error:
            logger.info("Worker %s: Redis was not told of a start (%s)", self.name, type(error).__name__)
            self.executions.clear()
            return None
        return execution

    def _show_end(self, job: RQJob, execution: Execution | None, *, failed: bool) -> None:
        """Have RQ's lists say that the execution is over; without Redis they forget it in time."""
        self.executions.clear()
        if execution is None:
            return
        registry = job.failed_job_registry if failed else job.finished_job_registry
        ttl_seconds = FAILURE_TTL_SECONDS if failed else RESULT_TTL_SECONDS
        ended_at = now()
        with suppress(*REDIS_ERRORS), self.connection.pipeline() as pipeline:
            execution.delete(job, pipeline)
            status = RQStatus.FAILED if failed else RQStatus.FINISHED
            pipeline.hset(job.key, mapping={"status": status.value, "ended_at": utcformat(ended_at)})
            pipeline.expire(job.key, ttl_seconds)
            pipeline.zadd(registry.key, {job.id: current_timestamp() + ttl_seconds})
            if failed:
                self.increment_failed_job_count(pipeline=pipeline)
            else:
                self.increment_successful_job_count(pipeline=pipeline)
            self.increment_total_working_time(ended_at - (job.started_at or ended_at), pipeline)
            self.set_state(WorkerStatus.IDLE, pipeline=pipeline)
            pipeline.execute()


def _renewed(claimed: Job) -> tuple[Job | None, bool]:
    """The row with a new lease, if the attempt still has it; and whether another attempt has it by now."""
    row = lifecycle.renew(claimed.pk, claimed.fence)
    return row, row is None and Job.objects.filter(pk=claimed.pk, fence__gt=claimed.fence).exists()


def _settle(horse: Horse, record: Record) -> None:
    row = Job.objects.filter(pk=horse.row.pk, fence=horse.row.fence, status=JobStatus.RUNNING).first()
    if row is None:
        return
    with suppress(FencedError):
        match horse.reason:
            case "stop":
                lifecycle.hand_back(row, record)
            case "cancel":
                lifecycle.end_cancelled(row, record)
            case "time_limit":
                lifecycle.fail(row, record, Cause.TIME_LIMIT, error_code="too_long")
            case _:
                upkeep.lose(row, Cause.PROCESS_DIED, record)


def _in_database(step: Callable[[], T]) -> T:
    """What the step returns, on the parent's own connection, which waits for no lock for long."""
    if connection.connection is None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_WAIT_SECONDS}s"])
            else:
                cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")
    return step()


def _prepare_fork() -> None:
    """Close what a fork may not share: an open SQLite file, whose locks the library counts per process.

    A connection to PostgreSQL is kept: the child sets it aside.
    """
    if connection.vendor == "sqlite":
        connections.close_all()


# Never used, and never closed either: closing would say goodbye to the server in the parent's name.
_of_parent: list[Any] = []


def _leave_connections_to_parent() -> None:
    """Have this process open connections of its own when it needs one."""
    for inherited in connections.all(initialized_only=True):
        _of_parent.append(inherited)
        del connections[inherited.alias]
