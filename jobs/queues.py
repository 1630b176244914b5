"""What a queue promises, as one value; the table of them is `config/queues.py`."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """One row of the table of queues: limits and the defaults that its tasks inherit."""

    name: str
    # Higher is served first.
    priority: int
    # Jobs of this queue that may run at once over all workers.
    concurrency: int
    timeout_seconds: int
    attempts: int
    # As `count/second|minute|hour|day`; None is no limit.
    rate: str | None = None
    # Database rows of ended jobs are kept this long.
    keep_for: timedelta = timedelta(days=90)
