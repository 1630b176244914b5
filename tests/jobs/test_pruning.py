"""What is old leaves, with all that belongs to it, and what somebody still needs stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import pruning, services
from jobs.models import (
    Alert,
    AlertKind,
    Attempt,
    Batch,
    BatchStatus,
    BulkAction,
    Job,
    JobDependency,
    JobEvent,
    JobStatus,
    WorkerProcess,
)
from jobs.tasks import prune
from tests.support.jobs import drain
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db

S = JobStatus


def job(*, days: float = 100, queue: str = "critical", status: JobStatus = S.SUCCEEDED, **fields: Any) -> Job:
    """A job that ended so many days ago, with an attempt and an event."""
    at = timezone.now() - timedelta(days=days)
    finished_at = at if status in (S.SUCCEEDED, S.FAILED, S.CANCELLED) else None
    row = Job.objects.create(
        task="probe.empty",
        queue=queue,
        status=status,
        timeout_seconds=9,
        max_attempts=1,
        created_at=at,
        due_at=at,
        finished_at=finished_at,
        **fields,
    )
    Attempt.objects.create(job=row, number=1, fence=1, started_at=at)
    JobEvent.objects.create(job=row, at=at, to_status=status, cause="enqueued")
    return row


def pruned() -> dict[str, int]:
    return pruning.prune(lambda: None)


@pytest.mark.parametrize("status", [S.SUCCEEDED, S.FAILED, S.CANCELLED])
def test_an_old_job_leaves_with_its_attempts_and_its_timeline(status: JobStatus) -> None:
    job(status=status)
    assert pruned()["jobs"] == 1
    assert [model.objects.count() for model in (Job, Attempt, JobEvent)] == [0, 0, 0]


def test_a_job_that_has_not_ended_or_not_long_ago_stays() -> None:
    kept = {job(status=status).pk for status in (S.QUEUED, S.RUNNING, S.BLOCKED, S.RETRYING)}
    kept.add(job(days=89).pk)
    assert pruned()["jobs"] == 0
    assert set(Job.objects.values_list("pk", flat=True)) == kept


def test_an_old_job_that_is_retried_while_its_portion_is_chosen_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    retried, old = job(status=S.FAILED), job(status=S.FAILED)
    chosen = pruning._portions

    def choose(*args: Any) -> Any:
        for portion in chosen(*args):
            services.retry_job(job=retried, by=None)
            yield portion

    monkeypatch.setattr(pruning, "_portions", choose)
    assert pruned()["jobs"] == 1
    assert list(Job.objects.values_list("pk", "status")) == [(retried.pk, S.QUEUED)]
    assert not Job.objects.filter(pk=old.pk).exists()


def test_each_queue_keeps_its_jobs_as_long_as_its_policy_says() -> None:
    job(days=40, queue="maintenance")
    kept = job(days=40, queue="critical")
    job(days=100, queue="a queue of former times")
    pruned()
    assert list(Job.objects.all()) == [kept]


def test_what_names_a_job_that_left_goes_on_without_it() -> None:
    old = job()
    retry = job(days=1, retry_of=old)
    bulk = BulkAction.objects.create(action="retry", cap=1, created_before=Now(), reason="x", job=old)
    pruned()
    retry.refresh_from_db()
    bulk.refresh_from_db()
    assert (retry.retry_of_id, bulk.job_id) == (None, None)


def test_a_job_that_a_waiting_one_depends_on_stays() -> None:
    parent, other = job(has_dependents=True), job(has_dependents=True)
    JobDependency.objects.create(job=job(status=S.BLOCKED), parent=parent)
    JobDependency.objects.create(job=job(days=1), parent=other)
    pruned()
    assert Job.objects.filter(pk=parent.pk).exists()
    assert not Job.objects.filter(pk=other.pk).exists()


def test_jobs_of_a_batch_that_goes_on_stay_and_an_old_batch_leaves_after_its_jobs() -> None:
    going = Batch.objects.create(name="going")
    over = Batch.objects.create(
        name="over", status=BatchStatus.SUCCEEDED, finished_at=timezone.now() - timedelta(days=100)
    )
    kept = job(batch=going)
    job(batch=over)
    assert pruned()["batches"] == 1
    assert (list(Job.objects.all()), list(Batch.objects.all())) == ([kept], [going])


def test_portions_are_as_large_as_they_may_be_and_each_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PORTION", 3)
    monkeypatch.setattr(pruning, "PORTION_ALONE", 3)
    for _ in range(7):
        job()
    looks: list[int] = []
    pruning.prune(lambda: looks.append(Job.objects.count()))
    assert looks == [4, 1, 0]


def test_more_jobs_of_one_moment_than_a_portion_holds_all_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "PORTION", 3)
    monkeypatch.setattr(pruning, "PORTION_ALONE", 3)
    for _ in range(8):
        job()
    Job.objects.update(finished_at=Now() - timedelta(days=100))
    assert pruned()["jobs"] == 8


def test_the_number_of_statements_does_not_grow_with_the_rows() -> None:
    job()
    with CaptureQueriesContext(connection) as one:
        pruned()
    for _ in range(20):
        job()
    with CaptureQueriesContext(connection) as twenty:
        pruned()
    assert len(twenty) == len(one)


def test_old_alerts_and_workers_of_former_days_leave() -> None:
    long_ago = timezone.now() - timedelta(days=500)
    Alert.objects.create(kind=AlertKind.FAILURES, pending_since=long_ago, resolved_at=long_ago)
    Alert.objects.create(kind=AlertKind.FAILURES, pending_since=long_ago)
    for name, seen_at in (("old", long_ago), ("new", timezone.now())):
        WorkerProcess.objects.create(name=name, host="here", pid=1, started_at=seen_at, seen_at=seen_at)
    pruned()
    assert Alert.objects.count() == 1
    assert [worker.name for worker in WorkerProcess.objects.all()] == ["new"]


def test_the_task_is_scheduled_and_says_what_it_deleted() -> None:
    job()
    prune.enqueue()
    drain()
    done = Job.objects.get(task=prune.name)
    assert (done.status, (done.result or {})["deleted"]["jobs"]) == (S.SUCCEEDED, 1)


def test_lists_of_ended_jobs_in_redis_keep_the_newest(own_redis: RedisServer) -> None:
    client = own_redis.client
    for key, count in (("rq:finished:critical", 130), ("rq:failed:critical", 1003)):
        for number in range(count):
            client.zadd(key, {f"{key[3:6]}-{number}": number})
            client.hset(f"rq:job:{key[3:6]}-{number}", "status", "finished")
    assert pruning.trim_lists() == 33
    assert client.zrange("rq:finished:critical", 0, 0) == [b"fin-30"]
    assert client.zcard("rq:failed:critical") == 1000
    assert (client.exists("rq:job:fin-29"), client.exists("rq:job:fin-30")) == (0, 1)
    assert pruning.trim_lists() == 0
