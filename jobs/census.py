"""How many jobs stand where, which workers live and who leads, counted from the rows that are still active.

Ended jobs are never touched: the cost follows the backlog, whatever the history holds, and of a large backlog only up
to a limit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now

from jobs import leadership, pauses
from jobs.models import ACTIVE_STATUSES, HoldReason, Job, JobStatus, Leadership, WorkerProcess
from jobs.moments import database_now

# A worker says every five seconds or so that it lives; after this long it counts as gone.
WORKER_SILENT_AFTER = timedelta(seconds=30)

# A backlog up to this is counted exactly; of a larger one each count ends at the limit, which then means "or more".
EXACT_UP_TO = 20_000
COUNT_LIMIT = 100_000
LOOKED_AT_FOR_OLDEST = 1000

Group = tuple[str, str, str, int, datetime | None]


@dataclass(slots=True)
class QueueCensus:
    """One queue right now; counts are of jobs."""

    name: str
    # May be started as soon as a worker has a place for them.
    ready: int = 0
    running: int = 0
    # By `HoldReason`.
    held: dict[str, int] = field(default_factory=dict)
    scheduled: int = 0
    retrying: int = 0
    blocked: int = 0
    # How long the oldest ready job has waited since it was due.
    oldest_seconds: float = 0.0
    workers: int = 0
    is_paused: bool = False

    def add(self, status: str, reason: str, count: int) -> None:
        """Count some jobs of one status."""
        match status:
            case JobStatus.QUEUED:
                self.ready += count
            case JobStatus.HELD:
                self.held[reason] = self.held.get(reason, 0) + count
            case _:
                setattr(self, status, getattr(self, status) + count)


@dataclass(frozen=True, slots=True)
class Leader:
    """Who does the work that one dispatcher alone may do."""

    holder: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Census:
    """The platform at one moment of the database's clock."""

    at: datetime
    queues: dict[str, QueueCensus]
    workers: list[WorkerProcess]
    leader: Leader | None

    @property
    def unserved(self) -> list[str]:
        """The queues that no living worker listens to."""
        return [queue.name for queue in self.queues.values() if not queue.workers]


def take() -> Census:
    """The platform now, in a handful of queries.

    Raises: DatabaseError when the database is away.
    """
    at = database_now()
    queues = {policy.name: QueueCensus(policy.name) for policy in settings.JOBS_QUEUES}
    for name, status, reason, count, oldest in _groups():
        queue = queues.setdefault(name, QueueCensus(name))
        queue.add(status, reason, count)
        if status == JobStatus.QUEUED and oldest is not None:
            queue.oldest_seconds = max(queue.oldest_seconds, (at - oldest).total_seconds())
    workers = list(living_workers())
    _count_workers(queues, workers)
    for name in paused_queues():
        queues.setdefault(name, QueueCensus(name)).is_paused = True
    return Census(at, queues, workers, leader())


def _groups() -> Iterable[Group]:
    """Queue, status, reason, count and the oldest due time of what is active."""
    active = Job.objects.active().order_by()
    if active.values("pk")[: EXACT_UP_TO + 1].count() > EXACT_UP_TO:
        return _capped_groups()
    groups = active.values_list("queue", "status", "hold_reason")
    return groups.annotate(count=Count("pk"), oldest=Min("due_at"))


def _capped_groups() -> Iterator[Group]:
    """The same of a large backlog: each count goes along an index, and no further than COUNT_LIMIT."""
    kinds = [
        (policy.name, status, reason)
        for policy in settings.JOBS_QUEUES
        for status in sorted(ACTIVE_STATUSES)
        for reason in (HoldReason.values if status == JobStatus.HELD else [""])
    ]
    counts = _counts(kinds)
    for (name, status, reason), count in zip(kinds, counts, strict=True):
        if count:
            yield name, status, reason, count, _oldest(name) if status == JobStatus.QUEUED else None


def _counts(kinds: Sequence[tuple[str, str, str]]) -> list[int]:
    """How many jobs there are of each queue, status and reason, by one statement: the ORM would ask for each."""
    arm = (
        "(SELECT COUNT(*) FROM (SELECT 1 FROM jobs_job "
        "WHERE queue = %s AND status = %s AND (status <> 'held' OR hold_reason = %s) LIMIT %s) AS seen)"
    )
    with connection.cursor() as cursor:
        parameters = [value for kind in kinds for value in (*kind, COUNT_LIMIT)]
        # Nothing but the arm, as often as there are kinds.
        cursor.execute(f"SELECT {', '.join([arm] * len(kinds))}", parameters)
        return list(cursor.fetchone())


def _oldest(queue: str) -> datetime | None:
    """When the job was due that waits for longest: one of those created first, but for a few that were retried."""
    ready = Job.objects.filter(queue=queue, status=JobStatus.QUEUED).order_by("created_at")
    return min(ready.values_list("due_at", flat=True)[:LOOKED_AT_FOR_OLDEST], default=None)


def _count_workers(queues: dict[str, QueueCensus], workers: Iterable[WorkerProcess]) -> None:
    for worker in workers:
        for name in worker.queues:
            if name in queues:
                queues[name].workers += 1


def living_workers() -> QuerySet[WorkerProcess]:
    """The workers that gave a sign of life lately."""
    return WorkerProcess.objects.filter(ended_at=None, seen_at__gte=Now() - WORKER_SILENT_AFTER)


def paused_queues() -> list[str]:
    """The queues that are paused as a whole now."""
    return list(pauses.live_pauses().filter(tenant_id=None).values_list("queue", flat=True))


def leader() -> Leader | None:
    """The dispatcher that leads now, if one does."""
    row = Leadership.objects.filter(name=leadership.DISPATCHER, until__gt=Now()).exclude(holder="").first()
    return Leader(row.holder, row.since) if row else None
