"""Hints that Redis lost: after a flush, an eviction, a deletion by hand, or a worker that died with one in its hand.

A row whose hint is gone counts as unsent again, and is sent like any other. A hint too many does no harm.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models.functions import Now

from jobs import dispatch, lifecycle
from jobs.models import Job, JobStatus
from jobs.turns import Line, queues_of

logger = logging.getLogger(__name__)

# Rows of one statement. The ones behind these come to the front in time.
BATCH_SIZE = 1000


def unsend_missing(older_than: timedelta) -> int:
    """The number of rows, sent longer ago than that, of which Redis has no hint any more; they count as unsent now.

    Of each queue the oldest are looked for, and the ones behind them as long as all of these are gone.

    Raises: RedisError when Redis does not answer.
    """
    lost = 0
    for queue in queues_of(Line.SENT):
        while batch := _oldest(queue, older_than):
            gone = dispatch.missing(batch)
            unsent = _unsend(gone)
            lost += unsent
            if not unsent or len(gone) < len(batch):
                break
    if lost:
        logger.warning("Redis lost the hints of %d jobs", lost, extra={"action": "resend"})
    return lost


def _oldest(queue: str, age: timedelta) -> list[Job]:
    sent = Job.objects.filter(queue=queue, status=JobStatus.QUEUED, sent_at__lte=Now() - age)
    return list(sent.order_by("sent_at").only("pk", "queue", "sent_at")[:BATCH_SIZE])


def _unsend(jobs: Sequence[Job]) -> int:
    """The number of rows that are unsent now; one that was claimed or sent again meanwhile stays as it is."""
    times: list[datetime] = [job.sent_at for job in jobs if job.sent_at]
    if not times:
        return 0
    # A little later than the last of them: SQLite stores a time as a text that may end earlier than Python's.
    same = Job.objects.filter(
        pk__in=[job.pk for job in jobs], sent_at__lt=max(times) + timedelta(milliseconds=1)
    )
    return lifecycle.unsend(same)
