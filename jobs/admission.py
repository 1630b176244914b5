"""Claims: a job starts only where and when its queue lets it, decided by the database in the claim itself.

Nothing that Redis, a dispatcher or a worker believes can start too many: a claim needs that no pause covers the job;
on a queue with places a free one, which no other running job of the queue has; on a queue with a rate a start that
is free again, unless its limit is lifted. Who excludes whom, of two claims at once:

| both want | PostgreSQL | SQLite |
|---|---|---|
| a job | the second waits for the row, and finds it running | one writer at a time |
| a place | the unique index over running jobs; the second tries again | one writer at a time |
| a start | each locks the row of another one | one writer at a time |
"""

import os
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from jobs.models import Attempt, Job, JobStatus, RateSlot
from jobs.pauses import live_lifts, live_pauses
from jobs.querysets import columns_of, update_returning
from jobs.queues import QueuePolicy, policy_of
from jobs.statements import Step, in_one_statement, note, read

# Each try after the first means that another claim took the place which this one had seen free.
PLACE_TRIES = 8
# Of two claims at once the one that began earlier may see what the other one took: that is no clock put back.
CLOCK_SLACK = timedelta(minutes=1)
# The constraint by which the database says so.
PLACE_TAKEN = "jobs_job_one_per_slot"


@dataclass(frozen=True, slots=True)
class Seat:
    """Who runs an attempt."""

    worker: str
    host: str
    # Of the process that claims: a worker's parent, whose work-horse has one of its own.
    pid: int

    @classmethod
    def of(cls, worker: str) -> "Seat":
        """The seat of this process, under that worker's name."""
        return cls(worker[:100], socket.gethostname()[:100], os.getpid())


def lease() -> timedelta:
    """How long an attempt counts as alive after each sign of life."""
    return timedelta(seconds=settings.JOBS_LEASE_SECONDS)


def claim(ids: Sequence[UUID], queue: str, seat: Seat, step: Step) -> list[Job]:
    """Those of the jobs of that queue that could start, now running, in the given order."""
    policy = policy_of(queue)
    claimed = {job.pk: job for job in _claimed(ids, policy, seat, step)}
    if len(claimed) < len(ids) and policy.rate and provide_starts(policy):
        # The rows of its rate were not there yet.
        left = [job_id for job_id in ids if job_id not in claimed]
        claimed |= {job.pk: job for job in _claimed(left, policy, seat, step)}
    return [claimed[job_id] for job_id in dict.fromkeys(ids) if job_id in claimed]


def _claimed(ids: Sequence[UUID], policy: QueuePolicy, seat: Seat, step: Step) -> list[Job]:
    if not in_one_statement():
        return _claimed_apart(ids, policy, seat, step)
    for _try in range(PLACE_TRIES):
        try:
            # A statement that fails would otherwise take the caller's transaction with it.
            with transaction.atomic() if connection.in_atomic_block and policy.concurrency else nullcontext():
                return _claimed_at_once(ids, policy, seat, step)
        except IntegrityError as error:
            if PLACE_TAKEN not in str(error):
                raise
    return []


def covered_by_a_pause(rows: QuerySet[Job]) -> QuerySet[Job]:
    """Those of the jobs that a pause keeps from starting now."""
    covering = live_pauses().filter(
        Q(queue="") | Q(queue=OuterRef("queue")), Q(tenant_id=None) | Q(tenant_id=OuterRef("tenant_id"))
    )
    return rows.filter(Exists(covering))


# --- PostgreSQL: one statement ------------------------------------------------------------------------------

_CLAIMABLE = f"""
    j.id = ANY(%(ids)s::uuid[]) AND j.queue = %(queue)s
    AND j.status = '{JobStatus.QUEUED}' AND j.cancel_requested_at IS NULL
    AND NOT EXISTS (
        SELECT FROM jobs_pause p WHERE p.queue IN ('', j.queue)
        AND (p.tenant_id IS NULL OR p.tenant_id = j.tenant_id)
        AND (p.until IS NULL OR p.until > STATEMENT_TIMESTAMP())
    )"""

