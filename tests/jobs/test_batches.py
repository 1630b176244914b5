"""Batches: counted while they go on, ended once with their last job, followed by one job."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from jobs import batches, followups, lifecycle, runner, services
from jobs.admission import Seat
from jobs.batches import cancel_batch, open_batch, progress_of, seal_batch
from jobs.errors import ArgumentsError, BatchSealedError
from jobs.lifecycle import Cause, Record
from jobs.models import AuditEntry, Batch, BatchStatus, Job, JobEvent, JobStatus
from jobs.tasks import enqueue_many
from tests.support.jobs import drain, enqueued
from tests.support.probe import tasks
from tests.support.staff import staff

pytestmark = pytest.mark.django_db

S = JobStatus
committed = pytest.mark.django_db(transaction=True)
on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time: nothing can happen in between"
)


def fresh(batch: Batch) -> Batch:
    return Batch.objects.get(pk=batch.pk)


def members(batch: Batch, count: int) -> list[Job]:
    return enqueue_many([tasks.empty.using(batch=batch).plan() for _ in range(count)])


def end(job: Job, seat: Seat, *, well: bool = True) -> None:
    running = lifecycle.claim(job.pk, seat)
    assert running
    if well:
        lifecycle.succeed(running, Record())
    else:
        lifecycle.fail(running, Record(), Cause.PERMANENT, error_code="failed")


def test_a_batch_counts_its_jobs_by_what_became_of_them(seat: Seat) -> None:
    batch = open_batch("Import", tenant_id=7)
    first, second, _third = members(batch, 3)
    end(first, seat)
    end(second, seat, well=False)
    progress = progress_of(fresh(batch))
    assert (progress.done, progress.total, progress.percent) == (2, 3, 66)
    assert progress.by_status == {"succeeded": 1, "failed": 1, "queued": 1}
    assert (fresh(batch).status, fresh(batch).tenant_id) == (BatchStatus.RUNNING, 7)


def test_a_batch_ends_with_its_last_job_once_it_is_sealed_and_not_before(seat: Seat) -> None:
    batch = open_batch("Import")
    (job,) = members(batch, 1)
    end(job, seat)
    assert followups.reconcile() == 0
    seal_batch(batch)
    assert followups.reconcile() == 1
    assert fresh(batch).status == BatchStatus.SUCCEEDED
    assert fresh(batch).finished_at is not None


@pytest.mark.parametrize(
    ("ends", "status"),
    [("ss", "succeeded"), ("sf", "partial"), ("ff", "failed"), ("sc", "partial"), ("cc", "cancelled")],
)
def test_a_batch_that_succeeded_in_part_says_so(ends: str, status: str, seat: Seat) -> None:
    batch = open_batch("Import")
    for job, how in zip(members(batch, 2), ends, strict=True):
        if how == "c":
            services.cancel_job(job=job, by=None)
        else:
            end(job, seat, well=how == "s")
    seal_batch(batch)
    followups.reconcile()
    assert fresh(batch).status == status


@committed
def test_an_empty_sealed_batch_ends_at_once_and_is_followed_by_its_task(
    no_redis: None, tmp_path: Path
) -> None:
    batch = open_batch("Nothing", then=tasks.sum_up, path=str(tmp_path / "out"))
    seal_batch(batch)
    assert fresh(batch).status == BatchStatus.SUCCEEDED
    drain()
    assert (tmp_path / "out").read_text() == f"{batch.pk}\n"


def test_a_sealed_batch_takes_no_more_jobs_and_leaves_the_caller_s_transaction_whole() -> None:
    batch = open_batch("Import")
    seal_batch(batch)
    with pytest.raises(BatchSealedError):
        tasks.empty.using(batch=batch).enqueue()
    assert not Job.objects.exists()
    assert fresh(batch).total == 0


def test_the_task_at_the_end_is_checked_when_the_batch_is_opened() -> None:
    with pytest.raises(ArgumentsError):
        open_batch("Import", then=tasks.sum_up, wrong=1)
    with pytest.raises(ArgumentsError):
        open_batch("Import", then=tasks.empty)
    with pytest.raises(ArgumentsError):
        open_batch("Import", path="x")


def test_a_deployment_that_does_not_know_the_last_task_leaves_the_end_to_another(tmp_path: Path) -> None:
    batch = open_batch("Import", then=tasks.sum_up, path=str(tmp_path / "out"))
    Batch.objects.update(completion_task="probe.unheard_of")
    seal_batch(batch)
    assert followups.reconcile() == 0
    Batch.objects.update(completion_task="probe.sum_up")
    assert followups.reconcile() == 1


def test_a_job_that_is_still_active_under_its_key_is_not_counted_twice() -> None:
    batch = open_batch("Import")
    keyed = tasks.empty.using(idempotency_key="k", batch=batch)
    assert keyed.enqueue().pk == keyed.enqueue().pk
    assert fresh(batch).total == 1


@on_postgres
@committed
def test_of_two_last_jobs_that_end_at_once_one_alone_ends_the_batch(
    no_redis: None, seat: Seat, tmp_path: Path
) -> None:
    for _round in range(10):
        batch = open_batch("Import", then=tasks.sum_up, path=str(tmp_path / "out"))
        jobs = members(batch, 2)
        seal_batch(batch)
        Job.objects.filter(status=S.HELD).update(status=S.QUEUED)
        start = threading.Barrier(2)

        def finish(job: Job, start: threading.Barrier = start) -> None:
            start.wait(10)
            try:
                end(job, seat)
            finally:
                connection.close()

        threads = [threading.Thread(target=finish, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert fresh(batch).status == BatchStatus.SUCCEEDED
        last = Job.objects.filter(task=tasks.sum_up.name, arguments__batch_id=str(batch.pk))
        assert [job.pk for job in last] == [fresh(batch).completion_job_id]


def test_a_second_look_at_an_ended_batch_enqueues_nothing(seat: Seat, tmp_path: Path) -> None:
    batch = open_batch("Import", then=tasks.sum_up, path=str(tmp_path / "out"))
    seal_batch(batch)
    assert [batches.settle([batch.pk]), batches.settle([batch.pk])] == [1, 0]
    assert len(enqueued(tasks.sum_up)) == 1


def test_cancelling_a_batch_ends_what_waits_and_asks_what_runs(seat: Seat) -> None:
    batch = open_batch("Import", tenant_id=7)
    waiting, running, done = members(batch, 3)
    held = lifecycle.claim(running.pk, seat)
    assert held
    end(done, seat)
    person = staff()
    assert cancel_batch(batch=batch, by=person, reason="Wrong file")
    assert not cancel_batch(batch=batch, by=person)
    rows = {job.pk: job for job in Job.objects.all()}
    assert rows[waiting.pk].status == S.CANCELLED
    assert rows[running.pk].cancel_requested_at is not None
    assert followups.reconcile() == 0
    lifecycle.end_cancelled(held, Record())
    assert followups.reconcile() == 1
    assert fresh(batch).status == BatchStatus.CANCELLED
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.count, line.tenant_id) == ("cancel", str(batch.pk), 2, 7)
    assert (line.reason, line.by_id) == ("Wrong file", person.pk)


def test_cancelling_a_large_batch_is_done_by_a_job_in_parts(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CANCELLED_AT_ONCE", 4)
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    batch, person = open_batch("Import"), staff()
    running, *waiting = members(batch, 5)
    held = lifecycle.claim(running.pk, seat)
    assert held
    assert cancel_batch(batch=batch, by=person)
    assert not batch.jobs.filter(status=S.CANCELLED).exists()
    assert AuditEntry.objects.get().count == 5
    runner.run(Job.objects.get(task="jobs.cancel_jobs_of_batch").pk)
    assert batch.jobs.filter(status=S.CANCELLED).count() == len(waiting)
    lifecycle.end_cancelled(held, Record())
    assert followups.reconcile() == 1
    assert fresh(batch).status == BatchStatus.CANCELLED
    assert set(JobEvent.objects.filter(cause="cancelled").values_list("by_id", flat=True)) == {
        person.pk,
        None,
    }


@committed
def test_a_cancelled_batch_of_waiting_jobs_ends_at_once(no_redis: None) -> None:
    batch = open_batch("Import")
    members(batch, 3)
    cancel_batch(batch=batch, by=None)
    assert fresh(batch).status == BatchStatus.CANCELLED


def test_a_dependent_that_goes_with_its_parent_counts_in_its_batch(seat: Seat) -> None:
    batch = open_batch("Import")
    parent = tasks.empty.using(batch=batch).enqueue()
    tasks.empty.using(batch=batch, after=[parent]).enqueue()
    seal_batch(batch)
    end(parent, seat, well=False)
    while followups.reconcile():
        pass
    assert fresh(batch).status == BatchStatus.FAILED
    assert progress_of(fresh(batch)).by_status == {"failed": 1, "cancelled": 1}


def test_jobs_whose_rows_are_no_longer_kept_count_as_done(seat: Seat) -> None:
    batch = open_batch("Import")
    first, _second = members(batch, 2)
    end(first, seat)
    Job.objects.filter(pk=first.pk).delete()
    progress = progress_of(fresh(batch))
    assert (progress.done, progress.unkept, progress.active) == (1, 1, 1)


def test_a_batch_that_was_rolled_back_leaves_nothing(django_capture_on_commit_callbacks: Any) -> None:
    with transaction.atomic():
        batch = open_batch("Import")
        members(batch, 2)
        transaction.set_rollback(True)
    assert not Batch.objects.exists()
    assert not Job.objects.exists()
