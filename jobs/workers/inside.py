"""The life of a work-horse, from its fork to its end."""

import logging
import os
import random
import signal
import time
from contextvars import copy_context
from types import FrameType

from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now

from jobs import processes, runner, tracing
from jobs.context import StopFlag
from jobs.errors import CancelledError
from jobs.models import Job, JobStatus
from jobs.runner import Host, Report
from jobs.workers.database import leave_connections_to_parent
from jobs.workers.horse import Harness
from jobs.workers.traces import Traces, reset_sessions

logger = logging.getLogger(__name__)

# With it the parent has a cancelled task end here and now. SIGTERM asks any task to stop at its next checkpoint.
CANCEL_SIGNAL = signal.SIGUSR1


class WorkHorse:
    """This process, which runs the jobs that its parent offers until none is left or it should not go on."""

    def __init__(self, worker: str, parent_pid: int, claimed_at: float) -> None:
        self._worker = worker
        self._parent_pid = parent_pid
        # By the monotonic clock, which this process shares with its parent.
        self._claimed_at = claimed_at
        self._stop = StopFlag()

    def live(self, harness: Harness) -> None:
        """Run and report one job after the other, then leave; a job that is taken and not reported counts as lost."""
        processes.die_with_parent(self._parent_pid)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop.set)
        signal.signal(CANCEL_SIGNAL, _cancel)
        leave_connections_to_parent()
        runner.set_host(Host(self._worker, self._stop))
        tracing.begin()
        traces = Traces()
        while not self._stop.is_set and (row := harness.take()):
            try:
                report = self._run(row)
            except Exception as error:  # noqa: BLE001 -- its message may hold values
                logger.error("Job %s could not be settled: %s", row.pk, type(error).__name__)  # noqa: TRY400
                os._exit(1)
            harness.report(report)
            if not harness.has_more or traces.are_there() or not _sessions_are_reset():
                break
        harness.close()
        tracing.flush()
        os._exit(0)

    def _run(self, row: Job) -> Report:
        if time.monotonic() - self._claimed_at > settings.JOBS_LEASE_SECONDS / 2 and not _is_held(row):
            return Report(skipped=True)
        random.seed()
        # What a task sets for its thread of control, such as a language or a time zone, ends with it.
        return copy_context().run(runner.run_apart, row, self._claimed_at)


def _is_held(row: Job) -> bool:
    """Whether the job may still be begun: its worker may have been frozen for longer than its lease."""
    held = Job.objects.filter(
        pk=row.pk,
        fence=row.fence,
        status=JobStatus.RUNNING,
        lease_until__gt=Now(),
        cancel_requested_at=None,
    )
    try:
        return held.exists()
    except DatabaseError as error:
        logger.warning("Job %s was not begun: %s", row.pk, type(error).__name__)
        return False


def _sessions_are_reset() -> bool:
    try:
        reset_sessions()
    except DatabaseError as error:
        logger.info("The next job gets a new process: %s", type(error).__name__)
        return False
    return True


def _cancel(_signal: int, _frame: FrameType | None) -> None:
    if runner.is_performing():
        runner.end_statement()
        raise CancelledError
