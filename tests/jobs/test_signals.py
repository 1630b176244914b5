"""What other apps are told, and what their errors can do."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError

from jobs import services
from jobs.models import Job, JobEvent, JobStatus
from jobs.signals import job_finished, job_retrying
from tests.support.jobs import drain
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db

Heard = list[tuple[str, str]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What was said of the probe's jobs: the signal, each with the status of its job."""
    said: Heard = []
    signals = {"retrying": job_retrying, "finished": job_finished}
    listeners = {name: _listener(name, said) for name in signals}
    for name, signal in signals.items():
        for task in (tasks.empty, tasks.fail_until, tasks.refuse):
            signal.listen(task=task.name)(listeners[name])
    yield said
    for name, signal in signals.items():
        signal.forget(listeners[name])


def _listener(name: str, said: Heard) -> Any:
    def listen(job: Job) -> None:
        said.append((name, job.status))

    return listen


def test_a_job_that_runs_well_finishes(heard: Heard) -> None:
    tasks.empty.enqueue()
    drain()
    assert heard == [("finished", "succeeded")]


def test_a_failing_attempt_is_announced_as_retrying(heard: Heard, tmp_path: Any) -> None:
    tasks.fail_until.enqueue(path=str(tmp_path / "out"), attempt=9)
    drain(raising=False)
    assert heard == [("retrying", "retrying")]


def test_a_failed_job_finishes_once(heard: Heard) -> None:
    tasks.refuse.enqueue()
    drain(raising=False)
    assert heard == [("finished", "failed")]


def test_a_cancelled_job_finishes(heard: Heard) -> None:
    services.cancel_job(job=tasks.empty.enqueue(), by=None)
    assert heard == [("finished", "cancelled")]


def test_an_error_of_a_receiver_fails_no_job_and_takes_back_only_its_own_writes(
    heard: Heard, caplog: Any
) -> None:
    def break_something(job: Job) -> None:
        JobEvent.objects.filter(job=job).delete()
        raise IntegrityError("TREMBLAY")

    job_finished.listen(task=tasks.empty.name)(break_something)
    try:
        job = tasks.empty.enqueue()
        drain()
    finally:
        job_finished.forget(break_something)
    assert Job.objects.get(pk=job.pk).status == JobStatus.SUCCEEDED
    assert JobEvent.objects.filter(job=job).count() == 3
    assert "break_something" in caplog.text
    assert "TREMBLAY" not in caplog.text


def test_a_receiver_hears_only_of_the_task_that_it_named(heard: Heard, tmp_path: Any) -> None:
    tasks.note.enqueue(path=str(tmp_path / "out"))
    drain()
    assert heard == []
    assert job_finished.is_heard(tasks.empty.name)
    assert not job_finished.is_heard(tasks.note.name)
