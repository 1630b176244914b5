"""What follows on the end of a job: jobs that waited for it go on, and its batch may be at its end."""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from uuid import UUID

from django.db import DatabaseError

from jobs import batches, dependencies, lifecycle
from jobs.models import Job

logger = logging.getLogger(__name__)


class _Waiting(threading.local):
    """Ended jobs whose follow-up is still to come, of one thread."""

    def __init__(self) -> None:
        self.parents: deque[UUID] = deque()
        self.batches: deque[UUID] = deque()
        self.is_busy = False


_waiting = _Waiting()


def follow_up(ended: Sequence[Job]) -> None:
    """Move what waited for these jobs, and what waited for that, to the end of every chain.

    Called after a commit. What it cancels ends too and calls it again: then it only takes note, so that a chain of a
    thousand jobs is a loop and not a thousand calls within each other. What is too much for now is left to the leader.
    """
    _waiting.parents.extend(job.pk for job in ended if job.has_dependents)
    _waiting.batches.extend(job.batch_id for job in ended if job.batch_id)
    if _waiting.is_busy:
        return
    _waiting.is_busy = True
    try:
        _work_off()
    except DatabaseError as error:
        logger.warning("A follow-up is left to the leader: %s", type(error).__name__)
    finally:
        _waiting.parents.clear()
        _waiting.batches.clear()
        _waiting.is_busy = False


def reconcile() -> int:
    """The number of blocked jobs and of batches that a crash had left behind; for the leader, every few seconds."""
    return dependencies.reconcile() + batches.reconcile()


def _work_off() -> None:
    settled = 0
    while _waiting.parents or _waiting.batches:
        parents = set(_waiting.parents)
        _waiting.parents.clear()
        if parents:
            if settled < dependencies.MOST_AT_ONCE:
                settled += len(dependencies.settle_dependents(parents))
        else:
            # Last, since what was cancelled above may belong to the same batches.
            ended = set(_waiting.batches)
            _waiting.batches.clear()
            batches.settle(ended)


lifecycle.follow_with(follow_up)
