"""What a worker's parent writes of jobs that its work-horse has reported, left behind or never begun."""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from resource import struct_rusage

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from jobs import lifecycle, rescue, runner
from jobs.errors import FencedError
from jobs.lifecycle import Cause, Record
from jobs.models import Job, JobStatus
from jobs.runner import Report
from jobs.workers.database import in_database

logger = logging.getLogger(__name__)

Reported = tuple[Job, Report]


def settle(reported: Sequence[Reported]) -> None:
    """Write the successes among these, give back the skipped, and tell of what the work-horse settled itself."""
    lifecycle.announce_for_horse(
        [row for row, report in reported if not report.success and not report.skipped]
    )
    give_back([row for row, report in reported if report.skipped])
    successes = [(row, report) for row, report in reported if report.success]
    if successes and not _written(lambda: runner.settle_successes(successes)):
        # One of them holds what no column can take.
        for success in successes:
            if not _written(partial(runner.settle_successes, [success])):
                settle_lost(success[0], Record(error_class="unwritable"), "")


def settle_lost(row: Job, record: Record, reason: str) -> None:
    """Settle a job whose work-horse ended without a report, by the reason why its parent ended that, if it did."""
    _patiently(lambda: _settle_lost(row, record, reason))


def give_back(rows: Sequence[Job]) -> None:
    """Return jobs that nobody has begun to their queue, at no cost of an attempt."""
    if rows:
        _patiently(lambda: lifecycle.hand_back_many(rows))


def renew(rows: Sequence[Job]) -> tuple[list[Job], set[Job]]:
    """The jobs with new leases, as they are now; and those that another attempt has by now.

    Raises: DatabaseError when the database does not answer, or a lock is held for too long.
    """
    return in_database(lambda: _renew(rows))


def record_of(status: int, usage: struct_rusage) -> Record:
    """What is known of an attempt whose work-horse ended like this."""
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit status {status >> 8}"
    return Record(
        error_class=how,
        peak_memory_bytes=usage.ru_maxrss * 1024,
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
    )


def _written(step: Callable[[], object]) -> bool:
    """Whether the step's values could be stored; one that the database was away for is left to the lease."""
    try:
        runner.patiently(lambda: in_database(step))
    except (OperationalError, InterfaceError) as error:
        _leave_to_lease(error)
    except Exception as error:  # noqa: BLE001 -- a value that the database refuses ends its attempt, not the worker
        logger.error("A report could not be stored: %s", type(error).__name__)  # noqa: TRY400 -- no values
        return False
    return True


def _patiently(step: Callable[[], object]) -> None:
    try:
        runner.patiently(lambda: in_database(step))
    except (DatabaseError, InterfaceError) as error:
        _leave_to_lease(error)


def _leave_to_lease(error: Exception) -> None:
    connection.close()
    logger.warning("Left to the lease: %s", type(error).__name__)


def _renew(rows: Sequence[Job]) -> tuple[list[Job], set[Job]]:
    renewed = lifecycle.renew_many([(row.pk, row.fence) for row in rows])
    missing = {row.pk: row for row in rows}
    for row in renewed:
        missing.pop(row.pk, None)
    fences = dict(Job.objects.filter(pk__in=missing).values_list("pk", "fence")) if missing else {}
    return renewed, {row for row in missing.values() if fences.get(row.pk, 0) > row.fence}


def _settle_lost(row: Job, record: Record, reason: str) -> None:
    held = Job.objects.filter(pk=row.pk, fence=row.fence, status=JobStatus.RUNNING).first()
    if held is None:
        return
    with suppress(FencedError):
        match reason:
            case "stop":
                lifecycle.hand_back(held, record)
            case "cancel":
                lifecycle.end_cancelled(held, record)
            case "time_limit":
                lifecycle.fail(held, record, Cause.TIME_LIMIT, error_code="too_long")
            case "memory":
                lifecycle.fail(held, record, Cause.MEMORY_LIMIT, error_code="too_big")
            case _:
                rescue.lose(held, Cause.PROCESS_DIED, record)
