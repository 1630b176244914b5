"""Jobs whose attempt ended without a word: from a worker that gave no sign of life, or a work-horse that died."""

import logging
import time
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from jobs import lifecycle
from jobs.errors import FencedError
from jobs.lifecycle import Cause, Record
from jobs.models import AttemptOutcome, Job
from jobs.retries import delay_after_loss
from jobs.runner import backoff_of

logger = logging.getLogger(__name__)

# Rows of one look; what is left comes with the next one.
BATCH_SIZE = 500


def rescue_stalled() -> int:
    """The number of running jobs that were taken from workers which gave no sign of life."""
    rescued = 0
    for job_id in list(Job.objects.stalled().values_list("pk", flat=True)[:BATCH_SIZE]):
        try:
            rescued += _rescue(job_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 -- one row's error is not the others'
            extra = {"action": "rescue", "job_id": job_id}
            logger.error("A job could not be rescued: %s", type(error).__qualname__, extra=extra)  # noqa: TRY400
    return rescued


def longest_blindness() -> float:
    """The seconds for which nobody may have seen anything who takes jobs from others.

    Workers give a sign of life so often: who was held up for longer may not have seen theirs.
    """
    # Less than a second is none: a busy machine is as slow as that.
    return max(1.0, float(settings.JOBS_LEASE_SECONDS) / 4)


def _rescue(job_id: UUID) -> bool:
    began_at = time.monotonic()
    with suppress(FencedError), transaction.atomic():
        if time.monotonic() - began_at > longest_blindness():
            # On SQLite somebody else was writing all that time, and no worker could.
            return False
        # Asked again under the lock: its worker may have renewed the lease meanwhile.
        stalled = Job.objects.stalled().filter(pk=job_id).select_for_update(skip_locked=True).first()
        if stalled:
            lose(stalled, Cause.LEASE_OVER, Record())
            return True
    return False


def lose(job: Job, cause: Cause, record: Record) -> Job:
    """The job after an attempt that ended without a word: waiting for the next one, or failed.

    Raises: FencedError when it was settled after all.
    """
    extra = {"action": "rescue", "job_id": job.pk, "task": job.task, "attempt": job.attempt}
    logger.warning("An attempt was lost (%s)", cause.value, extra=extra)
    if job.cancel_requested_at is not None:
        return lifecycle.end_cancelled(job, record)
    if job.attempt >= job.max_attempts:
        # What ended its process every time would do so again: it is put aside for a person to look at.
        survived = job.attempts.filter(outcome=AttemptOutcome.FAILED).exists()
        code = "interrupted" if survived or job.attempt == 1 else "quarantined"
        return lifecycle.fail(job, record, cause, error_code=code)
    return lifecycle.retry_later(job, record, cause, delay_after_loss(job.attempt, backoff_of(job)))
