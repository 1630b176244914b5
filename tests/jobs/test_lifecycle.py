"""The state machine: what may follow on what, who may write, and what is noted of it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DataError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.admission import Seat
from jobs.errors import FencedError, IllegalTransitionError
from jobs.lifecycle import LEGAL, Cause, Entry, Record
from jobs.models import (
    FINAL_STATUSES,
    WAITING_STATUSES,
    Attempt,
    AttemptOutcome,
    HoldReason,
    Job,
    JobEvent,
    JobStatus,
)
from tests.support.jobs import created
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db

S = JobStatus


def new_job() -> Job:
    return tasks.empty.enqueue()


def running_job(seat: Seat) -> Job:
    job = lifecycle.claim(new_job().pk, seat)
    assert job
    return job


def timeline(job: Job) -> list[tuple[str, str, str]]:
    return list(JobEvent.objects.filter(job=job).values_list("from_status", "to_status", "cause"))


def test_a_report_of_progress_is_a_sign_of_life(seat: Seat) -> None:
    row = lifecycle.claim(tasks.empty.enqueue().pk, seat)
    assert row
    Job.objects.update(lease_until=Now() - timedelta(seconds=1))
    lifecycle.report_progress(row.pk, row.fence, {"progress_done": 1})
    assert not Job.objects.stalled().exists()


def test_a_new_job_is_queued_and_its_timeline_begins() -> None:
    job = new_job()
    assert job.status == S.QUEUED
    assert timeline(job) == [("", "queued", "enqueued")]


def test_every_status_has_its_legal_moves_listed() -> None:
    assert set(LEGAL) == set(JobStatus)


def test_the_drawing_of_the_life_of_a_job_shows_exactly_the_legal_moves() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "job-lifecycle.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^    (\w+) --> (\w+):", page, re.MULTILINE))
    drawn |= {(status, S.CANCELLED) for status in WAITING_STATUSES}
    assert drawn == {(status, to) for status, following in LEGAL.items() for to in following}


def test_nothing_follows_on_success() -> None:
    assert not LEGAL[S.SUCCEEDED]


@pytest.mark.parametrize("status", sorted(set(JobStatus) - FINAL_STATUSES))
def test_every_job_that_has_not_ended_can_be_cancelled(status: JobStatus) -> None:
    assert S.CANCELLED in LEGAL[status]


def test_a_move_that_is_not_listed_is_refused() -> None:
    job = new_job()
    with pytest.raises(IllegalTransitionError):
        lifecycle.restart(Job.objects.filter(pk=job.pk), S.QUEUED, more_attempts=1)


def test_a_claim_starts_an_attempt_with_a_lease_and_a_new_fence(seat: Seat) -> None:
    job = running_job(seat)
    assert (job.status, job.attempt, job.fence, job.worker) == (S.RUNNING, 1, 1, "worker-1")
    assert job.lease_until
    assert job.started_at
    assert timedelta(seconds=15) < job.lease_until - job.started_at < timedelta(seconds=21)
    attempt = Attempt.objects.get(job=job)
    assert (attempt.number, attempt.fence, attempt.outcome) == (1, 1, AttemptOutcome.RUNNING)


def test_x16_of_many_claims_of_one_job_only_the_first_succeeds(seat: Seat) -> None:
    job = new_job()
    claims = [lifecycle.claim(job.pk, seat) for _ in range(20)]
    assert [claim is not None for claim in claims] == [True] + [False] * 19
    assert Attempt.objects.filter(job=job).count() == 1


def test_a_scheduled_job_cannot_be_claimed_before_its_time(seat: Seat) -> None:
    job = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    assert lifecycle.claim(job.pk, seat) is None


def test_success_closes_the_attempt_and_the_job(seat: Seat) -> None:
    job = lifecycle.succeed(running_job(seat), Record(cpu_seconds=1.5), result={"rows": 3})
    assert (job.status, job.result, job.lease_until) == (S.SUCCEEDED, {"rows": 3}, None)
    assert job.finished_at
    attempt = Attempt.objects.get(job=job)
    assert (attempt.outcome, attempt.cpu_seconds) == (AttemptOutcome.SUCCEEDED, 1.5)
    assert attempt.ended_at
    assert timeline(job)[1:] == [("queued", "running", "claimed"), ("running", "succeeded", "returned")]


def test_an_attempt_that_lost_its_job_can_settle_nothing(seat: Seat) -> None:
    late = running_job(seat)
    lifecycle.retry_later(late, Record(), Cause.LEASE_OVER, timedelta(0))
    lifecycle.release(Job.objects.filter(pk=late.pk), S.RETRYING, Cause.DUE)
    lifecycle.claim(late.pk, seat)
    for settle in (lifecycle.succeed, lifecycle.end_cancelled, lifecycle.hand_back):
        with pytest.raises(FencedError):
            settle(late, Record())
    assert Job.objects.get(pk=late.pk).status == S.RUNNING


def test_progress_of_an_attempt_that_lost_its_job_is_refused(seat: Seat) -> None:
    job = running_job(seat)
    lifecycle.hand_back(job, Record())
    with pytest.raises(FencedError):
        lifecycle.report_progress(job.pk, job.fence, {"progress_done": 1})


def test_a_lease_is_renewed_only_for_its_holder(seat: Seat) -> None:
    job = running_job(seat)
    assert lifecycle.renew_many([(job.pk, job.fence)])
    assert not lifecycle.renew_many([(job.pk, job.fence + 1)])


def test_a_job_that_is_handed_back_has_lost_no_attempt(seat: Seat) -> None:
    job = lifecycle.hand_back(running_job(seat), Record())
    assert (job.status, job.attempt, job.sent_at) == (S.QUEUED, 0, None)
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.HANDED_BACK


def test_a_job_that_lost_its_attempt_through_no_fault_of_its_own_keeps_its_place(seat: Seat) -> None:
    jobs = [running_job(seat) for _ in range(3)]
    lifecycle.hand_back(jobs[0], Record())
    lifecycle.hand_back_many(jobs[1:2])
    lifecycle.retry_later(jobs[2], Record(), Cause.LEASE_OVER, timedelta(0))
    for job in jobs:
        assert Job.objects.get(pk=job.pk).due_at == job.due_at


def test_a_postponed_job_has_lost_no_attempt(seat: Seat) -> None:
    job = lifecycle.postpone(running_job(seat), Record(), timedelta(minutes=5))
    assert (job.status, job.attempt) == (S.SCHEDULED, 0)
    assert job.due_at > job.created_at + timedelta(minutes=4)


def test_a_job_that_would_go_on_although_it_is_to_be_cancelled_is_cancelled(seat: Seat) -> None:
    job = running_job(seat)
    lifecycle.ask_to_cancel(Job.objects.filter(pk=job.pk))
    ended = lifecycle.retry_later(job, Record(), Cause.RAISED, timedelta(0))
    assert ended.status == S.CANCELLED
    assert timeline(job)[-2:] == [
        ("running", "running", "cancel_asked"),
        ("running", "cancelled", "cancelled"),
    ]


def test_a_job_that_ended_well_although_it_was_to_be_cancelled_has_succeeded(seat: Seat) -> None:
    job = running_job(seat)
    lifecycle.ask_to_cancel(Job.objects.filter(pk=job.pk))
    assert lifecycle.succeed(job, Record()).status == S.SUCCEEDED


def test_a_lost_attempt_says_so(seat: Seat) -> None:
    job = lifecycle.retry_later(running_job(seat), Record(), Cause.LEASE_OVER, timedelta(0))
    assert (job.status, job.attempt) == (S.RETRYING, 1)
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.LOST


def test_a_job_that_is_tried_again_forgets_the_error_once_it_succeeds(seat: Seat) -> None:
    job = lifecycle.retry_later(
        running_job(seat),
        Record(error_class="ValueError", error_message="ValueError"),
        Cause.RAISED,
        timedelta(0),
    )
    assert job.error_class == "ValueError"
    lifecycle.release(Job.objects.filter(pk=job.pk), S.RETRYING, Cause.DUE)
    again = lifecycle.claim(job.pk, seat)
    assert again
    assert lifecycle.succeed(again, Record()).error_class == ""


def test_the_wait_counts_from_when_the_job_was_due(seat: Seat) -> None:
    job = running_job(seat)
    Job.objects.filter(pk=job.pk).update(status=S.QUEUED, due_at=job.due_at - timedelta(seconds=10))
    lifecycle.claim(job.pk, seat)
    assert 10_000 <= Attempt.objects.latest("fence").wait_ms < 12_000


def rows_of(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=job.pk)


def failed_job(seat: Seat) -> Job:
    return lifecycle.fail(running_job(seat), Record(error_class="ValueError"), Cause.RAISED, error_code="x")


def test_a_held_job_says_why_until_it_is_released() -> None:
    job = new_job()
    (held,) = lifecycle.hold(rows_of(job), HoldReason.PAUSED, Cause.PAUSED)
    assert (held.status, held.hold_reason, held.sent_at) == (S.HELD, "paused", None)
    (released,) = lifecycle.release(rows_of(job), S.HELD, Cause.RESUMED)
    assert (released.status, released.hold_reason) == (S.QUEUED, "")


def test_a_blocked_job_waits_for_a_worker_from_when_it_is_unblocked(seat: Seat) -> None:
    job = created(unsaved(), blocked=True)
    assert lifecycle.claim(job.pk, seat) is None
    before = job.due_at
    (ready,) = lifecycle.unblock(rows_of(job), Cause.UNBLOCKED)
    assert ready.status == S.QUEUED
    assert ready.sent_at is not None
    assert ready.due_at > before


def test_a_blocked_job_with_a_delay_is_scheduled_when_it_is_unblocked() -> None:
    job = created(unsaved(), delay=timedelta(hours=1), blocked=True)
    (later,) = lifecycle.unblock(rows_of(job), Cause.UNBLOCKED)
    assert (later.status, later.due_at) == (S.SCHEDULED, job.due_at)


def test_a_discarded_job_is_cancelled_and_can_still_be_retried(seat: Seat) -> None:
    job = failed_job(seat)
    (discarded,) = lifecycle.discard(rows_of(job))
    assert discarded.status == S.CANCELLED
    assert timeline(job)[-1] == ("failed", "cancelled", "discarded")
    assert lifecycle.restart(rows_of(job), S.CANCELLED, more_attempts=1)


def test_only_a_failed_job_is_discarded(seat: Seat) -> None:
    assert lifecycle.discard(rows_of(new_job())) == []
    assert lifecycle.discard(rows_of(running_job(seat))) == []


def test_an_unsent_job_is_still_queued_and_one_that_runs_is_left_alone(seat: Seat) -> None:
    job = new_job()
    assert lifecycle.unsend(rows_of(job)) == 1
    assert Job.objects.get(status=S.QUEUED, sent_at=None) == job
    assert lifecycle.unsend(rows_of(running_job(seat))) == 0


def test_each_step_of_a_cancellation_stands_in_the_timeline_while_the_attempt_runs(seat: Seat) -> None:
    job = running_job(seat)
    assert lifecycle.cancel_step(job, Cause.CANCEL_STOP)
    assert timeline(job)[-1] == ("running", "running", "cancel_stop")
    lifecycle.end_cancelled(job, Record())
    assert not lifecycle.cancel_step(job, Cause.CANCEL_KILL)


def test_failures_of_one_kind_share_a_group_and_a_success_leaves_it(seat: Seat) -> None:
    first, second = failed_job(seat), failed_job(seat)
    assert first.error_group == second.error_group != ""
    lifecycle.restart(rows_of(first), S.FAILED, more_attempts=1)
    again = lifecycle.claim(first.pk, seat)
    assert again
    assert lifecycle.succeed(again, Record()).error_group == ""


def test_many_jobs_are_claimed_and_settled_as_one_by_one(seat: Seat) -> None:
    jobs = [new_job() for _ in range(3)]
    later = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    claimed = lifecycle.claim_many([later.pk, *(job.pk for job in jobs), jobs[0].pk], seat)
    assert claimed == jobs
    assert lifecycle.renew_many([(job.pk, job.fence) for job in claimed]) == jobs
    assert lifecycle.hand_back_many(claimed[:1]) == jobs[:1]
    done = lifecycle.succeed_many([(job, Record(), {"result": {"n": 1}}) for job in claimed])
    assert done == jobs[1:]
    assert [job.result for job in done] == [{"n": 1}, {"n": 1}]
    assert timeline(jobs[0])[-1] == ("running", "queued", "handed_back")


def test_many_jobs_are_created_each_with_its_event() -> None:
    entries = [
        Entry(unsaved()),
        Entry(unsaved(), delay=timedelta(hours=1)),
        Entry(unsaved(), blocked=True),
    ]
    jobs = lifecycle.create_many(entries)
    assert [job.status for job in jobs] == [S.QUEUED, S.SCHEDULED, S.BLOCKED]
    assert [timeline(job) for job in jobs] == [[("", job.status, "enqueued")] for job in jobs]


def unsaved() -> Job:
    return Job(task=tasks.empty.name, queue="critical", timeout_seconds=60, max_attempts=3)


def test_a_job_of_a_gated_queue_is_left_to_the_leader_when_it_is_unblocked() -> None:
    job = unsaved()
    job.queue = "validations"
    created(job, blocked=True)
    (ready,) = lifecycle.unblock(rows_of(job), Cause.UNBLOCKED)
    assert (ready.status, ready.sent_at) == (S.QUEUED, None)


LATE = Record(began_after_seconds=2.0, ran_seconds=0.5)


@pytest.mark.parametrize("end", ["succeed", "hand_back", "end_cancelled"])
def test_an_attempt_that_waited_for_others_after_its_claim_counts_from_when_it_began(
    end: str, seat: Seat
) -> None:
    job = running_job(seat)
    claimed = Attempt.objects.get(job=job)
    getattr(lifecycle, end)(job, LATE)
    attempt = Attempt.objects.get(job=job)
    assert attempt.ended_at
    assert (attempt.started_at - claimed.started_at).total_seconds() == pytest.approx(2.0)
    assert (attempt.ended_at - attempt.started_at).total_seconds() == pytest.approx(0.5)
    assert attempt.wait_ms == pytest.approx(claimed.wait_ms + 2000, abs=1)


def test_a_job_that_succeeded_late_in_its_batch_says_when_it_ran(seat: Seat) -> None:
    job = running_job(seat)
    done = lifecycle.succeed(job, LATE)
    assert done.started_at
    assert done.finished_at
    assert job.started_at
    assert (done.started_at - job.started_at).total_seconds() == pytest.approx(2.0)
    assert (done.finished_at - job.started_at).total_seconds() == pytest.approx(2.5)


def test_of_many_successes_one_that_no_column_holds_leaves_all_running(seat: Seat) -> None:
    good, bad = running_job(seat), running_job(seat)
    ends: list[lifecycle.Success] = [
        (good, Record(), {"result": None}),
        (bad, Record(), {"progress_done": 10**30}),
    ]
    with pytest.raises((DataError, OverflowError)), transaction.atomic():
        lifecycle.succeed_many(ends)
    assert Job.objects.filter(status=S.RUNNING).count() == 2
