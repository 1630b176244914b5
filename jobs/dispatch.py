"""Ids on their way to Redis: pushed, looked for, and taken out again.

Callers come after their commit, and the client gives up early (`jobs.failfast`). What could not be sent stays in
its row, and the leader sends it as soon as Redis answers. What Redis lost (after a flush, an eviction, a deletion by
hand, or a worker that died with a hint in its hand) counts as unsent again; a hint too many does no harm.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar, cast

from django.db import DatabaseError
from django.db.models.functions import Now
from redis import Redis
from redis.exceptions import ResponseError

from jobs import lifecycle
from jobs.failfast import REDIS_ERRORS, client, connection, forget_clients
from jobs.models import HoldReason, Job, JobStatus
from jobs.transport import HintJob, HintQueue, put, set_aside_wrong_kinds
from jobs.turns import Line, queues_of

# Callers of this module need no other one to speak to Redis.
__all__ = [
    "REDIS_ERRORS",
    "came_back_empty",
    "connection",
    "forget",
    "forget_clients",
    "hold",
    "key_of",
    "missing",
    "push",
    "redis_answers",
    "unsend_missing",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Missing in Redis: it came back empty, and every hint in it is gone.
EPOCH_KEY = "jobs:epoch"
# Written by dispatchers to learn whether Redis takes what is written.
BEAT_KEY = "jobs:beat"
# Ids of about 4 MB: what a dispatcher may ask for every few seconds.
LONGEST_SEARCHED = 100_000
# Ids that Redis may compare to take some out of a queue, about 50 ms: it does nothing else meanwhile, for anybody.
MOST_COMPARED = 500_000
# Rows that are looked for in Redis at a time. The ones behind these come to the front in time.
MOST_LOOKED_FOR = 1000
# Hints of one pipeline: large enough to be cheap, small enough for the time-out.
BATCH_SIZE = 500


def hold(jobs: Sequence[Job]) -> None:
    """Mark queued rows as waiting for Redis, so that pages can say so; never raises."""
    try:
        rows = Job.objects.filter(pk__in=[job.pk for job in jobs])
        lifecycle.hold(rows, HoldReason.REDIS_AWAY, lifecycle.Cause.REDIS_AWAY)
    except DatabaseError as error:
        # The rows count as sent; a dispatcher will not find them in Redis, and sends them.
        logger.error("Jobs could not be marked as held: %s", type(error).__name__)  # noqa: TRY400 -- no values


def push(jobs: Sequence[Job]) -> bool:
    """Whether the hints could be put into their queues; never raises and never waits long."""
    fast = client()
    if fast.is_silent:
        return False
    try:
        for start in range(0, len(jobs), BATCH_SIZE):
            _push_batch(fast.redis, jobs[start : start + BATCH_SIZE])
    except REDIS_ERRORS as error:
        fast.failed()
        logger.warning("Redis does not take jobs (%s); they wait in the database", type(error).__name__)
        return False
    return True


def _push_batch(redis: Redis, jobs: Iterable[Job]) -> None:
    by_queue: dict[str, list[Job]] = {}
    for job in jobs:
        by_queue.setdefault(job.queue, []).append(job)
    _on_lists(redis, by_queue, lambda: _put_all(redis, by_queue))


def _put_all(redis: Redis, by_queue: Mapping[str, Sequence[Job]]) -> None:
    with redis.pipeline() as pipeline:
        for name, some in by_queue.items():
            put(pipeline, HintQueue(name, connection=redis), some)
        pipeline.execute()


def _on_lists(redis: Redis, names: Iterable[str], step: Callable[[], T]) -> T:
    """What the step returns, done again if keys of these queues had to be put aside first."""
    try:
        return step()
    except ResponseError as error:
        if not set_aside_wrong_kinds(redis, [HintQueue(name, connection=redis) for name in names], error):
            raise
        return step()


def redis_answers() -> bool:
    """Whether Redis takes what is written to it now: one that is full or a read-only copy answers, and does not."""
    fast = client()
    try:
        fast.redis.set(BEAT_KEY, repr(time.time()))
    except REDIS_ERRORS:
        return False
    fast.answered()
    return True


def came_back_empty() -> bool:
    """Whether Redis lost everything since anybody asked; only one of several askers is told so.

    Raises: RedisError when it does not answer.
    """
    return bool(connection().set(EPOCH_KEY, repr(time.time()), nx=True))


def missing(jobs: Sequence[Job]) -> list[Job]:
    """Those of the sent rows of which Redis has no hint any more, or only half of one.

    A queue that is longer than LONGEST_SEARCHED is not searched: its hints are looked for when it is shorter.

    Raises: RedisError when it does not answer.
    """
    names = sorted({job.queue for job in jobs})
    redis = connection()
    return _on_lists(redis, names, lambda: _missing(redis, names, jobs))


def _missing(redis: Redis, names: Sequence[str], jobs: Sequence[Job]) -> list[Job]:
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(key_of(name))
        for job in jobs:
            pipeline.exists(HintJob.key_for(str(job.pk)))
        answers = pipeline.execute()
    lengths, here = dict(zip(names, answers, strict=False)), answers[len(names) :]
    placed = {name: _ids_in(redis, name) for name in names if lengths[name] <= LONGEST_SEARCHED}
    return [
        job
        for job, is_here in zip(jobs, here, strict=True)
        if not is_here or (job.queue in placed and str(job.pk).encode() not in placed[job.queue])
    ]


def _ids_in(redis: Redis, queue_name: str) -> set[bytes]:
    return cast(set[bytes], set(redis.lrange(key_of(queue_name), 0, -1)))


def unsend_missing(older_than: timedelta) -> int:
    """The number of rows, sent longer ago than that, of which Redis has no hint any more; they count as unsent now.

    Of each queue the oldest are looked for, and the ones behind them as long as all of these are gone.

    Raises: RedisError when Redis does not answer.
    """
    lost = 0
    for queue in queues_of(Line.SENT):
        while batch := _oldest_sent(queue, older_than):
            gone = missing(batch)
            unsent = _unsend(gone)
            lost += unsent
            if not unsent or len(gone) < len(batch):
                break
    if lost:
        logger.warning("Redis lost the hints of %d jobs", lost, extra={"action": "resend"})
    return lost


def _oldest_sent(queue: str, age: timedelta) -> list[Job]:
    sent = Job.objects.filter(queue=queue, status=JobStatus.QUEUED, sent_at__lte=Now() - age)
    return list(sent.order_by("sent_at").only("pk", "queue", "sent_at")[:MOST_LOOKED_FOR])


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


def key_of(queue_name: str) -> str:
    """The key of the list in which the ids of a queue wait."""
    return f"{HintQueue.redis_queue_namespace_prefix}{queue_name}"


def forget(jobs: Sequence[Job]) -> None:
    """Take the hints of these rows out of Redis if possible; one that stays finds nothing to claim.

    From a queue that is long for so many an id is not taken: it means nothing without its hash, and whoever meets it
    passes it over.
    """
    fast = client()
    if fast.is_silent:
        return
    counts = Counter(job.queue for job in jobs)
    try:
        with fast.redis.pipeline(transaction=False) as pipeline:
            for name in counts:
                pipeline.llen(key_of(name))
            lengths = dict(zip(counts, pipeline.execute(), strict=True))
            for job in jobs:
                if counts[job.queue] * lengths[job.queue] <= MOST_COMPARED:
                    pipeline.lrem(key_of(job.queue), 0, str(job.pk))
                pipeline.unlink(HintJob.key_for(str(job.pk)))
            pipeline.execute()
    except REDIS_ERRORS as error:
        fast.failed()
        logger.info("Hints of ended jobs stay in Redis until a worker meets them: %s", type(error).__name__)
