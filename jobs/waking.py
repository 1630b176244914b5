"""A word to the leader that there may be something to send, and to workers that a job of theirs was cancelled.

Lists of queue names in Redis, and no truth: one that is lost is made up for by the leader's next tick. Apart from
`jobs.dispatch`, which knows the lifecycle: the lifecycle says this word itself.
"""

import logging
from collections.abc import Iterable

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.command import send_command

from jobs.failfast import REDIS_ERRORS, client

logger = logging.getLogger(__name__)

# Names of queues that the leader is to look at; it waits here between two ticks.
WAKE_KEY = "jobs:wake"
# What stands there for "everything".
EVERYTHING = "*"
# What a worker is told through RQ's channel of commands; RQ's own workers ignore it.
LOOK_COMMAND = "look"
# Without a leader the list grows no longer: the next one looks at everything anyway.
LONGEST_WAKE = 100


def wake(*queues: str) -> bool:
    """Whether the leader could be told to look at these queues now, or at everything if none is named.

    Never raises and never waits long.
    """
    fast = client()
    if fast.is_silent:
        return False
    try:
        with fast.redis.pipeline() as pipeline:
            pipeline.lpush(WAKE_KEY, *(queues or (EVERYTHING,)))
            pipeline.ltrim(WAKE_KEY, 0, LONGEST_WAKE - 1)
            pipeline.execute()
    except REDIS_ERRORS as error:
        fast.failed()
        logger.info("The leader was not woken (%s)", type(error).__name__)
        return False
    return True


def have_look(workers: Iterable[str]) -> None:
    """Have these workers look at once whether jobs of theirs were cancelled; without it they look every few seconds.

    Never raises and never waits long.
    """
    fast = client()
    if fast.is_silent:
        return
    try:
        for name in workers:
            send_command(fast.redis, name, LOOK_COMMAND)
    except REDIS_ERRORS as error:
        fast.failed()
        logger.info("A worker was not told of a cancellation (%s)", type(error).__name__)


class Alarm:
    """Where the leader waits for such a word."""

    def __init__(self, url: str, longest_wait_seconds: float) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=longest_wait_seconds + 1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
        )
        self._longest_wait_seconds = longest_wait_seconds

    def wait(self, seconds: float) -> set[str]:
        """The queues that were named by then, all words that came meanwhile taken together; empty if there was none.

        Raises: RedisError when Redis does not answer.
        """
        # Zero would wait for ever.
        first = self._redis.blpop([WAKE_KEY], min(max(seconds, 0.01), self._longest_wait_seconds))
        if first is None:
            return set()
        others = self._redis.lpop(WAKE_KEY, LONGEST_WAKE) or []
        return {name.decode(errors="replace") for name in (first[1], *others)}
