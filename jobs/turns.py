"""Which rows of a queue come next: the most urgent first, and among these the organizations take turns.

The one with the fewest jobs under way comes next; among equals the one that has waited longest. Each question
here walks a partial index (`jobs_job_unsent`, `jobs_job_held`) from one group of rows to the next, so that it costs
as much with a million waiting rows as with ten. No planner finds such a walk by itself, hence the recursion.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from enum import StrEnum
from itertools import groupby
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

from jobs.models import Job

# None for jobs of no organization, which take turns as one.
Tenant = int | None
NOBODY = -1
# As the indexes have it. A plain column would let PostgreSQL walk the index of all jobs by organization instead,
# past a million ended ones of the first organizations to the first waiting one of the last.
TENANT = f"COALESCE(tenant_id, {NOBODY})"
# When no more rows wait than this, they are all read at once.
FEW = 100
# Groups whose rows are read by one statement; SQLite allows five times as many.
GROUPS_PER_STATEMENT = 100


class Line(StrEnum):
    """Rows that wait for one thing, as the condition of their partial index says it."""

    # Ready, and not in Redis.
    UNSENT = "status = 'queued' AND sent_at IS NULL"
    # Ready, and in Redis as far as we know.
    SENT = "status = 'queued' AND sent_at IS NOT NULL"
    # Ready, but kept back.
    HELD = "status = 'held'"
    # Nothing will happen to them by themselves.
    ENDED = "status IN ('cancelled', 'failed', 'succeeded')"

    @property
    def table(self) -> str:
        """The table, read by the line's own index."""
        # SQLite's planner would take any other index on the status.
        return (
            f"jobs_job INDEXED BY jobs_job_{self.name.lower()}"
            if connection.vendor == "sqlite"
            else "jobs_job"
        )


def queues_of(line: Line) -> list[str]:
    """The queues that have such rows."""
    rows = _rows(
        f"""
        WITH RECURSIVE found(queue) AS (
            SELECT (SELECT MIN(queue) FROM {line.table} WHERE {line})
            UNION ALL
            SELECT (SELECT MIN(jobs_job.queue) FROM {line.table} WHERE {line} AND jobs_job.queue > found.queue)
            FROM found WHERE found.queue IS NOT NULL
        )
        SELECT queue FROM found WHERE queue IS NOT NULL
        """  # noqa: S608 -- the line is a constant of this module
    )
    return [queue for (queue,) in rows]


def next_ids(
    line: Line,
    queue: str,
    limit: int,
    *,
    busy: Mapping[Tenant, int] | None = None,
    left_out: Set[Tenant] = frozenset(),
) -> list[UUID]:
    """Ids of up to so many of the queue's unsent or held rows, in the order in which they are to start.

    `busy` says how many jobs of each organization are under way.
    """
    under_way = Counter(busy or {})
    chosen: list[UUID] = []
    for level in _levels(line, queue, left_out):
        chosen += _ids_of(level, limit - len(chosen), under_way)
        if len(chosen) == limit:
            break
    return chosen


class _Level(Protocol):
    """The rows of one priority."""

    # Each organization that has such rows, and when its first one was due.
    waiting: dict[Tenant, Any]

    def first_ids(
        self, wanted: Mapping[Tenant, int], taken: Mapping[Tenant, int]
    ) -> dict[Tenant, list[UUID]]:
        """So many ids of each organization, in the order in which they were due, after those that were taken."""


def _levels(line: Line, queue: str, left_out: Set[Tenant]) -> Iterator[_Level]:
    """The priorities that have rows, the highest first."""
    rows = list(
        Job.objects.raw(
            f"SELECT id, tenant_id, due_at, priority FROM {line.table} WHERE {line} AND queue = %s"  # noqa: S608
            f" ORDER BY priority DESC, {TENANT}, due_at LIMIT %s",
            [queue, FEW + 1],
        )
    )
    if len(rows) <= FEW:
        for _priority, few in groupby(rows, key=lambda job: job.priority):
            yield _Few([job for job in few if job.tenant_id not in left_out])
        return
    priority: int | None = rows[0].priority
    while priority is not None:
        yield _Many(line, queue, priority, left_out)
        priority = _next_priority(line, queue, priority)


def _next_priority(line: Line, queue: str, above: int) -> int | None:
    rows = _rows(
        f"SELECT MAX(priority) FROM {line.table} WHERE {line} AND queue = %s AND priority < %s",  # noqa: S608
        [queue, above],
    )
    return rows[0][0] if rows else None


