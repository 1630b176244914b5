"""Ids on their way to Redis: the only code that touches a queue.

Callers come after their commit. The client gives up after half a second and tries once: a request must never
wait for Redis. What could not be sent stays in its row, and a dispatcher sends it as soon as Redis answers.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import cast

from django.conf import settings
from django.db import DatabaseError
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs import lifecycle
from jobs.models import Job
from jobs.transport import HintJob, HintQueue, put

logger = logging.getLogger(__name__)

# Missing in Redis: it came back empty, and every hint in it is gone.
EPOCH_KEY = "jobs:epoch"
# Written by dispatchers to learn whether Redis takes what is written.
BEAT_KEY = "jobs:beat"
# Ids of about 4 MB: what a dispatcher may ask for every few seconds.
LONGEST_SEARCHED = 100_000
# After a failure the next callers do not wait for a time-out of their own.
PAUSE_SECONDS = 2.0
# Hints of one pipeline: large enough to be cheap, small enough for the time-out.
BATCH_SIZE = 500
# What the client may raise while Redis is away, frozen, full or read-only.
REDIS_ERRORS = (RedisError, OSError)


class _Client:
    """A Redis client that fails fast, and after a failure does not even try for a moment."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self.redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            # Without these a new connection asks two questions more, each with a time-out of its own.
            protocol=2,
            driver_info=None,
        )
        self.silent_until = 0.0


@lru_cache(maxsize=8)
def _client_for(url: str, timeout_seconds: float) -> _Client:
    return _Client(url, timeout_seconds)


def _client() -> _Client:
    return _client_for(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS)


def forget_clients() -> None:
    """Close this process's clients; the next call makes new ones and asks Redis again."""
    _client_for.cache_clear()


def connection() -> Redis:
    """The fail-fast client of this process."""
    return _client().redis


def hold(jobs: Sequence[Job]) -> None:
    """Mark queued rows as waiting for Redis, so that pages can say so; never raises."""
    try:
        lifecycle.hold(Job.objects.filter(pk__in=[job.pk for job in jobs]), lifecycle.Cause.REDIS_AWAY)
    except DatabaseError as error:
        # The rows count as sent; a dispatcher will not find them in Redis, and sends them.
        logger.error("Jobs could not be marked as held: %s", type(error).__name__)  # noqa: TRY400 -- no values


def push(jobs: Sequence[Job]) -> bool:
    """Whether the hints could be put into their queues; never raises and never waits long."""
    client = _client()
    if time.monotonic() < client.silent_until:
        return False
    try:
        for start in range(0, len(jobs), BATCH_SIZE):
            _push_batch(client.redis, jobs[start : start + BATCH_SIZE])
    except REDIS_ERRORS as error:
        client.silent_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Redis does not take jobs (%s); they wait in the database", type(error).__name__)
        return False
    return True


def _push_batch(redis: Redis, jobs: Iterable[Job]) -> None:
    with redis.pipeline() as pipeline:
        for job in jobs:
            put(pipeline, HintQueue(job.queue, connection=redis), job)
        pipeline.execute()


def redis_answers() -> bool:
    """Whether Redis takes what is written to it now: one that is full or a read-only copy answers, and does not."""
    client = _client()
    try:
        client.redis.set(BEAT_KEY, repr(time.time()))
    except REDIS_ERRORS:
        return False
    client.silent_until = 0.0
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
    redis = connection()
    names = sorted({job.queue for job in jobs})
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(_key_of(name))
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
    return cast(set[bytes], set(redis.lrange(_key_of(queue_name), 0, -1)))


def _key_of(queue_name: str) -> str:
    return f"{HintQueue.redis_queue_namespace_prefix}{queue_name}"


def forget(jobs: Sequence[Job]) -> None:
    """Take the hints of these rows out of Redis if possible; one that stays finds nothing to claim."""
    redis = connection()
    try:
        with redis.pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.lrem(_key_of(job.queue), 0, str(job.pk))
                pipeline.unlink(HintJob.key_for(str(job.pk)))
            pipeline.execute()
    except REDIS_ERRORS as error:
        logger.info("Hints of ended jobs stay in Redis until a worker meets them: %s", type(error).__name__)