# The k-th of the jobs gets the k-th of the free places, and the k-th of the free starts.
_WANTED = f"""wanted AS (
    SELECT j.id, ROW_NUMBER() OVER (ORDER BY ARRAY_POSITION(%(ids)s::uuid[], j.id)) AS turn
    FROM jobs_job j WHERE {_CLAIMABLE}
),"""
_PLACES = f"""places AS (
    SELECT number, ROW_NUMBER() OVER (ORDER BY number) AS turn FROM GENERATE_SERIES(1, %(places)s) AS number
    WHERE NOT EXISTS (
        SELECT FROM jobs_job r WHERE r.status = '{JobStatus.RUNNING}' AND r.queue = %(queue)s AND r.slot = number
    )
),"""
_STARTS = """starts AS (
    SELECT id, ROW_NUMBER() OVER (ORDER BY free_at, id) AS turn FROM (
        SELECT id, free_at FROM jobs_rateslot
        WHERE queue = %(queue)s AND number <= %(starts)s
            AND (free_at <= STATEMENT_TIMESTAMP() OR free_at > STATEMENT_TIMESTAMP() + %(window)s + %(slack)s)
        ORDER BY free_at, id LIMIT (SELECT COUNT(*) FROM wanted) FOR UPDATE SKIP LOCKED
    ) AS free
),"""
_TAKEN = """taken AS (
    UPDATE jobs_rateslot s SET free_at = STATEMENT_TIMESTAMP() + %(window)s
    FROM claimed c JOIN wanted w USING (id) JOIN starts ON starts.turn = w.turn WHERE s.id = starts.id
),"""
_LIFTED = """EXISTS (
    SELECT FROM jobs_ratelift l WHERE l.queue = %(queue)s AND l.until > STATEMENT_TIMESTAMP()
)"""
_WRITTEN = """opened AS (
    INSERT INTO jobs_attempt (
        job_id, number, fence, outcome, worker, host, pid, started_at, wait_ms,
        error_class, error_message, traceback, log
    )
    SELECT id, attempt, fence, 'running', worker, %(host)s, %(pid)s, started_at,
        GREATEST(0, ROUND(EXTRACT(EPOCH FROM started_at - due_at) * 1000)), '', '', '', '[]'
    FROM claimed
), noted AS (
    INSERT INTO jobs_jobevent (job_id, at, from_status, to_status, cause)
    SELECT id, started_at, %(from_status)s, status, %(cause)s FROM claimed
)"""


def _claimed_at_once(ids: Sequence[UUID], policy: QueuePolicy, seat: Seat, step: Step) -> list[Job]:
    rate = policy.rate_limit
    values = {
        "ids": list(ids),
        "queue": policy.name,
        "places": policy.concurrency,
        "starts": rate.count if rate else None,
        "window": rate.window if rate else None,
        "slack": CLOCK_SLACK,
        "worker": seat.worker,
        "host": seat.host,
        "pid": seat.pid,
        "lease": lease(),
        "from_status": step.from_status,
        "cause": step.cause,
    }
    return read(_claim_sql(has_places=policy.concurrency is not None, has_rate=rate is not None), values)


@cache
def _claim_sql(*, has_places: bool, has_rate: bool) -> str:
    """The statement for a queue with such limits; without any it is as plain as can be."""
    before = after = joined = ""
    condition, slot = _CLAIMABLE, "NULL"
    if has_places or has_rate:
        before, joined = _WANTED, " FROM wanted w"
        # Asked again: the row may have changed since it was looked at.
        condition = f"j.id = w.id AND j.status = '{JobStatus.QUEUED}' AND j.cancel_requested_at IS NULL"
    if has_places:
        before, joined, slot = before + _PLACES, f"{joined} JOIN places USING (turn)", "places.number"
    if has_rate:
        before, joined, after = before + _STARTS, f"{joined} LEFT JOIN starts USING (turn)", _TAKEN
        condition += f" AND (starts.id IS NOT NULL OR {_LIFTED})"
    return f"""WITH {before} claimed AS (
        UPDATE jobs_job j SET
            status = '{JobStatus.RUNNING}', fence = j.fence + 1, attempt = j.attempt + 1, slot = {slot},
            worker = %(worker)s, started_at = STATEMENT_TIMESTAMP(),
            lease_until = STATEMENT_TIMESTAMP() + %(lease)s,
            progress_done = 0, progress_total = 0, progress_message = ''
        {joined} WHERE {condition} RETURNING {columns_of(Job, "j")}
    ), {after} {_WRITTEN} SELECT {columns_of(Job)} FROM claimed"""


# --- SQLite: a transaction that is alone ----------------------------------------------------------------------


