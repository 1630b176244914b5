"""One attempt, from the claim to the settled row."""

import logging
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from jobs import holding, lifecycle, runner
from jobs.admission import Seat
from jobs.context import RunningJob
from jobs.declarations import TASKS
from jobs.errors import ArgumentsError, JobError, PermanentError, TimeLimitError
from jobs.lifecycle import Cause
from jobs.models import Attempt, AttemptOutcome, Job, JobEvent, JobStatus
from jobs.runner import Report
from jobs.tasks import Task, task
from tests.support.jobs import drain
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db

S = JobStatus


class StorageFullError(JobError):
    """A passing failure that an app has a name for."""

    code = "storage"


def once(task_: Task, **arguments: Any) -> Job:
    """The row after one attempt."""
    job = task_.enqueue(**arguments)
    outcome = runner.run(job.pk)
    assert outcome
    return outcome.job


def let_two_days_pass(job: Job) -> None:
    """After a job was put off for the first time; it is due now."""
    Attempt.objects.filter(job=job).update(started_at=job.created_at - timedelta(days=2))
    Job.objects.filter(pk=job.pk).update(due_at=job.created_at)
    holding.release_due()


@pytest.fixture
def declare() -> Any:
    """Declares a function as a task for one test."""
    names: list[str] = []

    def declared(function: Any, **policy: Any) -> Task:
        made = task(queue="critical", **policy)(function)
        names.append(made.name)
        return made

    yield declared
    for name in names:
        TASKS._entries.pop(name)


def test_what_a_task_returns_is_stored(tmp_path: Path) -> None:
    job = once(tasks.note, path=str(tmp_path / "out"))
    assert (job.status, job.result) == (S.SUCCEEDED, {"text": "x"})


def test_an_attempt_notes_its_cost() -> None:
    attempt = Attempt.objects.get(job=once(tasks.empty))
    assert attempt.peak_memory_bytes
    assert attempt.peak_memory_bytes > 10_000_000
    assert attempt.cpu_seconds is not None
    assert attempt.run_seconds is not None
    assert (attempt.worker, attempt.pid > 0) == ("inline", True)


def test_a_failed_attempt_is_retried_until_it_succeeds(tmp_path: Path) -> None:
    job = tasks.fail_until.enqueue(path=str(tmp_path / "out"), attempt=3)
    for _ in range(3):
        Job.objects.update(due_at=job.created_at)
        drain(raising=False)
    job.refresh_from_db()
    assert (job.status, job.attempt) == (S.SUCCEEDED, 3)
    outcomes = Attempt.objects.filter(job=job).order_by("fence").values_list("outcome", flat=True)
    assert list(outcomes) == ["failed", "failed", "succeeded"]


def test_the_last_failed_attempt_fails_the_job(tmp_path: Path) -> None:
    job = tasks.fail_until.enqueue(path=str(tmp_path / "out"), attempt=99)
    for _ in range(3):
        Job.objects.update(due_at=job.created_at)
        drain(raising=False)
    job.refresh_from_db()
    assert (job.status, job.attempt, job.error_class) == (S.FAILED, 3, "ValueError")


