"""The part of an invented database that is not over: jobs that wait, run or are held, and who runs them."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from benchmarks.filling_kinds import KINDS, Kind
from jobs.models import (
    Attempt,
    HoldReason,
    Job,
    JobEvent,
    JobStatus,
    WorkerProcess,
)

SEED = 7
# How many jobs of each queue wait; elsewhere few do.
WAITING = {"emails": 900, "validations": 240, "ai": 420, "webhooks": 60, "documents": 35}
RUNNING = {"validations": 2, "documents": 2, "ai": 1, "reports": 1, "integrations": 2, "emails": 3}
# One job each, and one more worker that is idle.
WORKERS = 12
_BY_QUEUE = {kind.queue: kind for kind in KINDS}


def add(tenants: Sequence[int]) -> None:
    """Add them; the workers look alive for the next seconds, and `filling.touch` renews that."""
    now = timezone.now()
    # Chance, but the same each time.
    chance = random.Random(SEED)  # noqa: S311 -- invents rows, keeps no secret
    _add_workers(now)
    jobs = [*_waiting(now, tenants, chance), *_later(now, tenants, chance)]
    running = list(_running(now, tenants, chance))
    Job.objects.bulk_create(jobs + running, batch_size=500)
    Attempt.objects.bulk_create(_attempt(job) for job in running)
    JobEvent.objects.bulk_create(_events(jobs + running), batch_size=500)


def _job(kind: Kind, tenant: int, status: JobStatus, created: datetime, **fields: object) -> Job:
    values = {"created_at": created, "due_at": created, "sent_at": created} | fields
    return Job(
        task=kind.task,
        queue=kind.queue,
        status=status,
        tenant_id=tenant if kind.argument else None,
        timeout_seconds=kind.timeout_seconds,
        max_attempts=kind.attempts,
        arguments={kind.argument: 1} if kind.argument else {},
        **values,
    )


def _waiting(now: datetime, tenants: Sequence[int], chance: random.Random) -> Iterable[Job]:
    for queue, count in WAITING.items():
        # One organization sent most of it.
        greedy = chance.choice(tenants)
        for number in range(count):
            tenant = greedy if chance.random() < 0.6 else chance.choice(tenants)
            created = now - timedelta(seconds=(count - number) * chance.uniform(0.2, 0.5))
            is_sent = number < 100
            yield _job(
                _BY_QUEUE[queue], tenant, JobStatus.QUEUED, created, sent_at=created if is_sent else None
            )


def _later(now: datetime, tenants: Sequence[int], chance: random.Random) -> Iterable[Job]:
    for number in range(300):
        due = now + timedelta(minutes=number)
        kind, tenant = chance.choice(KINDS), chance.choice(tenants)
        yield _job(kind, tenant, JobStatus.SCHEDULED, now - timedelta(hours=1), due_at=due, sent_at=None)
    for number in range(150):
        due, created = now + timedelta(seconds=4 * number), now - timedelta(minutes=number)
        kind, tenant = _BY_QUEUE[chance.choice(["webhooks", "ai", "emails"])], chance.choice(tenants)
        yield _job(
            kind, tenant, JobStatus.RETRYING, created, due_at=due, sent_at=None, attempt=1, fence=1,
            error_class="ReadTimeout", error_message="timed out after 10 s",
        )  # fmt: skip
    for number in range(60):
        created, tenant = now - timedelta(minutes=number), chance.choice(tenants)
        reason = HoldReason.PAUSED
        yield _job(
            _BY_QUEUE["reports"], tenant, JobStatus.HELD, created, sent_at=None, hold_reason=reason
        )  # fmt: skip
    for number in range(40):
        created, tenant = now - timedelta(minutes=number), chance.choice(tenants)
        yield _job(_BY_QUEUE["scheduled"], tenant, JobStatus.BLOCKED, created, sent_at=None)


def _running(now: datetime, tenants: Sequence[int], chance: random.Random) -> Iterable[Job]:
    number = 0
    for queue, count in RUNNING.items():
        for slot in range(1, count + 1):
            started = now - timedelta(seconds=chance.uniform(1, 90))
            yield _job(
                _BY_QUEUE[queue], chance.choice(tenants), JobStatus.RUNNING, started - timedelta(seconds=2),
                started_at=started, lease_until=now + timedelta(hours=1), slot=slot, fence=1, attempt=1,
                worker=f"filling-{number % WORKERS}", progress_done=chance.randrange(40, 900),
                progress_total=1000,
            )  # fmt: skip
            number += 1


def _attempt(job: Job) -> Attempt:
    assert job.started_at is not None
    return Attempt(
        job=job, number=1, fence=1, worker=job.worker, host="worker-0", pid=4000, started_at=job.started_at,
        wait_ms=2000,
    )  # fmt: skip


def _events(jobs: Iterable[Job]) -> Iterable[JobEvent]:
    for job in jobs:
        waits = job.status in (JobStatus.SCHEDULED, JobStatus.BLOCKED)
        first = job.status if waits else JobStatus.QUEUED
        yield JobEvent(job=job, at=job.created_at, to_status=first, cause="enqueued")
        if job.status == JobStatus.RUNNING and job.started_at:
            yield JobEvent(
                job=job, at=job.started_at, from_status="queued", to_status="running", cause="claimed"
            )


def _add_workers(now: datetime) -> None:
    queues = sorted(_BY_QUEUE)
    for number in range(WORKERS + 2):
        is_gone = number >= WORKERS
        WorkerProcess.objects.create(
            name=f"filling-{number}",
            host=f"worker-{number % 3}",
            pid=4000 + number,
            queues=queues if number < 8 else ["ai", "documents"],
            version="0.9" if is_gone else "1.0",
            started_at=now - timedelta(hours=9, minutes=number),
            seen_at=now - timedelta(minutes=12) if is_gone else now,
            ended_at=now - timedelta(minutes=12) if number == WORKERS else None,
            jobs_done=40_000 + number * 731,
            memory_bytes=90_000_000 + number * 7_000_000,
        )
