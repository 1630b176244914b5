"""What a queue promises, as one value; the table of them is `config/queues.py`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal

from django.conf import settings

# "light": many short jobs, taken and settled together and run one after the other in one process.
# "heavy": each job has a process of its own.
Lane = Literal["light", "heavy"]

_WINDOWS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many starts in any time of that length, wherever it begins."""

    count: int
    window: timedelta

    @classmethod
    def parse(cls, text: str) -> "RateLimit":
        """The limit that `count/second|minute|hour|day` says.

        Raises: ValueError for any other text.
        """
        found = re.fullmatch(r"([1-9]\d{0,4})/(second|minute|hour|day)", text)
        if found is None:
            raise ValueError(f"not a rate such as 10/minute: {text!r}")
        return cls(int(found[1]), _WINDOWS[found[2]])


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """One row of the table of queues: limits and the defaults that its tasks inherit."""

    name: str
    # Higher is served first.
    priority: int
    timeout_seconds: int
    attempts: int
    # Jobs of this queue that may run at once over all workers; None is no limit.
    concurrency: int | None = None
    # As `count/second|minute|hour|day`; None is no limit.
    rate: str | None = None
    lane: Lane = "heavy"
    # Whether organizations take turns: for queues that one customer can flood.
    fair: bool = False
    # A job that takes more memory than so many MiB, with the processes that it starts, is ended; None is no limit.
    memory_mib: int | None = None
    # Database rows of ended jobs are kept this long.
    keep_for: timedelta = timedelta(days=90)
    # A ready job that waits for longer than this is told to staff (jobs.alerts).
    late_after: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if self.rate is not None:
            RateLimit.parse(self.rate)
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError(f"the queue {self.name} has no place")
        if self.is_light and self.concurrency is not None:
            # Its jobs are claimed by the dozen and run one after the other: they would hold places while they wait.
            raise ValueError(f"the queue {self.name} is of the light lane, which has no places")

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rate, as numbers."""
        return _parsed(self.rate) if self.rate else None

    @property
    def is_light(self) -> bool:
        """Whether its jobs run one after the other in one process."""
        return self.lane == "light"

    @property
    def is_limited(self) -> bool:
        """Whether a job of it may have to wait although a worker is free."""
        return self.concurrency is not None or self.rate is not None

    @property
    def is_gated(self) -> bool:
        """Whether the leader chooses what goes to Redis, and when; else every job goes there at once."""
        return self.is_limited or self.fair


_parsed = lru_cache(RateLimit.parse)


def policy_of(name: str) -> QueuePolicy:
    """The queue's row; for a queue that is not in the table (any more) a stand-in without limits."""
    for policy in settings.JOBS_QUEUES:
        if policy.name == name:
            found: QueuePolicy = policy
            return found
    return QueuePolicy(name, priority=0, timeout_seconds=60, attempts=1)
