"""How far a run is: four phases, each with its part of one bar, written to the run at most twice a second."""

import logging
import time

from django.db import OperationalError, connection
from django.db.models import QuerySet

from jobs.context import RunningJob
from jobs.models import JobStatus
from validations.models import Phase, ValidationRun

logger = logging.getLogger(__name__)

# Phase -> the percent at which it begins and ends.
SPANS: dict[Phase, tuple[int, int]] = {
    Phase.PARSING: (0, 50),
    Phase.RECORDS: (50, 75),
    Phase.RULES: (75, 90),
    Phase.RESULTS: (90, 100),
}
# Twice a second is as fast as a person sees a bar move.
INTERVAL_SECONDS = 0.5


def held_by(job: RunningJob, run: ValidationRun) -> QuerySet[ValidationRun]:
    """The run's row for an attempt to write to, as long as the attempt has the job.

    A worker that was frozen and wakes up may find its run ended by another one, and must not touch it.
    """
    held: QuerySet[ValidationRun] = ValidationRun.unscoped.filter(
        pk=run.pk, job__fence=job.fence, job__status=JobStatus.RUNNING
    )
    return held


class ProgressReporter:
    """Writes a run's progress; also the place where a cancelled or handed-back run learns to stop."""

    def __init__(self, job: RunningJob, run: ValidationRun) -> None:
        self._job = job
        self._run = run
        self._phase = Phase.PARSING
        self._written_at = 0.0

    def enter(self, phase: Phase) -> None:
        """Begin a phase; shown at once."""
        self._phase = phase
        self._written_at = 0.0
        self.report(0, None)

    def report(self, done: int, total: int | None) -> None:
        """Note that `done` of `total` steps of the current phase are over.

        Raises: CancelledError or HandBackError from the platform when the run is to stop here.
        """
        now = time.monotonic()
        if now - self._written_at < INTERVAL_SECONDS:
            return
        self._written_at = now
        first, last = SPANS[self._phase]
        part = min(done / total, 1.0) if total else 0.0
        percent = round(first + (last - first) * part)
        try:
            held_by(self._job, self._run).update(
                phase=self._phase, progress_percent=percent, rows_done=done, rows_total=total
            )
        except OperationalError as error:
            # A locked or absent database in passing costs a step of the bar, not the attempt.
            logger.warning("progress was not written: %s", type(error).__name__)
            connection.close()
        self._job.progress(percent, 100, self._phase.value)
