"""Declaring a task, and asking for a job of it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from jobs import dispatcher
from jobs.admission import Seat
from jobs.declarations import TASKS
from jobs.errors import ArgumentsError
from jobs.models import Job, JobStatus
from jobs.tasks import task
from jobs.transport import HintJob
from tests.support.jobs import assert_enqueued, drain
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db


def test_the_name_of_a_task_is_its_app_and_function() -> None:
    assert tasks.note.name == "probe.note"


def test_a_task_inherits_from_its_queue_what_it_does_not_say() -> None:
    declaration = tasks.note.declaration
    assert (declaration.timeout_seconds, declaration.attempts) == (60, 5)


def test_a_job_is_a_row_with_its_id_inside_a_transaction() -> None:
    with transaction.atomic():
        job = tasks.note.enqueue(path="x")
        assert Job.objects.filter(pk=job.pk, arguments={"path": "x"}).exists()


def test_the_times_of_a_new_job_are_the_database_s(django_assert_max_num_queries: Any) -> None:
    job = tasks.note.enqueue(path="x")
    with django_assert_max_num_queries(1):
        assert job.created_at.tzinfo is not None
    assert job.due_at == job.created_at


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_rolled_back_transaction_was_never_asked_for(own_redis: RedisServer) -> None:
    with transaction.atomic():
        tasks.note.enqueue(path="x")
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    assert not own_redis.client.keys("rq:*")


@pytest.mark.django_db(transaction=True)
def test_f04_redis_is_given_the_id_after_the_commit_and_nothing_of_the_arguments(
    own_redis: RedisServer,
) -> None:
    with transaction.atomic():
        job = tasks.note.enqueue(path="TREMBLAY", text="19551213")
        assert not own_redis.client.keys("*")
    assert own_redis.client.lrange("rq:queue:critical", 0, -1) == [str(job.pk).encode()]
    hint = HintJob.fetch(str(job.pk), connection=own_redis.client)
    stored = f"{own_redis.client.hgetall(hint.key)} {hint.data!r}"
    assert "TREMBLAY" not in stored
    assert "19551213" not in stored
    assert "probe" not in stored


def test_an_urgent_job_goes_before_the_others(own_redis: RedisServer) -> None:
    first, urgent = tasks.empty.enqueue(), tasks.empty.using(priority=5).enqueue()
    Job.objects.update(sent_at=None)
    dispatcher.Dispatcher().tick()
    waiting = own_redis.client.lrange("rq:queue:critical", 0, -1)
    assert waiting == [str(urgent.pk).encode(), str(first.pk).encode()]


@pytest.mark.parametrize(
    "arguments",
    [
        {"unknown": 1, "path": "x"},
        {},
        {"path": uuid4()},
        {"path": Path("x")},
        {"path": float("nan")},
        {"path": {1: "x"}},
        {"path": ("x",)},
        {"path": "x" * 70_000},
    ],
    ids=["unknown", "missing", "uuid", "object", "nan", "key", "tuple", "long"],
)
def test_arguments_that_do_not_fit_or_are_not_json_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError):
        tasks.note.enqueue(**arguments)
    assert not Job.objects.exists()


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(TypeError) as caught:
        tasks.note.enqueue(path=Path("TREMBLAY"))
    assert "TREMBLAY" not in str(caught.value)


def test_the_same_key_gives_the_job_that_is_still_active() -> None:
    keyed = tasks.note.using(idempotency_key="upload-7")
    assert keyed.enqueue(path="a").pk == keyed.enqueue(path="b").pk


def test_a_key_is_free_again_when_its_job_has_ended(tmp_path: Path) -> None:
    keyed = tasks.note.using(idempotency_key="upload-7")
    first = keyed.enqueue(path=str(tmp_path / "out"))
    drain()
    assert keyed.enqueue(path="b").pk != first.pk


def test_a_key_of_one_tenant_says_nothing_about_another_s() -> None:
    ours = tasks.note.using(tenant_id=1, idempotency_key="k").enqueue(path="a")
    theirs = tasks.note.using(tenant_id=2, idempotency_key="k").enqueue(path="a")
    assert ours.pk != theirs.pk


def test_a_delayed_job_is_scheduled_and_not_sent() -> None:
    job = tasks.note.using(delay=timedelta(minutes=5)).enqueue(path="x")
    assert (job.status, job.sent_at) == (JobStatus.SCHEDULED, None)
    assert job.due_at - job.created_at == timedelta(minutes=5)


def test_a_task_can_be_called_as_the_function_that_it_is(tmp_path: Path) -> None:
    assert tasks.note(None, path=str(tmp_path / "out"), text="here") == {"text": "here"}


@pytest.mark.django_db(transaction=True)
def test_a_task_that_may_runs_at_once_in_the_caller_when_redis_is_away(
    no_redis: None, tmp_path: Path
) -> None:
    job = tasks.run_anyway.enqueue(path=str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == f"pid {os.getpid()}\n"
    assert Job.objects.get(pk=job.pk).status == JobStatus.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_to_wait_for_redis_is_held(no_redis: None) -> None:
    job = tasks.note.enqueue(path="x")
    job.refresh_from_db()
    assert (job.status, job.sent_at) == (JobStatus.HELD, None)


def test_a_row_under_a_former_name_is_still_run(tmp_path: Path, seat: Seat) -> None:
    renamed = task(queue="critical", aliases=("probe.former_name",))(_renamed)
    try:
        job = renamed.enqueue()
        Job.objects.filter(pk=job.pk).update(task="probe.former_name")
        assert drain()[0].job.status == JobStatus.SUCCEEDED
    finally:
        _undeclare("test_tasks._renamed", "probe.former_name")


def test_the_waiting_job_of_a_task_is_found_by_its_arguments() -> None:
    tasks.note.enqueue(path="a")
    assert assert_enqueued(tasks.note, path="a").arguments == {"path": "a"}
    with pytest.raises(AssertionError, match="0 jobs"):
        assert_enqueued(tasks.note, path="b")


def _renamed(job: object) -> None:
    """Do nothing under a new name."""


def _undeclare(*names: str) -> None:
    for name in names:
        TASKS._entries.pop(name)
