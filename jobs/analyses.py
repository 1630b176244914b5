"""What happened lately, as operators ask for it: eight analyses of one period, for the pages and for the API.

`read` loads the counts of a period once and answers totals, by task, by queue, percentiles and the course over time
from them; nothing there counts jobs. By worker, recent failures, error groups and slow jobs read single rows, by
index and within the period.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import (
    Avg,
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.fields import IntegerField

from jobs import histograms
from jobs.models import Attempt, AttemptOutcome, DayStat, HourStat, Job, JobStatus, MinuteStat, Stat
from jobs.moments import database_now
from jobs.statistics import DAY, HOUR, MINUTE

# Up to this long a period is read by the minute, then by the hour, then by the day.
LONGEST_BY_MINUTE = timedelta(hours=6)
LONGEST_BY_HOUR = timedelta(days=8)
# Attempts are counted by worker from their own rows, and so not further back than this.
LONGEST_BY_WORKER = timedelta(days=1)
# Points of a course over time: as many as a chart shows well; and of the small one beside an error group.
MOST_POINTS = 90
GROUP_POINTS = 24

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to, not including, `until`: whole minutes, whole hours or, in UTC, whole days by its length."""

    since: datetime
    until: datetime

    @classmethod
    def last(cls, length: timedelta, now: datetime | None = None) -> "Period":
        """The period of that length which ends with the minute, hour or day that is open now.

        Without `now` the database is asked.
        """
        unit = _unit(length)
        until = _floor((now or database_now()).astimezone(UTC), unit) + unit
        return cls(until - length, until)

    @classmethod
    def between(cls, since: datetime, until: datetime) -> "Period":
        """The whole minutes, hours or days that cover these moments.

        Raises: ValueError when it ends before it begins.
        """
        if until <= since:
            raise ValueError("a period ends after it begins")
        unit = _unit(until - since)
        return cls(
            _floor(since.astimezone(UTC), unit), _floor(until.astimezone(UTC) - unit / 1000, unit) + unit
        )

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def unit(self) -> timedelta:
        """The minutes, hours or days that it is read by."""
        return _unit(self.length)

    @property
    def before(self) -> "Period":
        """The period of the same length just before."""
        return Period(self.since - self.length, self.since)

    @property
    def step(self) -> timedelta:
        """What one point of a course over time stands for."""
        unit = self.unit
        for count in (1, 2, 3, 5, 6, 10, 12, 24, 48, 168):
            if self.length <= count * unit * MOST_POINTS:
                return count * unit
        return self.length

    @property
    def points(self) -> list[datetime]:
        """Where the points begin."""
        return [self.since + number * self.step for number in range(-(-self.length // self.step))]

    def place(self, moment: datetime) -> int:
        """Which point a moment belongs to."""
        return int((moment - self.since) // self.step)


def _unit(length: timedelta) -> timedelta:
    if length <= LONGEST_BY_MINUTE:
        return MINUTE
    return HOUR if length <= LONGEST_BY_HOUR else DAY


def _floor(moment: datetime, unit: timedelta) -> datetime:
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return start + (moment - start) // unit * unit


@dataclass(slots=True)
class Tally:
    """Counts of jobs and attempts, and how long they waited and ran. Units: milliseconds."""

    enqueued: int = 0
    succeeded: int = 0
    failed: int = 0
    lost: int = 0
    cancelled: int = 0
    handed_back: int = 0
    postponed: int = 0
    retried: int = 0
    wait_ms: int = 0
    run_ms: int = 0
    longest_run_ms: int = 0
    waits: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)

    @property
    def started(self) -> int:
        """Attempts that started."""
        return sum(self.waits)

    @property
    def broken(self) -> int:
        """Attempts that failed or were lost."""
        return self.failed + self.lost

    @property
    def ended(self) -> int:
        """Attempts that came to an end of their own: succeeded, failed or lost."""
        return self.succeeded + self.broken

    @property
    def failure_share(self) -> float | None:
        """Of those, the share that failed or was lost; None when none ended."""
        return self.broken / self.ended if self.ended else None

    @property
    def mean_wait_ms(self) -> float | None:
        """The mean wait of the attempts that started."""
        return self.wait_ms / self.started if self.started else None

    @property
    def mean_run_ms(self) -> float | None:
        """The mean run of the attempts that succeeded or failed."""
        count = sum(self.runs)
        return self.run_ms / count if count else None

    def wait_percentile_ms(self, share: float) -> float | None:
        """The wait that this share (0 to 1) did not pass."""
        return histograms.percentile_ms(self.waits, share)

    def run_percentile_ms(self, share: float) -> float | None:
        """The run time that this share (0 to 1) did not pass; never more than the longest."""
        found = histograms.percentile_ms(self.runs, share)
        return None if found is None else min(found, float(self.longest_run_ms))


_COLUMNS = tuple(name.name for name in fields(Tally) if name.name not in ("waits", "runs"))


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a course over time."""

    at: datetime
    tally: Tally


@dataclass(slots=True)
class Reading:
    """The counts of one period, by queue, task and point of time; each as one list of all numbers of a Tally."""

    period: Period
    cells: dict[tuple[str, str, int], list[int]]

    def totals(self) -> Tally:
        """Everything together."""
        return _tally(_sum(list(self.cells.values())))

    def by_task(self) -> list[tuple[str, str, Tally]]:
        """Queue, task and what happened, the most frequent first."""
        tasks = self._grouped(lambda queue, task, _place: (queue, task))
        rows = [(queue, task, tally) for (queue, task), tally in tasks.items()]
        return sorted(rows, key=lambda row: (-row[2].started, row[1]))

    def by_queue(self) -> dict[str, Tally]:
        """What happened in each queue that saw anything."""
        return self._grouped(lambda queue, _task, _place: queue)

    def ended_course(self) -> dict[str, list[int]]:
        """Attempts that ended in each queue over time: the course of all queues in one pass, for small charts."""
        count = len(self.period.points)
        courses: dict[str, list[int]] = defaultdict(lambda: [0] * count)
        for (queue, _task, place), numbers in self.cells.items():
            courses[queue][place] += sum(numbers[column] for column in _ENDED)
        return dict(courses)

    def course(self, queue: str = "") -> list[Point]:
        """Throughput, waits and failures over time, of one queue or of all; a point for every step."""
        chosen = {key: numbers for key, numbers in self.cells.items() if not queue or key[0] == queue}
        tallies = Reading(self.period, chosen)._grouped(lambda _queue, _task, place: place)  # noqa: SLF001 -- its own
        return [Point(at, tallies.get(place) or Tally()) for place, at in enumerate(self.period.points)]

    def _grouped(self, name: Callable[[str, str, int], K]) -> dict[K, Tally]:
        groups: dict[K, list[list[int]]] = defaultdict(list)
        for key, numbers in self.cells.items():
            groups[name(*key)].append(numbers)
        return {group: _tally(_sum(members)) for group, members in groups.items()}


def read(period: Period, *, queue: str = "", task: str = "") -> Reading:
    """The counts of a period, of one queue or task if asked."""
    cells: dict[tuple[str, str, int], list[list[int]]] = defaultdict(list)
    for moment, queue_name, task_name, numbers in _stats(period, queue, task):
        cells[queue_name, task_name, period.place(moment)].append(numbers)
    return Reading(period, {key: _sum(members) for key, members in cells.items()})


def _stats(period: Period, queue: str, task: str) -> Iterator[tuple[datetime, str, str, list[int]]]:
    """Moment, queue, task, and all numbers of a row as one list, so that thousands are added up quickly."""
    narrowed = Q(queue=queue) if queue else Q()
    narrowed &= Q(task=task) if task else Q()
    columns = ("queue", "task", "wait_histogram", "run_histogram", *_COLUMNS)
    model, name = _SOURCES[period.unit]
    within = {f"{name}__gte": period.since, f"{name}__lt": period.until}
    rows: Iterable[Any] = (
        model._default_manager.filter(narrowed, **within).order_by().values_list(name, *columns)
    )
    for moment, queue_name, task_name, waits, runs, *numbers in rows:
        yield moment, queue_name, task_name, [*numbers, *_padded(waits), *_padded(runs)]


_SOURCES: dict[timedelta, tuple[type[Stat], str]] = {
    MINUTE: (MinuteStat, "minute"),
    HOUR: (HourStat, "hour"),
    DAY: (DayStat, "day"),
}
_PLACES = len(histograms.BUCKETS_MS) + 1
_ZEROS = [0] * _PLACES
_LONGEST = _COLUMNS.index("longest_run_ms")
_ENDED = tuple(map(_COLUMNS.index, ("succeeded", "failed", "lost")))


def _padded(histogram: list[int]) -> list[int]:
    return histogram + _ZEROS[len(histogram) :]


def _sum(rows: list[list[int]]) -> list[int]:
    """All numbers added up, the longest run kept; column by column, since a range of days has thousands of rows."""
    if len(rows) == 1:
        return rows[0]
    total = list(map(sum, zip(*rows, strict=True)))
    if rows:
        total[_LONGEST] = max(row[_LONGEST] for row in rows)
    return total


def _tally(numbers: list[int]) -> Tally:
    count = len(_COLUMNS)
    named = dict(zip(_COLUMNS, numbers, strict=False))
    return Tally(**named, waits=numbers[count : count + _PLACES], runs=numbers[count + _PLACES :])


# --- By worker --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """What one worker did in a period."""

    worker: str
    host: str
    succeeded: int
    failed: int
    lost: int
    mean_run_ms: float | None
    last_ended_at: datetime | None


def by_worker(period: Period, limit: int = 100) -> list[WorkerFigures]:
    """What each worker did, the busiest first; no more than the last LONGEST_BY_WORKER of the period."""
    since = max(period.since, period.until - LONGEST_BY_WORKER)
    rows = (
        Attempt.objects.filter(ended_at__gte=since, ended_at__lt=period.until)
        .order_by()
        .values("worker", "host")
        .annotate(
            succeeded=Count("pk", filter=Q(outcome=AttemptOutcome.SUCCEEDED)),
            failed=Count("pk", filter=Q(outcome=AttemptOutcome.FAILED)),
            lost=Count("pk", filter=Q(outcome=AttemptOutcome.LOST)),
            mean=Avg(_LASTED),
            last=Max("ended_at"),
        )
        .order_by("-succeeded", "worker")
    )
    return [
        WorkerFigures(
            row["worker"], row["host"], row["succeeded"], row["failed"], row["lost"],
            row["mean"] / timedelta(milliseconds=1) if row["mean"] is not None else None, row["last"],
        )
        for row in rows[:limit]
    ]  # fmt: skip


_LASTED = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())


# --- Failures ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """One job that failed for good."""

    job_id: UUID
    task: str
    queue: str
    tenant_id: int | None
    failed_at: datetime
    attempts: int
    error_class: str
    error_code: str
    error_message: str
    error_group: str


def recent_failures(period: Period, limit: int = 20, *, group: str = "") -> list[Failure]:
    """Jobs that failed for good in the period, the last ones first; of one error group if asked."""
    rows = _failed(period, group).order_by("-finished_at")
    names = ("pk", "task", "queue", "tenant_id", "finished_at", "attempt")
    return [
        Failure(*row)
        for row in rows.values_list(*names, "error_class", "error_code", "error_message", "error_group")[
            :limit
        ]
    ]


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failures of one kind: the same class raised from the same lines of our code."""

    group: str
    error_class: str
    error_code: str
    error_message: str
    count: int
    first_at: datetime
    last_at: datetime
    tasks: tuple[str, ...]
    # How many in each of GROUP_POINTS equal parts of the period.
    counts: tuple[int, ...]
    # The newest job of it.
    job_id: UUID


@dataclass(slots=True)
class _Gathered:
    """An error group while it is counted."""

    first_at: datetime
    last_at: datetime
    count: int = 0
    tasks: set[str] = field(default_factory=set)
    counts: list[int] = field(default_factory=lambda: [0] * GROUP_POINTS)


def error_groups(period: Period, limit: int = 20, *, group: str = "") -> list[ErrorGroup]:
    """The most frequent kinds of failure in the period, or one; failures without a group are left out."""
    part = period.length / GROUP_POINTS
    parts = [
        When(finished_at__lt=period.since + (number + 1) * part, then=Value(number))
        for number in range(GROUP_POINTS - 1)
    ]
    rows = (
        _failed(period, group)
        .exclude(error_group="")
        .order_by()
        .values_list(
            "error_group", "task", Case(*parts, default=Value(GROUP_POINTS - 1), output_field=IntegerField())
        )
        .annotate(count=Count("*"), first=Min("finished_at"), last=Max("finished_at"))
    )
    found: dict[str, _Gathered] = {}
    for name, task, place, count, first, last in rows:
        gathered = found.setdefault(name, _Gathered(first, last))
        gathered.first_at, gathered.last_at = min(gathered.first_at, first), max(gathered.last_at, last)
        gathered.count += count
        gathered.tasks.add(task)
        gathered.counts[place] += count
    frequent = dict(sorted(found.items(), key=lambda item: (-item[1].count, item[0]))[:limit])
    words = _newest_words(frequent)
    return [
        ErrorGroup(
            name, *words[name][:3], gathered.count, gathered.first_at, gathered.last_at,
            tuple(sorted(gathered.tasks)), tuple(gathered.counts), words[name][3],
        )
        for name, gathered in frequent.items()
        if name in words
    ]  # fmt: skip


def _newest_words(groups: Mapping[str, _Gathered]) -> dict[str, tuple[str, str, str, UUID]]:
    """Class, code, message and id of the newest job of each group, in one query."""
    newest = Q(pk__in=[])
    for group, gathered in groups.items():
        # Not compared for equality: SQLite stores the time as a text that may end earlier than Python's.
        newest |= Q(error_group=group, finished_at__gte=gathered.last_at - timedelta(milliseconds=1))
    rows = Job.objects.filter(newest, status=JobStatus.FAILED).order_by("finished_at")
    names = ("error_class", "error_code", "error_message", "pk")
    return {group: words for group, *words in rows.values_list("error_group", *names)}


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """One error group over all that is kept."""

    count: int
    first_at: datetime | None
    last_at: datetime | None
    tenants: int
    tasks: tuple[tuple[str, int], ...]


def group_history(group: str) -> GroupHistory:
    """When an error group was first and last seen, how often, and in which tasks."""
    jobs = Job.objects.filter(status=JobStatus.FAILED, error_group=group).order_by()
    seen = jobs.aggregate(
        count=Count("pk"),
        first=Min("finished_at"),
        last=Max("finished_at"),
        tenants=Count("tenant_id", distinct=True),
    )
    tasks = jobs.values_list("task").annotate(count=Count("*")).order_by("-count", "task")
    return GroupHistory(seen["count"], seen["first"], seen["last"], seen["tenants"], tuple(tasks[:20]))


def _failed(period: Period, group: str = "") -> QuerySet[Job]:
    failed = Job.objects.filter(
        status=JobStatus.FAILED, finished_at__gte=period.since, finished_at__lt=period.until
    )
    return failed.filter(error_group=group) if group else failed


# --- Slow jobs --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlowRun:
    """One of the longest attempts."""

    job_id: UUID
    task: str
    queue: str
    tenant_id: int | None
    number: int
    outcome: str
    worker: str
    started_at: datetime
    run_seconds: float
    timeout_seconds: int

    @property
    def share_of_limit(self) -> float:
        """How much of its time limit it took."""
        return self.run_seconds / self.timeout_seconds if self.timeout_seconds else 0.0


def slow_runs(period: Period, limit: int = 20, *, queue: str = "", task: str = "") -> list[SlowRun]:
    """The longest attempts that ended in the period, the longest first.

    The longest of each minute, or hour, and task stand in the statistics. No more than `limit` of these spans hold the
    longest attempts of all, so that only the rows of these spans are read.
    """
    spans = _longest_spans(period, limit, queue, task)
    ended = Q(pk__in=[])
    for since, until, name in spans:
        ended |= Q(ended_at__gte=since, ended_at__lt=until, job__task=name)
    found = (
        Attempt.objects.filter(ended, outcome__in=[AttemptOutcome.SUCCEEDED, AttemptOutcome.FAILED])
        .annotate(lasted=_LASTED)
        .order_by("-lasted")
        .values_list(
            "job_id", "job__task", "job__queue", "job__tenant_id", "number", "outcome", "worker", "started_at",
            "lasted", "job__timeout_seconds",
        )
    )  # fmt: skip
    return [SlowRun(*row[:8], row[8].total_seconds(), row[9]) for row in found[:limit]] if spans else []


def _longest_spans(
    period: Period, limit: int, queue: str, task: str
) -> Sequence[tuple[datetime, datetime, str]]:
    narrowed = Q(longest_run_ms__gt=0)
    narrowed &= Q(queue=queue) if queue else Q()
    narrowed &= Q(task=task) if task else Q()
    if period.unit == MINUTE:
        stats = MinuteStat.objects.filter(narrowed, minute__gte=period.since, minute__lt=period.until)
        longest = stats.order_by("-longest_run_ms").values_list("minute", "task")[:limit]
        return [(minute, minute + MINUTE, name) for minute, name in longest]
    hours = HourStat.objects.filter(narrowed, hour__gte=period.since, hour__lt=period.until)
    rows = hours.order_by("-longest_run_ms").values_list("hour", "task")[:limit]
    return [(hour, hour + HOUR, name) for hour, name in rows]
