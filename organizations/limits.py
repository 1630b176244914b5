"""How often something may be done in a minute, counted for all processes together.

Redis counts, under a number and never a name. While it is away each process counts for itself: a limit that is too
wide for a while is better than a site that refuses everybody, or one that lets everything through.
"""

import time
from collections import Counter
from threading import Lock

from jobs.failfast import REDIS_ERRORS, client

WINDOW_SECONDS = 60
_MOST_COUNTED = 10_000


class RateLimitedError(Exception):
    """Too often; `retry_after` is in seconds."""

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(f"more than {limit} in {WINDOW_SECONDS} seconds")
        self.limit = limit
        self.retry_after = retry_after


def check(name: str, limit: int) -> None:
    """Count one more under the name, a kind and a number such as `key:12`.

    Raises: RateLimitedError when that are more than the limit in this minute.
    """
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    if _count(f"rate:{name}:{window}") > limit:
        raise RateLimitedError(limit, max(1, int((window + 1) * WINDOW_SECONDS - now + 0.999)))


def _count(key: str) -> int:
    fast = client()
    if not fast.is_silent:
        try:
            with fast.redis.pipeline(transaction=False) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, 2 * WINDOW_SECONDS)
                return int(pipeline.execute()[0])
        except REDIS_ERRORS:
            fast.failed()
    return _own.count(key)


class _OwnCounts:
    """What this process counted while Redis was away."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, key: str) -> int:
        with self._lock:
            if key not in self._counts and len(self._counts) >= _MOST_COUNTED:
                # Of minutes that are over; those of this one begin anew, once in ten thousand names.
                self._counts.clear()
            self._counts[key] += 1
            return self._counts[key]


_own = _OwnCounts()
