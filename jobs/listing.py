"""Pages of the job list, newest first, in bounded time however many jobs there are.

A page begins after the last job of the page before it (a key, not a number of rows to skip). Filters that one index
answers are read straight from it. Others are read window by window along the best index until the page is full, the
jobs are over, or the time is up: then the page says how far back it looked, and the next one goes on from there.
Nothing counts a whole table.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from jobs.models import Job, JobStatus
from jobs.moments import spellings
from jobs.search import Filters

PAGE_SIZE = 50
# Rows of the first window and of the largest: most pages are full after a small one, and a large one takes about
# 20 ms on PostgreSQL, so that the time is looked at often enough.
SMALLEST_WINDOW = 1_000
LARGEST_WINDOW = 20_000
# A page that takes longer feels slow; the rest of the time belongs to the network and the browser.
BUDGET_SECONDS = 0.15
# A tab says "1,000+" beyond this: what an operator does about 1,001 jobs is what they do about a million.
COUNTED = 1000
# Counts beside other filters look at this many of the newest jobs that fit.
COUNTED_NEWEST = 5_000
# What the list shows; arguments, results and messages are read on the page of a job.
COLUMNS = (
    "id", "task", "queue", "status", "tenant_id", "hold_reason", "attempt", "max_attempts", "worker", "priority",
    "created_at", "due_at", "started_at", "finished_at", "cancel_requested_at", "lease_until", "progress_done",
    "progress_total", "error_code", "error_class",
)  # fmt: skip

NEWEST_FIRST = ("-created_at", "-id")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this job."""

    created_at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()}_{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """The place written in an address; None for what is none."""
        moment, _, letters = text.partition("_")
        try:
            created_at = datetime.fromisoformat(moment)
            # Near the ends of the calendar a moment cannot be told in every zone.
            is_usable = created_at.tzinfo is not None and 1970 < created_at.year < 9000
            return cls(created_at, UUID(letters)) if is_usable else None
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs of one page."""

    jobs: Sequence[Job]
    # Where the next page begins; None after the last one.
    after: Place | None
    # Set when the time was up: jobs created before this were not looked at yet.
    searched_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many jobs have a status, as far as it was counted."""

    count: int
    is_more: bool


def page(
    filters: Filters,
    *,
    after: Place | None = None,
    size: int = PAGE_SIZE,
    budget_seconds: float = BUDGET_SECONDS,
) -> Page:
    """The next jobs that fit, newest first."""
    rows = filters.narrow(Job.objects.only(*COLUMNS)).order_by(*NEWEST_FIRST)
    base = _base(filters)
    if base is None:
        found = list(_older_than(rows, after)[: size + 1])
        return Page(found[:size], _place(found[size - 1]) if len(found) > size else None)
    return _windows(rows, base, after, size, time.monotonic() + budget_seconds)


def state_counts(filters: Filters) -> dict[str, StateCount]:
    """The number of jobs by status: up to a limit, and beside other filters among the newest that fit.

    Empty for searches that no index answers; of an error group, which only failed jobs have an index of, those alone.
    """
    others = replace(filters, status="", error_group="")
    if filters.error_group:
        is_alone = replace(others, typed={}) == Filters(typed={})
        of_group = Q(error_group=filters.error_group)
        return {JobStatus.FAILED: _capped(JobStatus.FAILED, of_group)} if is_alone else {}
    if others.errors or others.arguments or others.worker:
        return {}
    if replace(others, queue="", typed={}) == Filters(typed={}):
        queue = Q(queue=others.queue) if others.queue else Q()
        return {status: _capped(status, queue) for status in JobStatus.values}
    newest = Job.objects.filter(others.condition()).order_by(*NEWEST_FIRST)
    found = Counter(newest.values_list("status", flat=True)[:COUNTED_NEWEST])
    is_more = found.total() == COUNTED_NEWEST
    return {status: StateCount(found[status], is_more=is_more) for status in JobStatus.values}


def count(filters: Filters, limit: int, budget_seconds: float) -> tuple[int, bool]:
    """How many jobs fit, up to the limit, and whether that is all of them: not when the limit or the time was up."""
    if filters.among and not filters.status:
        return _counted_by_status(filters, limit, budget_seconds)
    rows = filters.narrow(Job.objects.all()).order_by()
    base = _base(filters)
    if base is None:
        found = rows.values("pk")[: limit + 1].count()
        return min(found, limit), found <= limit
    found, start, ends_at = 0, None, time.monotonic() + budget_seconds
    while True:
        edge = _edge(base, start, LARGEST_WINDOW)
        found += _between(rows, start, edge).values("pk")[: limit + 1 - found].count()
        if found > limit or edge is None:
            return min(found, limit), found <= limit
        if time.monotonic() > ends_at:
            return found, False
        start = edge


def _counted_by_status(filters: Filters, limit: int, budget_seconds: float) -> tuple[int, bool]:
    """The same for several statuses: each has its place in an index, all together have none."""
    found, is_all, ends_at = 0, True, time.monotonic() + budget_seconds
    for status in filters.among:
        one = replace(filters, status=status, among=())
        number, is_whole = count(one, limit - found, max(0.0, ends_at - time.monotonic()))
        found, is_all = found + number, is_all and is_whole
    return found, is_all


def _capped(status: str, condition: Q) -> StateCount:
    rows = Job.objects.filter(condition, status=status).order_by().values("pk")
    number = rows[: COUNTED + 1].count()
    return StateCount(min(number, COUNTED), is_more=number > COUNTED)


def _base(filters: Filters) -> Q | None:
    """The condition of the index to read along, when it is only a part of what is asked; None when one answers all."""
    if filters.ids or filters.batch or filters.schedule:
        # Few rows each: the database takes their index and sorts.
        return None
    best = _best_index(filters)
    asked = {
        "status",
        "queue",
        "tasks",
        "tenant_ids",
        "worker",
        "error_group",
        "errors",
        "arguments",
        "among",
    }
    present = {name for name in asked if getattr(filters, name)}
    if present <= best.keys():
        return None
    return filters.span() & Q(**{_COLUMN[name]: value for name, value in best.items()})


# Filter -> column; a list of values would break the order of an index, so that those are read in windows.
_COLUMN = {
    "status": "status",
    "queue": "queue",
    "tasks": "task",
    "tenant_ids": "tenant_id",
    "error_group": "error_group",
}


def _best_index(filters: Filters) -> dict[str, Any]:
    """The filters that one index with the order of the list answers, the fewest rows first."""
    if len(filters.tenant_ids) == 1:
        return {"tenant_ids": filters.tenant_ids[0]}
    if filters.error_group and filters.status == JobStatus.FAILED:
        # Its index holds failed jobs alone.
        return {"error_group": filters.error_group, "status": filters.status}
    if filters.status and filters.queue:
        return {"status": filters.status, "queue": filters.queue}
    if filters.status and filters.status != JobStatus.SUCCEEDED:
        return {"status": filters.status}
    if len(filters.tasks) == 1:
        return {"tasks": filters.tasks[0]}
    return {"status": filters.status} if filters.status else {}


def _windows(rows: QuerySet[Job], base: Q, after: Place | None, size: int, ends_at: float) -> Page:
    """The page, looked for in one window of the base after the other."""
    found: list[Job] = []
    start, width = after, SMALLEST_WINDOW
    while True:
        edge = _edge(base, start, width)
        found += _between(rows, start, edge)[: size + 1 - len(found)]
        if len(found) > size:
            return Page(found[:size], _place(found[size - 1]))
        if edge is None:
            return Page(found, None)
        start, width = edge, min(width * 4, LARGEST_WINDOW)
        if time.monotonic() > ends_at:
            return Page(found, start, searched_to=start.created_at)


def _edge(base: Q, start: Place | None, width: int) -> Place | None:
    """The last job of the next window of the base; None when fewer are left."""
    keys = _older_than(Job.objects.filter(base).order_by(*NEWEST_FIRST), start)
    edge = keys.values_list("created_at", "id")[width - 1 : width].first()
    return Place(*edge) if edge else None


def _between(rows: QuerySet[Job], start: Place | None, edge: Place | None) -> QuerySet[Job]:
    """Those of the rows that come after the start, the edge included."""
    rows = _older_than(rows, start)
    if edge is None:
        return rows
    first, last = spellings(edge.created_at)
    return rows.filter(Q(created_at__gt=last) | Q(id__gte=edge.id), created_at__gte=first)


def _older_than(rows: QuerySet[Job], place: Place | None) -> QuerySet[Job]:
    """Those of the rows that come after the place in the list."""
    if place is None:
        return rows
    first, last = spellings(place.created_at)
    return rows.filter(Q(created_at__lt=first) | Q(id__lt=place.id), created_at__lte=last)


def _place(job: Job) -> Place:
    return Place(job.created_at, job.pk)