def test_a_failed_attempt_keeps_its_frames_and_no_value(tmp_path: Path, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        job = once(tasks.fail_until, path=str(tmp_path / "out"), attempt=9)
    attempt = Attempt.objects.get(job=job)
    assert "tests/support/probe/tasks.py" in attempt.traceback
    assert "fail_until" in attempt.traceback
    everything = f"{attempt.traceback} {attempt.error_message} {job.error_message} {caplog.text}"
    assert "TREMBLAY" not in everything


def test_the_frames_of_a_failure_do_not_say_where_the_project_lies(tmp_path: Path, settings: Any) -> None:
    job = once(tasks.fail_until, path=str(tmp_path / "out"), attempt=9)
    assert str(settings.BASE_DIR) not in Attempt.objects.get(job=job).traceback


def test_the_cause_of_an_error_is_part_of_its_traceback(declare: Any) -> None:
    def wrap(job: RunningJob) -> None:
        """Raise one error from another."""
        try:
            int("TREMBLAY")
        except ValueError as error:
            raise RuntimeError("TREMBLAY") from error

    attempt = Attempt.objects.get(job=once(declare(wrap)))
    assert attempt.traceback.splitlines()[-1] == "ValueError"
    assert "RuntimeError" in attempt.traceback
    assert "TREMBLAY" not in attempt.traceback


def test_a_permanent_error_ends_the_job_with_its_code_and_parameters() -> None:
    job = once(tasks.refuse)
    assert (job.status, job.attempt, job.error_code) == (S.FAILED, 1, "not-a-table")
    assert job.error_params == {"line": 3}


def test_a_passing_error_that_has_a_name_leaves_it_when_the_attempts_are_over(declare: Any) -> None:
    def fill(job: RunningJob) -> None:
        """Find the disk full."""
        raise StorageFullError

    job = once(declare(fill, attempts=1))
    assert (job.status, job.error_code) == (S.FAILED, "storage")


def test_a_postponed_job_is_scheduled_and_spends_no_attempt(tmp_path: Path) -> None:
    job = once(tasks.postpone_once, path=str(tmp_path / "out"))
    assert (job.status, job.attempt) == (S.SCHEDULED, 0)


def test_x19_a_broad_except_does_not_outlive_the_time_limit() -> None:
    job = once(tasks.swallow_errors)
    assert (job.status, job.error_code) == (S.FAILED, "too_long")


def test_x19_a_bare_except_does_not_outlive_the_time_limit_either(declare: Any) -> None:
    def swallow_everything(job: RunningJob) -> None:
        """Catch even what no task should catch, once."""
        caught = False
        while not caught:
            try:
                while True:
                    sum(range(1000))
            except BaseException:  # noqa: BLE001 -- what the repeated alarm has to get past
                caught = True
        while True:
            sum(range(1000))

    assert once(declare(swallow_everything, timeout_seconds=1)).error_code == "too_long"


def test_a_time_limit_is_gone_when_its_block_has_ended() -> None:
    with pytest.raises(TimeLimitError), runner.time_limit(1):
        time.sleep(5)
    time.sleep(1.2)


def test_completing_makes_the_task_s_writes_and_the_success_one(declare: Any) -> None:
    def write(job: RunningJob) -> None:
        """Write inside of the settling transaction."""
        with job.completing():
            JobEvent.objects.create(
                job_id=job.id, at=Job.objects.get(pk=job.id).created_at, to_status=S.RUNNING, cause="written"
            )

    job = once(declare(write))
    assert job.status == S.SUCCEEDED
    assert JobEvent.objects.filter(job=job, cause="written").exists()


def test_an_error_while_completing_takes_the_task_s_writes_back(declare: Any) -> None:
    def write(job: RunningJob) -> None:
        """Write, then fail."""
        with job.completing():
            JobEvent.objects.create(
                job_id=job.id, at=Job.objects.get(pk=job.id).created_at, to_status=S.RUNNING, cause="written"
            )
            raise IntegrityError("TREMBLAY")

    job = once(declare(write))
    assert job.status == S.RETRYING
    assert not JobEvent.objects.filter(job=job, cause="written").exists()


def test_a_worker_that_lost_the_job_cannot_complete_it(declare: Any) -> None:
    def lose(job: RunningJob) -> None:
        """Lose the job to another worker, then try to complete."""
        Job.objects.filter(pk=job.id).update(fence=job.fence + 1)
        with job.completing():
            JobEvent.objects.all().delete()

    job = once(declare(lose))
    assert (job.status, job.fence) == (S.RUNNING, 2)
    assert JobEvent.objects.filter(job=job).exists()


def test_what_a_task_returns_after_completing_is_stored_too(declare: Any) -> None:
    def complete(job: RunningJob) -> dict[str, Any]:
        """Complete, then return."""
        with job.completing():
            pass
        return {"rows": 2}

    job = once(declare(complete))
    assert (job.status, job.result) == (S.SUCCEEDED, {"rows": 2})


def test_an_error_after_completing_changes_nothing(declare: Any) -> None:
    def complete(job: RunningJob) -> None:
        """Complete, then fail."""
        with job.completing():
            pass
        raise ValueError

    assert once(declare(complete)).status == S.SUCCEEDED


def test_arguments_that_no_worker_takes_fail_the_job_after_a_day() -> None:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(arguments={"old": 1})
    runner.run(job.pk)
    let_two_days_pass(job)
    outcome = runner.run(job.pk)
    assert outcome
    assert (outcome.job.status, outcome.job.error_code) == (S.FAILED, "arguments")
    assert isinstance(outcome.error, ArgumentsError)


def test_x22_a_job_with_arguments_for_a_newer_form_of_its_task_waits() -> None:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(arguments={"newer": 1})
    outcome = runner.run(job.pk)
    assert outcome
    assert (outcome.job.status, outcome.job.attempt) == (S.SCHEDULED, 0)


def test_x22_a_job_that_no_worker_knows_is_looked_at_less_and_less_often() -> None:
    delays = [runner.patience_after(fence).total_seconds() for fence in (1, 2, 3, 4, 5, 6, 1000)]
    assert delays == [5, 10, 20, 40, 60, 60, 60]


def test_a_task_that_the_memory_does_not_suffice_for_is_not_tried_again(declare: Any) -> None:
    def want_too_much(job: RunningJob) -> None:
        """Ask for more than there is."""
        raise MemoryError

    job = once(declare(want_too_much))
    assert (job.status, job.error_code, job.attempt) == (S.FAILED, "too_big", 1)


def test_x22_a_job_of_a_task_that_is_not_known_yet_waits() -> None:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(task="later.task")
    outcome = runner.run(job.pk)
    assert outcome
    assert (outcome.job.status, outcome.job.attempt) == (S.SCHEDULED, 0)


def test_a_job_of_a_task_that_nobody_knows_fails_after_a_day() -> None:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(task="gone.task")
    runner.run(job.pk)
    let_two_days_pass(job)
    outcome = runner.run(job.pk)
    assert outcome
    assert outcome.job.error_code == "unknown-task"


def test_x22_the_patience_with_an_unknown_task_begins_when_the_job_was_due_and_anew_after_a_retry() -> None:
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(task="later.task", created_at=job.created_at - timedelta(days=2))
    Attempt.objects.create(
        job=job,
        number=1,
        fence=1,
        outcome=AttemptOutcome.FAILED,
        started_at=job.created_at - timedelta(days=2),
    )
    Job.objects.update(fence=1)
    outcome = runner.run(job.pk)
    assert outcome
    assert outcome.job.status == S.SCHEDULED


def test_a_job_that_is_not_there_is_no_error() -> None:
    job = once(tasks.empty)
    assert runner.run(job.pk) is None
    assert Attempt.objects.filter(job=job).count() == 1


def test_rq_is_told_of_a_failure_without_its_reason() -> None:
    job = tasks.refuse.enqueue()
    with pytest.raises(runner.AttemptFailedError) as caught:
        runner.run_job(str(job.pk), 1)
    assert str(caught.value) == str(job.pk)
    assert caught.value.__cause__ is None


def test_a_plain_success_in_a_work_horse_is_left_to_the_parent_to_write(tmp_path: Path, seat: Seat) -> None:
    row = runner.claim(tasks.note.enqueue(path=str(tmp_path / "out")).pk, seat)
    assert row
    report = Report.from_line(runner.run_apart(row, time.monotonic()).to_line())
    assert report.success
    assert Job.objects.get(pk=row.pk).status == S.RUNNING
    runner.settle_successes([(row, report)])
    job, attempt = Job.objects.get(pk=row.pk), Attempt.objects.get(job=row)
    assert (job.status, job.result, attempt.outcome) == (S.SUCCEEDED, {"text": "x"}, "succeeded")
    assert attempt.peak_memory_bytes


def test_a_reported_success_of_an_attempt_that_lost_the_job_changes_nothing(
    tmp_path: Path, seat: Seat
) -> None:
    row = runner.claim(tasks.note.enqueue(path=str(tmp_path / "out")).pk, seat)
    assert row
    report = runner.run_apart(row, time.monotonic())
    Job.objects.filter(pk=row.pk).update(fence=row.fence + 1)
    assert report.success
    runner.settle_successes([(row, report)])
    assert Job.objects.get(pk=row.pk).status == S.RUNNING


def test_a_failure_in_a_work_horse_is_settled_there(seat: Seat) -> None:
    row = runner.claim(tasks.refuse.enqueue().pk, seat)
    assert row
    assert runner.run_apart(row, time.monotonic()) == Report(failed=True)
    assert Job.objects.get(pk=row.pk).status == S.FAILED


def test_a_task_that_completed_by_itself_leaves_nothing_to_write(declare: Any, seat: Seat) -> None:
    def complete(job: RunningJob) -> None:
        """Complete."""
        with job.completing():
            pass

    row = runner.claim(declare(complete).enqueue().pk, seat)
    assert row
    assert runner.run_apart(row, time.monotonic()) == Report()


def test_a_result_that_is_not_plain_json_is_the_task_s_own_failure(declare: Any) -> None:
    def return_nan(job: RunningJob) -> dict[str, Any]:
        """Return what JSON does not know."""
        return {"share": float("nan")}

    job = once(declare(return_nan, attempts=1))
    assert (job.status, job.error_class) == (S.FAILED, "ValueError")


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_log_line_of_a_failed_or_retrying_job_names_the_error_s_class(
    declare: Any, caplog: Any, attempts: int
) -> None:
    def fail(job: RunningJob) -> None:
        """Fail."""
        raise ValueError("TREMBLAY")

    with caplog.at_level(logging.INFO, logger="jobs.runner"):
        once(declare(fail, attempts=attempts))
    assert caplog.records[-1].error_class == "ValueError"


def test_log_lines_are_kept_with_the_attempt(declare: Any) -> None:
    def talk(job: RunningJob) -> None:
        """Say something."""
        job.log("rows read", rows=3)
        for _ in range(600):
            job.log("more")

    lines = Attempt.objects.get(job=once(declare(talk))).log
    assert (lines[0]["message"], lines[0]["rows"], lines[0]["level"]) == ("rows read", 3, "info")
    assert len(lines) == 501


def test_a_cancelled_task_ends_at_its_checkpoint(declare: Any) -> None:
    def cancel(job: RunningJob) -> None:
        """Be cancelled from outside and reach a checkpoint."""
        lifecycle.ask_to_cancel(Job.objects.filter(pk=job.id))
        job.checkpoint()
        raise PermanentError("not-reached")

    job = once(declare(cancel))
    assert job.status == S.CANCELLED
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.CANCELLED


def test_drain_raises_what_a_task_raised_when_its_job_is_settled(tmp_path: Path) -> None:
    tasks.fail_until.enqueue(path=str(tmp_path / "out"), attempt=9)
    with pytest.raises(ValueError, match="TREMBLAY"):
        drain()
    assert Job.objects.get().status == S.RETRYING


# --- Where no parent is ------------------------------------------------------------------------------------


def test_a_job_that_runs_without_a_parent_has_a_lease_for_all_of_its_time(declare: Any) -> None:
    leases: list[timedelta] = []

    def take_long(job: RunningJob) -> None:
        """Report, and look how long nobody takes the job away."""
        job.progress(1, 2)
        row = Job.objects.get(pk=job.id)
        assert row.lease_until
        assert row.started_at
        leases.append(row.lease_until - row.started_at)

    assert once(declare(take_long, timeout_seconds=60)).status == S.SUCCEEDED
    assert leases[0] >= timedelta(seconds=75)


def test_x19_a_job_that_runs_within_another_leaves_that_one_its_time_limit() -> None:
    with runner.time_limit(100), runner._performing():
        with runner.time_limit(5), runner._performing():
            pass
        assert runner.is_performing()
        assert 90 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_x19_the_time_of_the_outer_job_goes_on_within_the_inner_one() -> None:
    @runner.time_limit(1)
    def outer() -> None:
        with runner.time_limit(60):
            time.sleep(1.1)
        time.sleep(10)

    with pytest.raises(TimeLimitError):
        outer()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite works in this process")
def test_x19_a_statement_ends_with_the_time_of_its_task(declare: Any, no_redis: None) -> None:
    def ask_for_long(job: RunningJob) -> None:
        """Have the server sleep."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    job = declare(ask_for_long, timeout_seconds=1).enqueue()
    lifecycle.release(Job.objects.filter(pk=job.pk), S.HELD, Cause.REDIS_BACK)
    outcome = runner.run(job.pk)
    assert outcome
    assert outcome.job.error_code == "too_long"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND query LIKE 'SELECT pg_sleep%%'"
        )
        assert cursor.fetchone()[0] == 0
