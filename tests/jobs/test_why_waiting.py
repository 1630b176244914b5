"""The one sentence that says why a job has not started."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone, translation

from jobs import pauses
from jobs.models import HoldReason, Job, JobDependency, JobStatus, RateSlot, WorkerProcess
from jobs.queues import policy_of
from jobs.why_waiting import WaitReason, why_waits

pytestmark = pytest.mark.django_db

S = JobStatus


@pytest.fixture
def worker() -> WorkerProcess:
    """A worker that lives and serves two queues."""
    return WorkerProcess.objects.create(
        name="w", host="here", pid=1, queues=["critical", "validations"], started_at=Now(), seen_at=Now()
    )


def job(queue: str = "critical", *, minutes: int = 0, **fields: Any) -> Job:
    values = {"status": S.QUEUED, "due_at": timezone.now() + timedelta(minutes=minutes), **fields}
    return Job.objects.create(
        task="probe.empty", queue=queue, timeout_seconds=9, max_attempts=1, created_at=Now(), **values
    )


def why(row: Job) -> WaitReason:
    reason = why_waits(Job.objects.get(pk=row.pk))
    assert reason
    return reason


def limit(settings: Any, **fields: Any) -> None:
    settings.JOBS_QUEUES = [
        replace(policy_of("validations"), **fields) if queue.name == "validations" else queue
        for queue in settings.JOBS_QUEUES
    ]


@pytest.mark.parametrize("status", [S.RUNNING, S.SUCCEEDED, S.FAILED, S.CANCELLED])
def test_a_job_that_runs_or_has_ended_waits_for_nothing(status: JobStatus) -> None:
    assert why_waits(job(status=status)) is None


@pytest.mark.parametrize(("status", "code"), [(S.SCHEDULED, "due"), (S.RETRYING, "retry")])
def test_a_job_that_waits_for_its_time_says_until_when(status: JobStatus, code: str) -> None:
    row = job(status=status, minutes=5)
    assert (why(row).code, why(row).until) == (code, row.due_at)


def test_a_blocked_job_says_how_many_others_it_waits_for() -> None:
    row = job(status=S.BLOCKED)
    for status in (S.RUNNING, S.QUEUED, S.SUCCEEDED):
        JobDependency.objects.create(job=row, parent=job(status=status))
    assert why(row).text == "waits for 2 other jobs"


def test_a_paused_job_says_why_and_until_when(worker: WorkerProcess) -> None:
    until = timezone.now() + timedelta(hours=1)
    pauses.pause(queue="critical", reason="the printer burns", until=until)
    assert why(job()).text.endswith(": the printer burns")
    assert why(job()).until == until
    assert why(job(status=S.HELD, hold_reason=HoldReason.PAUSED)).code == "paused"


def test_a_job_whose_pause_has_just_ended_does_not_wait_for_redis(worker: WorkerProcess) -> None:
    assert why(job(status=S.HELD, hold_reason=HoldReason.PAUSED)).code == "worker"
    assert why(job(status=S.HELD, hold_reason=HoldReason.REDIS_AWAY)).code == "redis"


def test_a_job_held_without_redis_says_so(worker: WorkerProcess) -> None:
    assert why(job(status=S.HELD, hold_reason=HoldReason.REDIS_AWAY)).code == "redis"


def test_a_queue_without_a_living_worker_is_named(worker: WorkerProcess) -> None:
    assert why(job("emails")).code == "no_worker"
    WorkerProcess.objects.update(seen_at=Now() - timedelta(minutes=5))
    assert why(job()).code == "no_worker"


def test_a_job_in_redis_waits_for_a_worker_behind_those_sent_before(worker: WorkerProcess) -> None:
    now = timezone.now()
    row = job(sent_at=now)
    for seconds in (-2, -1, 1):
        job(sent_at=now + timedelta(seconds=seconds))
    assert (why(row).code, why(row).ahead) == ("worker", 2)


def test_a_job_is_not_before_itself(worker: WorkerProcess, settings: Any) -> None:
    limit(settings, concurrency=9)
    for row in (job(sent_at=Now()), job("validations"), job("validations", due_at=Now(), tenant_id=1)):
        assert why(row).ahead == 0


def test_a_queue_whose_places_are_taken_says_how_many(worker: WorkerProcess, settings: Any) -> None:
    limit(settings, concurrency=2)
    for slot in (1, 2):
        job("validations", status=S.RUNNING, slot=slot)
    row = job("validations", tenant_id=1)
    assert why(row).text == "waits for a free place: 2 of 2 taken"
    with translation.override("fr"):
        assert why(row).text == "attend une place libre : 2 sur 2 prises"


def test_a_rate_that_is_used_up_says_when_the_next_start_is(worker: WorkerProcess, settings: Any) -> None:
    limit(settings, concurrency=None, rate="1/minute")
    slot = RateSlot.objects.create(
        queue="validations", number=1, free_at=timezone.now() + timedelta(seconds=40)
    )
    reason = why(job("validations"))
    assert (reason.code, reason.until) == ("rate", slot.free_at)
    assert timezone.localtime(slot.free_at).strftime("%H:%M:%S") in reason.text


def test_a_job_that_waits_for_its_turn_counts_those_of_its_organization(
    worker: WorkerProcess, settings: Any
) -> None:
    limit(settings, concurrency=9)
    row = job("validations", tenant_id=1)
    job("validations", tenant_id=1, minutes=-1)
    job("validations", tenant_id=1, minutes=1, priority=5)
    job("validations", tenant_id=1, minutes=1)
    job("validations", tenant_id=2, minutes=-1)
    assert (why(row).code, why(row).ahead) == ("turn", 2)