def _claimed_apart(ids: Sequence[UUID], policy: QueuePolicy, seat: Seat, step: Step) -> list[Job]:
    with transaction.atomic():
        rows = Job.objects.filter(
            pk__in=ids, queue=policy.name, status=JobStatus.QUEUED, cancel_requested_at=None
        )
        rows = rows.exclude(pk__in=covered_by_a_pause(rows).values("pk"))
        if policy.concurrency is None and policy.rate is None:
            claimed = _started(rows, seat)
        else:
            claimed = _started_within_limits(ids, rows, policy, seat)
        Attempt.objects.bulk_create(_attempt(job, seat) for job in claimed)
        note(claimed, step)
    return claimed


def _started(rows: QuerySet[Job], seat: Seat, **fields: Any) -> list[Job]:
    return update_returning(
        rows,
        status=JobStatus.RUNNING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        worker=seat.worker,
        started_at=Now(),
        lease_until=Now() + lease(),
        progress_done=0,
        progress_total=0,
        progress_message="",
        **fields,
    )


def _started_within_limits(
    ids: Sequence[UUID], rows: QuerySet[Job], policy: QueuePolicy, seat: Seat
) -> list[Job]:
    wanted = set(rows.values_list("pk", flat=True))
    order = [job_id for job_id in ids if job_id in wanted]
    places: list[int | None] = list(_free_places(policy)) if policy.concurrency else [None] * len(order)
    starts = _free_starts(policy, len(order))
    claimed = []
    for job_id, place, rate_slot in zip(order, places, starts, strict=False):
        claimed += _started(Job.objects.filter(pk=job_id), seat, slot=place)
        if rate_slot and (rate := policy.rate_limit):
            RateSlot.objects.filter(pk=rate_slot).update(free_at=Now() + rate.window)
    return claimed


def _free_places(policy: QueuePolicy) -> list[int]:
    running = Job.objects.filter(queue=policy.name, status=JobStatus.RUNNING, slot__isnull=False)
    taken = set(running.values_list("slot", flat=True))
    return [number for number in range(1, (policy.concurrency or 0) + 1) if number not in taken]


def _free_starts(policy: QueuePolicy, count: int) -> list[int | None]:
    """Rows of free starts, or as many times nothing as there may be without one."""
    rate = policy.rate_limit
    if rate is None:
        return [None] * count
    free = free_slots(policy.name, rate.window).filter(number__lte=rate.count)
    found: list[int | None] = list(free.order_by("free_at", "pk").values_list("pk", flat=True)[:count])
    if len(found) < count and live_lifts().filter(queue=policy.name).exists():
        found += [None] * (count - len(found))
    return found


def _attempt(job: Job, seat: Seat) -> Attempt:
    started_at = job.started_at or job.due_at
    waited = started_at - job.due_at
    return Attempt(
        job=job,
        number=job.attempt,
        fence=job.fence,
        worker=job.worker,
        host=seat.host,
        pid=seat.pid,
        started_at=started_at,
        wait_ms=max(0, round(waited.total_seconds() * 1000)),
    )


# --- The starts of a rate -------------------------------------------------------------------------------------


def free_slots(queue: str, window: timedelta) -> QuerySet[RateSlot]:
    """The rows of starts that are free now.

    One that is to be free much later than a window from now was taken before the database's clock was put back.
    """
    free = Q(free_at__lte=Now()) | Q(free_at__gt=Now() + window + CLOCK_SLACK)
    return RateSlot.objects.filter(free, queue=queue)


def provide_starts(policy: QueuePolicy) -> int:
    """The number of starts that were missing, as after a change of the table; they are free now."""
    rate = policy.rate_limit
    if rate is None:
        return 0
    there = set(RateSlot.objects.filter(queue=policy.name).values_list("number", flat=True))
    missing = [number for number in range(1, rate.count + 1) if number not in there]
    RateSlot.objects.bulk_create(
        [RateSlot(queue=policy.name, number=number, free_at=Now()) for number in missing],
        ignore_conflicts=True,
    )
    return len(missing)


def fit_starts_to_table(**_: Any) -> None:
    """Make and remove starts until they are as the table of queues says; for the end of a migration."""
    for policy in settings.JOBS_QUEUES:
        rate = policy.rate_limit
        provide_starts(policy)
        RateSlot.objects.filter(queue=policy.name, number__gt=rate.count if rate else 0).delete()