def _ids_of(level: _Level, limit: int, under_way: Counter[Tenant]) -> list[UUID]:
    """Ids of up to so many rows of the level, in turns; each counts as one more job under way."""
    chosen: list[UUID] = []
    taken: Counter[Tenant] = Counter()
    waiting = dict(level.waiting)
    while waiting and len(chosen) < limit:
        order = _turns(waiting, under_way, limit - len(chosen))
        found = level.first_ids(Counter(order), taken)
        for tenant in order:
            if ids := found.get(tenant):
                chosen.append(ids.pop(0))
                taken[tenant] += 1
                under_way[tenant] += 1
            else:
                # Its rows are all taken: the others have its turns in the next round.
                waiting.pop(tenant, None)
    return chosen


def _turns(waiting: Mapping[Tenant, Any], under_way: Mapping[Tenant, int], count: int) -> list[Tenant]:
    """Whose turn it is, so many times."""
    # Of several equal ones the number in the middle decides: organizations themselves have no order.
    heap = [
        (under_way.get(tenant, 0), due_at, n, tenant) for n, (tenant, due_at) in enumerate(waiting.items())
    ]
    heapq.heapify(heap)
    order: list[Tenant] = []
    while len(order) < count:
        jobs, due_at, n, tenant = heap[0]
        heapq.heapreplace(heap, (jobs + 1, due_at, n, tenant))
        order.append(tenant)
    return order


class _Few:
    """A level whose rows were all read: by one statement, when little waits."""

    def __init__(self, rows: Iterable[Job]) -> None:
        self._ids: defaultdict[Tenant, list[UUID]] = defaultdict(list)
        self.waiting: dict[Tenant, Any] = {}
        for job in sorted(rows, key=lambda job: job.due_at):
            self.waiting.setdefault(job.tenant_id, job.due_at)
            self._ids[job.tenant_id].append(job.pk)

    def first_ids(
        self, wanted: Mapping[Tenant, int], taken: Mapping[Tenant, int]
    ) -> dict[Tenant, list[UUID]]:
        """As `_Level` says."""
        return {
            tenant: self._ids[tenant][taken[tenant] : taken[tenant] + count]
            for tenant, count in wanted.items()
        }


class _Many:
    """A level of which only the beginning of each organization's rows is read."""

    def __init__(self, line: Line, queue: str, priority: int, left_out: Set[Tenant]) -> None:
        self._line, self._queue, self._priority = line, queue, priority
        self.waiting = _waiting(line, queue, priority, left_out)

    def first_ids(
        self, wanted: Mapping[Tenant, int], taken: Mapping[Tenant, int]
    ) -> dict[Tenant, list[UUID]]:
        """As `_Level` says."""
        found: defaultdict[Tenant, list[UUID]] = defaultdict(list)
        all_groups = list(wanted.items())
        for start in range(0, len(all_groups), GROUPS_PER_STATEMENT):
            groups = all_groups[start : start + GROUPS_PER_STATEMENT]
            sql = " UNION ALL ".join([_group_sql(self._line)] * len(groups))
            params: list[str | int] = []
            for tenant, count in groups:
                number = NOBODY if tenant is None else tenant
                params += [self._queue, self._priority, number, count, taken[tenant]]
            # Sorted here: a union promises no order.
            for job in sorted(Job.objects.raw(sql, params), key=lambda job: job.due_at):
                found[job.tenant_id].append(job.pk)
        return found


def _waiting(line: Line, queue: str, priority: int, left_out: Set[Tenant]) -> dict[Tenant, Any]:
    """Each organization with such rows, and when its first one was due."""
    group = f"{line} AND queue = %s AND priority = %s"
    rows = _rows(
        f"""
        WITH RECURSIVE found(tenant) AS (
            SELECT (SELECT MIN({TENANT}) FROM {line.table} WHERE {group})
            UNION ALL
            SELECT (SELECT MIN({TENANT}) FROM {line.table} WHERE {group} AND {TENANT} > found.tenant)
            FROM found WHERE found.tenant IS NOT NULL
        )
        SELECT tenant, (SELECT MIN(due_at) FROM {line.table} WHERE {group} AND {TENANT} = found.tenant)
        FROM found WHERE tenant IS NOT NULL
        """,  # noqa: S608 -- constants of this module
        [queue, priority] * 3,
    )
    waiting = {None if tenant == NOBODY else tenant: due_at for tenant, due_at in rows}
    return {tenant: due_at for tenant, due_at in waiting.items() if tenant not in left_out}


def _group_sql(line: Line) -> str:
    rows = f"FROM {line.table} WHERE {line} AND queue = %s AND priority = %s AND {TENANT} = %s"
    return (
        f"SELECT * FROM (SELECT id, tenant_id, due_at {rows} ORDER BY due_at LIMIT %s OFFSET %s) AS waiting"  # noqa: S608
    )


def _rows(sql: str, params: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
