"""What a running task reports, and when it is told to stop."""

import math
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from jobs import lifecycle
from jobs.admission import Seat
from jobs.context import RunningJob, StopFlag
from jobs.errors import CancelledError, FencedError, HandBackError, TimeLimitError
from jobs.lifecycle import Record
from jobs.models import Attempt, Job, JobStatus
from jobs.runner import Report
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(seat: Seat) -> Job:
    claimed = lifecycle.claim(tasks.empty.enqueue().pk, seat)
    assert claimed
    return claimed


@pytest.fixture
def stop() -> StopFlag:
    return StopFlag()


@pytest.fixture
def running(row: Job, stop: StopFlag) -> RunningJob:
    return RunningJob(row, stop)


def test_progress_is_stored_on_the_row(running: RunningJob) -> None:
    running.progress(30, 120, "reading")
    job = Job.objects.get()
    assert (job.progress_done, job.progress_total, job.progress_message) == (30, 120, "reading")
    assert job.progress_percent == 25


def test_progress_is_written_at_most_twice_a_second(
    running: RunningJob, django_assert_num_queries: Any
) -> None:
    running.progress(1, 100)
    with django_assert_num_queries(0):
        for done in range(2, 100):
            running.progress(done, 100)


def test_the_last_progress_is_written_with_the_success(running: RunningJob) -> None:
    running.progress(1, 100)
    running.progress(100, 100)
    with running.completing():
        pass
    assert Job.objects.get().progress_done == 100


def test_progress_while_completing_is_kept_for_the_commit(running: RunningJob) -> None:
    with running.completing():
        running.progress(7, 9)
    assert Job.objects.get().progress_done == 7


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Decimal("1.50"), "1.50"),
        (math.nan, "nan"),
        ("a\x00b", "ab"),
        ("half \ud800", "half ?"),
        ({"path": "\x00"}, "{'path': '\\x00'}"),
        ({1, }, "{1}"),
        ([1, {"two": None}], [1, {"two": None}]),
    ],
)  # fmt: skip
def test_whatever_a_task_logs_its_end_can_be_written(
    value: Any, kept: Any, running: RunningJob, row: Job
) -> None:
    running.log("read\x00", about=value)
    reported = Report.from_line(Report({"record": running.record().fields()}).to_line())
    assert reported.success
    lifecycle.succeed(row, Record(**reported.success["record"]))
    line = Attempt.objects.get().log[0]
    assert (line["message"], line["about"]) == ("read", kept)


def test_a_cancelled_job_stops_at_its_next_checkpoint(running: RunningJob, row: Job) -> None:
    lifecycle.ask_to_cancel(Job.objects.filter(pk=row.pk))
    with pytest.raises(CancelledError):
        running.checkpoint()


def test_x04_a_worker_that_is_to_stop_stops_its_task_at_a_checkpoint(
    running: RunningJob, stop: StopFlag
) -> None:
    running.checkpoint()
    stop.set()
    with pytest.raises(HandBackError):
        running.progress(1, 2)


def test_x03_a_task_that_lost_its_job_stops_at_its_next_checkpoint(running: RunningJob, row: Job) -> None:
    Job.objects.filter(pk=row.pk).update(fence=row.fence + 1)
    with pytest.raises(FencedError):
        running.checkpoint()


def test_a_task_over_its_time_stops_at_a_checkpoint_even_where_there_are_no_signals(row: Job) -> None:
    row.timeout_seconds = -1
    with pytest.raises(TimeLimitError):
        RunningJob(row, StopFlag()).checkpoint()


def test_a_checkpoint_costs_no_query_when_the_last_was_a_moment_ago(
    running: RunningJob, django_assert_num_queries: Any
) -> None:
    running.checkpoint()
    with django_assert_num_queries(0):
        running.checkpoint()


@pytest.mark.parametrize("kind", [CancelledError, FencedError, HandBackError, TimeLimitError])
def test_no_except_exception_of_a_task_catches_an_interruption(kind: type[BaseException]) -> None:
    assert not issubclass(kind, Exception)


def test_a_job_does_not_settle_itself_in_a_transaction_that_may_still_be_undone(seat: Seat) -> None:
    row = lifecycle.claim(tasks.empty.enqueue().pk, seat)
    assert row
    with transaction.atomic(), pytest.raises(RuntimeError), RunningJob(row, StopFlag()).completing():
        pass
    assert Job.objects.get(pk=row.pk).status == JobStatus.RUNNING
