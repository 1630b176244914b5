"""Counters that only ever grow, for `/metrics`: closed minutes of the statistics are folded into one row a task.

The minutes themselves are thrown away after days, and computed again for a while: neither suits a counter. What has
been folded stays; what is younger is added from the minutes when somebody asks. Called by the leader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import Max, Min

from jobs import histograms
from jobs.models import MinuteStat, Stat, TaskTotal
from jobs.moments import database_now

COUNTS = (
    "enqueued",
    "succeeded",
    "failed",
    "lost",
    "cancelled",
    "handed_back",
    "postponed",
    "retried",
    "wait_ms",
    "run_ms",
)
MINUTE = timedelta(minutes=1)
# Minutes are computed again for a while after they closed; older ones stay as they are.
SETTLED_AFTER = timedelta(minutes=10)
# What one call takes in at most.
STEP = timedelta(days=1)

Key = tuple[str, str]


@dataclass(slots=True)
class Total:
    """What ever happened to one task on one queue."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    waits: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def add(self, row: Stat) -> None:
        """Take in a minute, or what was folded."""
        for name in COUNTS:
            self.counts[name] += getattr(row, name)
        self.waits = histograms.added(self.waits, row.wait_histogram)
        self.runs = histograms.added(self.runs, row.run_histogram)

    def merge(self, other: "Total") -> None:
        """Take in another task's."""
        for name in COUNTS:
            self.counts[name] += other.counts[name]
        self.waits = histograms.added(self.waits, other.waits)
        self.runs = histograms.added(self.runs, other.runs)


def fold() -> int:
    """The number of tasks whose totals took in minutes that have settled."""
    with transaction.atomic():
        rows = list(TaskTotal.objects.select_for_update())
        reach = MinuteStat.objects.aggregate(first=Min("minute"), newest=Max("minute"))
        if reach["newest"] is None:
            return 0
        through = max((row.through for row in rows), default=reach["first"] - MINUTE)
        # Minutes that were missed are filled in from the oldest on: what lies behind the newest is done.
        until = min(database_now(), reach["newest"] + MINUTE) - SETTLED_AFTER
        until = min(until, through + STEP).replace(second=0, microsecond=0)
        if until <= through:
            return 0
        totals = _added(rows, MinuteStat.objects.filter(minute__gt=through, minute__lte=until))
        TaskTotal.objects.bulk_create(
            [
                TaskTotal(
                    queue=queue,
                    task=task,
                    through=until,
                    wait_histogram=total.waits,
                    run_histogram=total.runs,
                    **total.counts,
                )
                for (queue, task), total in totals.items()
            ],
            update_conflicts=True,
            unique_fields=["queue", "task"],
            update_fields=["through", "wait_histogram", "run_histogram", *COUNTS],
        )
        return len(totals)


def read() -> Mapping[Key, Total]:
    """What ever happened to each task, to this moment."""
    rows = list(TaskTotal.objects.all())
    minutes = MinuteStat.objects.all()
    if rows:
        minutes = minutes.filter(minute__gt=max(row.through for row in rows))
    return _added(rows, minutes)


def _added(rows: Iterable[TaskTotal], minutes: Iterable[MinuteStat]) -> dict[Key, Total]:
    totals: dict[Key, Total] = {}
    for row in (*rows, *minutes):
        totals.setdefault((row.queue, row.task), Total()).add(row)
    return totals
