"""Plans that become rows: many at once, keys, cached results, and the way to Redis."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs import enqueueing
from jobs.errors import ArgumentsError
from jobs.lifecycle import Cause
from jobs.models import Job, JobEvent, JobStatus
from jobs.signals import job_finished
from jobs.tasks import enqueue_many
from tests.support.jobs import drain
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db

S = JobStatus
HOUR = timedelta(hours=1)


def test_many_jobs_are_rows_with_a_beginning_each_in_the_order_asked_for() -> None:
    jobs = enqueue_many(tasks.note.using(tenant_id=7, priority=n).plan(path=str(n)) for n in range(5))
    assert [job.arguments["path"] for job in jobs] == ["0", "1", "2", "3", "4"]
    rows = Job.objects.filter(status=S.QUEUED, tenant_id=7, sent_at__isnull=False)
    assert sorted(row.priority for row in rows) == [0, 1, 2, 3, 4]
    assert JobEvent.objects.filter(to_status="queued", cause="enqueued").count() == 5
    assert len({row.created_at for row in rows}) == 1


def test_many_jobs_cost_no_more_statements_than_a_few() -> None:
    enqueue_many([tasks.empty.plan() for _ in range(2)])
    with CaptureQueriesContext(connection) as few:
        enqueue_many([tasks.empty.plan() for _ in range(3)])
    with CaptureQueriesContext(connection) as many:
        enqueue_many([tasks.empty.plan() for _ in range(20)])
    assert len(many) == len(few)


def test_of_many_jobs_with_one_that_does_not_fit_none_is_made() -> None:
    with pytest.raises(ArgumentsError):
        enqueue_many([tasks.empty.plan(), tasks.note.plan(wrong=1)])
    assert not Job.objects.exists()


def test_no_plans_are_no_jobs() -> None:
    assert enqueue_many([]) == []


def test_delays_of_many_are_kept_apart() -> None:
    jobs = enqueue_many([tasks.empty.plan(), tasks.empty.using(delay=HOUR).plan()])
    assert [job.status for job in jobs] == [S.QUEUED, S.SCHEDULED]
    assert jobs[1].due_at - jobs[0].due_at == HOUR


def test_keys_within_one_call_and_before_it_give_one_job() -> None:
    keyed = tasks.note.using(idempotency_key="k")
    earlier = keyed.enqueue(path="a")
    other = tasks.note.using(idempotency_key="l")
    jobs = enqueue_many([keyed.plan(path="b"), other.plan(path="c"), other.plan(path="d")])
    assert jobs[0].pk == earlier.pk
    assert jobs[1].pk == jobs[2].pk
    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_many_jobs_go_to_redis_after_the_commit(own_redis: RedisServer) -> None:
    jobs = enqueue_many([tasks.empty.plan() for _ in range(3)])
    waiting = own_redis.client.lrange("rq:queue:critical", 0, -1)
    assert set(waiting) == {str(job.pk).encode() for job in jobs}


@pytest.mark.django_db(transaction=True)
def test_without_redis_each_of_many_does_as_its_task_says(no_redis: None, tmp_path: Path) -> None:
    out = tmp_path / "out"
    jobs = enqueue_many([tasks.empty.plan(), tasks.run_anyway.plan(path=str(out))])
    rows = Job.objects.in_bulk([job.pk for job in jobs])
    assert [rows[job.pk].status for job in jobs] == [S.HELD, S.SUCCEEDED]
    assert out.exists()


def cached(**options: Any) -> Any:
    values: dict[str, Any] = {"cache_key": "report-7", "cache_for": HOUR}
    return tasks.note.using(**values | options)


def test_an_earlier_result_of_the_key_stands_for_the_job(tmp_path: Path) -> None:
    out = tmp_path / "out"
    cached().enqueue(path=str(out))
    drain()
    finished: list[Job] = []

    job_finished.listen(task=tasks.note.name)(finished.append)
    try:
        job = cached().enqueue(path=str(out))
    finally:
        job_finished.forget(finished.append)
    row = Job.objects.get(pk=job.pk)
    assert (job.status, row.status, row.result, row.attempt) == (S.SUCCEEDED, S.SUCCEEDED, {"text": "x"}, 0)
    assert row.finished_at == row.created_at
    events = JobEvent.objects.filter(job=job).values_list("from_status", "to_status", "cause")
    assert list(events) == [("", S.SUCCEEDED, Cause.CACHED)]
    assert finished == [job]
    drain()
    assert out.read_text() == "x\n"


@pytest.mark.parametrize(
    "options",
    [{"cache_key": "report-8"}, {"tenant_id": 8}, {"cache_for": timedelta(minutes=1)}, {"cache_key": ""}],
)
def test_d05_another_key_tenant_or_an_older_result_runs_the_task(
    options: dict[str, Any], tmp_path: Path
) -> None:
    cached(tenant_id=7).enqueue(path=str(tmp_path / "out"))
    drain()
    Job.objects.update(finished_at=Now() - timedelta(minutes=5))
    assert cached(**{"tenant_id": 7} | options).enqueue(path="x").status == S.QUEUED


def test_an_answer_from_the_cache_does_not_keep_a_result_for_longer(tmp_path: Path) -> None:
    first = cached().enqueue(path=str(tmp_path / "out"))
    drain()
    cached().enqueue(path="x")
    Job.objects.filter(pk=first.pk).update(finished_at=Now() - 2 * HOUR)
    assert cached().enqueue(path="x").status == S.QUEUED


def test_a_failed_run_is_no_result() -> None:
    tasks.refuse.using(cache_key="k", cache_for=HOUR).enqueue()
    drain(raising=False)
    assert tasks.refuse.using(cache_key="k", cache_for=HOUR).enqueue().status == S.QUEUED


def test_a_job_that_waits_for_others_is_run_although_a_result_is_there(tmp_path: Path) -> None:
    cached().enqueue(path=str(tmp_path / "out"))
    drain()
    parent = tasks.empty.enqueue()
    assert cached(after=[parent]).enqueue(path="x").status == S.BLOCKED


def test_a_key_whose_other_job_ends_in_the_same_moment_gives_a_new_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look, keyed = enqueueing._active, tasks.empty.using(idempotency_key="k")
    looks: list[Job] = []

    def look_late(plans: Any) -> Any:
        found = look(plans)
        if not looks:
            # Somebody is faster, and is done before anybody looks again.
            monkeypatch.setattr(enqueueing, "_active", look)
            looks.append(keyed.enqueue())
            monkeypatch.setattr(enqueueing, "_active", look_late)
        else:
            Job.objects.filter(pk=looks[0].pk).update(status=JobStatus.SUCCEEDED)
            found = look(plans)
        return found

    monkeypatch.setattr(enqueueing, "_active", look_late)
    assert keyed.enqueue().pk != looks[0].pk


@pytest.mark.postgres
@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite proves no condition with several values"
)
def test_the_active_job_of_a_key_is_found_by_the_index_over_active_jobs() -> None:
    rows = Job.objects.active().filter(task=tasks.note.name, idempotency_key="daily").order_by()
    with connection.cursor() as cursor:
        # With so few rows the planner would rather read them all.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    assert enqueueing.KEY_TAKEN in rows.explain()


def test_a_job_of_a_task_s_former_name_holds_the_key_too() -> None:
    declaration = replace(tasks.empty.declaration, aliases=("probe.of_old",))
    renamed = replace(tasks.empty, declaration=declaration)
    old = renamed.using(idempotency_key="k").enqueue()
    Job.objects.filter(pk=old.pk).update(task="probe.of_old")
    assert renamed.using(idempotency_key="k").enqueue() == old


def test_arguments_that_python_calls_equal_are_stored_as_each_is() -> None:
    values = [True, 1, 1.0]
    jobs = enqueue_many(tasks.note.plan(path="x", text=value) for value in values)
    stored = [Job.objects.get(pk=job.pk).arguments["text"] for job in jobs]
    assert [type(value) for value in stored] == [bool, int, float]
