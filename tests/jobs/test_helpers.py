"""What tests of the whole project rely on: `drain` and its companions."""

from pathlib import Path

import pytest

from jobs.errors import PermanentError
from jobs.models import Job, JobStatus
from jobs.tasks import chain
from tests.support.jobs import assert_enqueued, assert_not_enqueued, drain
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db


def test_draining_raises_what_a_task_raises_once_its_job_is_settled() -> None:
    job = tasks.refuse.enqueue()
    with pytest.raises(PermanentError, match="not-a-table"):
        drain()
    assert Job.objects.get(pk=job.pk).status == JobStatus.FAILED


def test_draining_without_raising_says_how_each_attempt_ended() -> None:
    tasks.refuse.enqueue()
    (outcome,) = drain(raising=False)
    assert (outcome.job.status, type(outcome.error)) == (JobStatus.FAILED, PermanentError)


def test_draining_goes_on_with_what_is_released_on_the_way(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    chain(tasks.note.plan(path=out, text="a"), tasks.note.plan(path=out, text="b"))
    assert len(drain()) == 2


def test_that_nothing_waits_can_be_asserted() -> None:
    tasks.note.enqueue(path="a")
    assert_enqueued(tasks.note, path="a")
    assert_not_enqueued(tasks.note, path="b")
    with pytest.raises(AssertionError, match="1 jobs"):
        assert_not_enqueued(tasks.note, path="a")
