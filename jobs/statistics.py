"""The roll-up: from the rows of jobs and attempts to counts and histograms by minute; from those by hour and by day.

The leader calls `roll_up` every few seconds. A minute is computed from the rows anew each time and written over what
stood there, so that repeating it, or doing it twice at once, changes nothing. The last three closed minutes are done
again, since a transaction may commit after the minute that its times belong to. After a pause the minutes that were
missed are filled in, oldest first, as many as fit into a call.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, Max, Min, Q, Sum, Value, When
from django.db.models.fields import BooleanField, IntegerField
from django.db.models.functions import TruncHour, TruncMinute
from django.db.models.functions.datetime import TruncBase

from jobs import histograms, live
from jobs.models import (
    FINAL_STATUSES,
    Attempt,
    AttemptOutcome,
    DayStat,
    HourStat,
    Job,
    JobStatus,
    MinuteStat,
    Stat,
)
from jobs.moments import database_now
from jobs.pauses import TOPIC

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Closed minutes that are computed again, for transactions that commit late.
LATE_MINUTES = 3
# They are done in the first seconds of a minute; in between only the open minute changes.
SETTLE_SECONDS = 15
# Minutes are for the last hours; hours stay as long as the retention of statistics says.
MINUTES_KEPT = timedelta(days=3)
# Minutes that are read at once when many are missing: a busy site has 20,000 jobs in one.
CHUNK = timedelta(minutes=15)
# A call that fills a gap gives way to the other work of the leader after this long.
BUDGET_SECONDS = 2.0

COUNTS = (
    "enqueued", "succeeded", "failed", "lost", "cancelled", "handed_back", "postponed", "retried",
)  # fmt: skip
_SUMS = (*COUNTS, "wait_ms", "run_ms")
_VALUES = (*_SUMS, "longest_run_ms", "wait_histogram", "run_histogram")
_LASTED = (AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED)

Key = tuple[datetime, str, str]


@dataclass(slots=True)
class Cell:
    """What happened to one task in one span of time, while it is added up."""

    sums: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SUMS, 0))
    longest_run_ms: int = 0
    waits: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    def add(self, stat: Stat) -> None:
        """Take in a shorter span."""
        for name in _SUMS:
            self.sums[name] += getattr(stat, name)
        self.longest_run_ms = max(self.longest_run_ms, stat.longest_run_ms)
        self.waits = histograms.added(self.waits, stat.wait_histogram)
        self.runs = histograms.added(self.runs, stat.run_histogram)

    def values(self) -> dict[str, Any]:
        """The columns of its row."""
        return {
            **self.sums,
            "longest_run_ms": self.longest_run_ms,
            "wait_histogram": self.waits,
            "run_histogram": self.runs,
        }


def roll_up() -> int:
    """The number of rows that were written; open pages look again after it."""
    now = database_now()
    open_minute = now.replace(second=0, microsecond=0)
    start = _rolled_up_to(open_minute)
    if start is None:
        return 0
    if start < open_minute or now - open_minute < timedelta(seconds=SETTLE_SECONDS):
        start -= LATE_MINUTES * MINUTE
    if start == open_minute:
        # Hours are for long ranges: the open one is brought up to date when a minute of it has closed.
        written = fill_minutes(open_minute, open_minute + MINUTE, with_hours=False)
    else:
        written = _fill(start, open_minute + MINUTE, time.monotonic() + BUDGET_SECONDS)
    live.publish(TOPIC)
    return written


def fill_minutes(since: datetime, until: datetime, *, with_hours: bool = True) -> int:
    """The number of rows written for these whole minutes, and for the hours that they are part of."""
    cells = _cells(since, until, TruncMinute)
    # What stood in a minute may have moved to another one with its attempt: nothing is left of it there.
    stored = MinuteStat.objects.filter(minute__gte=since, minute__lt=until)
    for key in stored.values_list("minute", "queue", "task"):
        cells.setdefault(key, Cell())
    _write(MinuteStat, "minute", cells)
    if with_hours:
        _write_hours({minute.replace(minute=0) for minute, _queue, _task in cells})
    return len(cells)


def fill_hours(since: datetime, until: datetime) -> int:
    """The number of rows written for these whole hours, straight from the jobs: minutes of old times serve nobody."""
    cells = _cells(since, until, TruncHour)
    _write(HourStat, "hour", cells)
    _write_days({hour.replace(hour=0) for hour, _queue, _task in cells})
    return len(cells)


def prune(*, minutes_before: datetime, hours_before: datetime) -> int:
    """The number of rows of older times that were deleted."""
    minutes, _by_model = MinuteStat.objects.filter(minute__lt=minutes_before).delete()
    hours, _by_model = HourStat.objects.filter(hour__lt=hours_before).delete()
    days, _by_model = DayStat.objects.filter(day__lt=hours_before).delete()
    return minutes + hours + days


def _rolled_up_to(open_minute: datetime) -> datetime | None:
    """The last minute that has a row, or the first that should; None while nothing has ever happened."""
    minute = MinuteStat.objects.aggregate(newest=Max("minute"))["newest"]
    hour = HourStat.objects.aggregate(newest=Max("hour"))["newest"]
    reached = max((moment for moment in (minute, hour) if moment), default=None)
    return min(reached, open_minute) if reached else _next_activity(None)


def _fill(start: datetime, until: datetime, deadline: float) -> int:
    written = chunks = 0
    # The first chunk repeats what the last call wrote; the second one is always new.
    while start < until and (chunks < 2 or time.monotonic() < deadline):
        if start < until - MINUTES_KEPT:
            hour = start.replace(minute=0)
            end = hour + HOUR
            written += fill_hours(hour, end)
        else:
            end = min(start + CHUNK, until)
            written += fill_minutes(start, end)
        chunks += 1
        # An idle month is passed over in one step.
        following = _next_activity(end)
        if following is None:
            break
        start = following
    return written


def _next_activity(after: datetime | None) -> datetime | None:
    """The minute of the first thing that happened from then on, or ever; None when nothing did."""
    moments = []
    for model, name in ((Job, "created_at"), (Attempt, "started_at"), (Attempt, "ended_at")):
        rows = model._default_manager.filter(**{f"{name}__gte": after} if after else {})
        moments.append(rows.aggregate(first=Min(name))["first"])
    found = min((moment for moment in moments if moment), default=None)
    return found.replace(second=0, microsecond=0) if found else None


# --- From the rows ----------------------------------------------------------------------------------------


def _cells(since: datetime, until: datetime, span: type[TruncBase]) -> dict[Key, Cell]:
    cells: dict[Key, Cell] = defaultdict(Cell)
    waits: dict[Key, dict[int, int]] = defaultdict(dict)
    runs: dict[Key, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for key, row in _enqueued(since, until, span):
        cells[key].sums["enqueued"] = row["number"]
    for key, row in _started(since, until, span):
        cells[key].sums["wait_ms"] += row["waited"]
        waits[key][row["place"]] = row["number"]
    for key, row in _ended(since, until, span):
        _add_ended(cells[key], row)
        if row["outcome"] in _LASTED:
            runs[key][row["place"]] += row["number"]
    for key, cell in cells.items():
        cell.waits = histograms.from_counts(waits[key])
        cell.runs = histograms.from_counts(runs[key])
    return cells


def _add_ended(cell: Cell, row: dict[str, Any]) -> None:
    cell.sums[row["outcome"]] += row["number"]
    if row["again"]:
        cell.sums["retried"] += row["number"]
    if row["outcome"] in _LASTED:
        cell.sums["run_ms"] += _milliseconds(row["ran"])
        cell.longest_run_ms = max(cell.longest_run_ms, _milliseconds(row["longest"]))


def _enqueued(
    since: datetime, until: datetime, span: type[TruncBase]
) -> Iterator[tuple[Key, dict[str, Any]]]:
    jobs = Job.objects.filter(created_at__gte=since, created_at__lt=until).order_by()
    rows = jobs.values("queue", "task", moment=span("created_at", tzinfo=UTC))
    return _keyed(rows.annotate(number=Count("pk")))


def _started(since: datetime, until: datetime, span: type[TruncBase]) -> Iterator[tuple[Key, dict[str, Any]]]:
    attempts = Attempt.objects.filter(started_at__gte=since, started_at__lt=until).order_by()
    rows = attempts.values(
        queue=F("job__queue"),
        task=F("job__task"),
        moment=span("started_at", tzinfo=UTC),
        place=_place("wait_ms", list(histograms.BUCKETS_MS)),
    )
    return _keyed(rows.annotate(number=Count("pk"), waited=Sum("wait_ms")))


def _ended(since: datetime, until: datetime, span: type[TruncBase]) -> Iterator[tuple[Key, dict[str, Any]]]:
    attempts = Attempt.objects.filter(ended_at__gte=since, ended_at__lt=until).exclude(
        outcome=AttemptOutcome.RUNNING
    )
    failed = Q(outcome__in=[AttemptOutcome.FAILED, AttemptOutcome.LOST])
    # Tried again, or to be: also while it waits for a worker, and when it was cancelled before, which tells from a
    # failure that was discarded by its empty code. Once counted, it stays so: a counter never shrinks.
    cancelled = Q(job__status=JobStatus.CANCELLED, job__error_code="")
    followed = Q(job__fence__gt=F("fence")) | ~Q(job__status__in=FINAL_STATUSES) | cancelled
    ran = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    bounds = [timedelta(milliseconds=bound) for bound in histograms.BUCKETS_MS]
    rows = (
        attempts.order_by()
        .annotate(lasted=ran)
        .values(
            "outcome",
            queue=F("job__queue"),
            task=F("job__task"),
            moment=span("ended_at", tzinfo=UTC),
            again=Case(When(failed & followed, then=True), default=False, output_field=BooleanField()),
            place=_place("lasted", bounds),
        )
    )
    return _keyed(rows.annotate(number=Count("pk"), ran=Sum("lasted"), longest=Max("lasted")))


def _place(name: str, bounds: list[Any]) -> Case:
    """The place of a duration in a histogram, found by the database."""
    cases = [When(**{f"{name}__lte": bound}, then=Value(place)) for place, bound in enumerate(bounds)]
    return Case(*cases, default=Value(len(bounds)), output_field=IntegerField())


def _keyed(rows: Iterable[Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    return (((row["moment"], row["queue"], row["task"]), row) for row in rows)


def _milliseconds(duration: timedelta) -> int:
    return max(0, round(duration / timedelta(milliseconds=1)))


# --- Writing ----------------------------------------------------------------------------------------------


def _write_hours(hours: set[datetime]) -> None:
    for hour in sorted(hours):
        minutes = MinuteStat.objects.filter(minute__gte=hour, minute__lt=hour + HOUR)
        _write(HourStat, "hour", _summed(hour, minutes))
    _write_days({hour.replace(hour=0) for hour in hours})


def _write_days(days: set[datetime]) -> None:
    for day in sorted(days):
        _write(DayStat, "day", _summed(day, HourStat.objects.filter(hour__gte=day, hour__lt=day + DAY)))


def _summed(start: datetime, parts: Iterable[Stat]) -> dict[Key, Cell]:
    cells: dict[Key, Cell] = defaultdict(Cell)
    for stat in parts:
        cells[start, stat.queue, stat.task].add(stat)
    return cells


def _write(model: type[Stat], moment: str, cells: dict[Key, Cell]) -> None:
    rows = [
        model(**{moment: at, "queue": queue, "task": task}, **cell.values())
        for (at, queue, task), cell in sorted(cells.items())
    ]
    model._default_manager.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=[moment, "queue", "task"],
        update_fields=list(_VALUES),
    )
