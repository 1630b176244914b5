"""The client of Redis that gives up early: a request must never wait for Redis.

It waits for half a second at most, tries once, and after a failure does not even try for a moment, so that a
frozen Redis costs one time-out and not one a call.
"""

import time
from functools import lru_cache

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

# After a failure the next callers do not wait for a time-out of their own.
PAUSE_SECONDS = 2.0
# What the client may raise while Redis is away, frozen, full or read-only.
REDIS_ERRORS = (RedisError, OSError)


class Client:
    """One process's client, and whether it is to be left alone."""

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
        self._silent_until = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._silent_until

    def failed(self) -> None:
        """Have the next callers not even try."""
        self._silent_until = time.monotonic() + PAUSE_SECONDS

    def answered(self) -> None:
        """Have the next callers try again."""
        self._silent_until = 0.0


@lru_cache(maxsize=8)
def _client_for(url: str, timeout_seconds: float) -> Client:
    return Client(url, timeout_seconds)


def client() -> Client:
    """The client of this process."""
    return _client_for(settings.REDIS_URL, settings.REDIS_TIMEOUT_SECONDS)


def connection() -> Redis:
    """Its connection, for callers that handle REDIS_ERRORS themselves."""
    return client().redis


def forget_clients() -> None:
    """Close this process's clients; the next call makes new ones and asks Redis again."""
    _client_for.cache_clear()
