"""What people can do with jobs."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models.functions import Now

from jobs import holding, lifecycle, services, statements
from jobs.admission import Seat
from jobs.errors import IllegalTransitionError, RefusedError
from jobs.lifecycle import Cause
from jobs.models import Attempt, HoldReason, Job, JobEvent, JobStatus
from jobs.turns import Line, next_ids
from tests.support.jobs import drain
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db

S = JobStatus


def status_of(job: Job) -> str:
    return Job.objects.get(pk=job.pk).status


def failed_job() -> Job:
    job = tasks.refuse.enqueue()
    drain(raising=False)
    return job


def test_a_waiting_job_is_cancelled_at_once() -> None:
    job = tasks.empty.enqueue()
    assert services.cancel_job(job=job, by=None)
    assert status_of(job) == S.CANCELLED


def test_a_cancelled_job_is_not_run(seat: Seat) -> None:
    job = tasks.empty.enqueue()
    services.cancel_job(job=job, by=None)
    assert lifecycle.claim(job.pk, seat) is None


def test_a_running_job_is_asked_to_stop_and_only_once(seat: Seat) -> None:
    job = tasks.empty.enqueue()
    lifecycle.claim(job.pk, seat)
    assert services.cancel_job(job=job, by=None)
    assert not services.cancel_job(job=job, by=None)
    assert status_of(job) == S.RUNNING


def test_cancelling_a_finished_job_changes_nothing() -> None:
    job = failed_job()
    assert not services.cancel_job(job=job, by=None)
    assert status_of(job) == S.FAILED


def test_the_timeline_says_who_cancelled() -> None:
    user = get_user_model().objects.create(email="staff@example.test")
    job = tasks.empty.enqueue()
    services.cancel_job(job=job, by=user)
    assert JobEvent.objects.get(job=job, to_status=S.CANCELLED).by_id == user.pk


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_job_leaves_redis(own_redis: RedisServer) -> None:
    job = tasks.empty.enqueue()
    services.cancel_job(job=job, by=None)
    assert own_redis.client.llen("rq:queue:critical") == 0


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time: nothing can happen in between"
)
@pytest.mark.django_db(transaction=True)
def test_a_job_that_falls_due_while_it_is_cancelled_is_cancelled(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    Job.objects.update(due_at=Now())
    change = statements.change

    def release() -> None:
        holding.release_due()
        connection.close()

    def change_late(rows: Any, values: Any, step: statements.Step, *args: Any) -> Any:
        # The leader looks when the cancellation has just seen to the queued ones.
        changed = change(rows, values, step, *args)
        if step == statements.Step(S.QUEUED, Cause.CANCELLED):
            leader = threading.Thread(target=release)
            leader.start()
            leader.join(timeout=30)
        return changed

    monkeypatch.setattr(statements, "change", change_late)
    assert services.cancel_job(job=job, by=None)
    assert status_of(job) == S.CANCELLED


def test_a_failed_job_is_queued_again_with_its_history() -> None:
    job = failed_job()
    assert services.retry_job(job=job, by=None)
    job.refresh_from_db()
    assert (job.status, job.error_code, job.finished_at, job.sent_at) == (S.QUEUED, "", None, None)
    assert job.max_attempts == job.attempt + 5
    assert Attempt.objects.filter(job=job).count() == 1


def test_a_cancelled_job_can_be_retried_and_runs(tmp_path: Path) -> None:
    job = tasks.note.enqueue(path=str(tmp_path / "out"))
    services.cancel_job(job=job, by=None)
    services.retry_job(job=job, by=None)
    drain()
    assert status_of(job) == S.SUCCEEDED


def test_a_job_that_succeeded_cannot_be_retried() -> None:
    job = tasks.empty.enqueue()
    drain()
    with pytest.raises(IllegalTransitionError):
        services.retry_job(job=job, by=None)


def test_a_job_that_goes_on_cannot_be_retried(seat: Seat) -> None:
    job = tasks.empty.enqueue()
    lifecycle.claim(job.pk, seat)
    with pytest.raises(IllegalTransitionError):
        services.retry_job(job=job, by=None)


def test_a_job_whose_key_is_taken_by_now_cannot_be_retried() -> None:
    keyed = tasks.refuse.using(idempotency_key="k")
    job = keyed.enqueue()
    drain(raising=False)
    keyed.enqueue()
    with pytest.raises(IllegalTransitionError, match="same key"):
        services.retry_job(job=job, by=None)


def test_a_delayed_job_can_be_started_early() -> None:
    job = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    assert services.run_now(job=job, by=None)
    assert status_of(job) == S.QUEUED


def test_a_job_that_is_started_early_does_not_stand_behind_those_that_come_later() -> None:
    early = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    services.run_now(job=early, by=None)
    later = tasks.empty.enqueue()
    Job.objects.update(sent_at=None)
    assert next_ids(Line.UNSENT, early.queue, 2) == [early.pk, later.pk]


def test_a_held_job_that_was_cancelled_and_retried_is_not_said_to_be_held() -> None:
    job = tasks.empty.enqueue()
    lifecycle.hold(Job.objects.all(), HoldReason.PAUSED, Cause.PAUSED)
    services.cancel_job(job=job, by=None)
    services.retry_job(job=job, by=None)
    job.refresh_from_db()
    assert (job.status, job.hold_reason) == (S.QUEUED, "")


@pytest.mark.parametrize("status", [S.QUEUED, S.HELD, S.BLOCKED, S.FAILED])
def test_only_a_job_that_waits_for_its_time_can_be_started_early(status: JobStatus) -> None:
    job = tasks.empty.enqueue()
    Job.objects.update(status=status)
    with pytest.raises(IllegalTransitionError):
        services.run_now(job=job, by=None)


def test_an_app_can_refuse_that_its_job_is_retried_and_nothing_has_happened(failing_restart: None) -> None:
    job = failed_job()
    with pytest.raises(RefusedError):
        services.retry_job(job=job, by=None)
    assert status_of(job) == S.FAILED
    assert not JobEvent.objects.filter(job=job, cause="retried").exists()
