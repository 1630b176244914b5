"""Jobs that wait for jobs: who is released, who is cancelled with a parent, and nobody forgotten."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction

from jobs import dependencies, followups, lifecycle, services
from jobs.admission import Seat
from jobs.errors import ArgumentsError
from jobs.lifecycle import Cause, Record
from jobs.models import Job, JobDependency, JobEvent, JobStatus
from jobs.tasks import chain, enqueue_many
from tests.support.jobs import drain
from tests.support.probe import tasks

pytestmark = pytest.mark.django_db

S = JobStatus
committed = pytest.mark.django_db(transaction=True)
on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time: nothing can happen in between"
)


def status_of(job: Job) -> str:
    return Job.objects.values_list("status", flat=True).get(pk=job.pk)


def end(job: Job, seat: Seat, *, well: bool = True) -> None:
    running = lifecycle.claim(job.pk, seat)
    assert running
    if well:
        lifecycle.succeed(running, Record())
    else:
        lifecycle.fail(running, Record(), Cause.PERMANENT, error_code="failed")


def test_a_job_waits_until_the_last_of_its_parents_has_ended(seat: Seat) -> None:
    left, right = tasks.empty.enqueue(), tasks.empty.enqueue()
    child = tasks.empty.using(after=[left, right]).enqueue()
    assert (child.status, child.sent_at) == (S.BLOCKED, None)
    end(left, seat)
    assert followups.reconcile() == 0
    end(right, seat)
    assert followups.reconcile() == 1
    assert status_of(child) == S.QUEUED
    causes = JobEvent.objects.filter(job=child).values_list("from_status", "to_status", "cause")
    assert list(causes) == [("", "blocked", "enqueued"), ("blocked", "queued", "unblocked")]


@committed
def test_the_end_of_a_parent_releases_at_once_without_a_leader(no_redis: None, seat: Seat) -> None:
    parent = tasks.empty.enqueue()
    child = tasks.empty.using(after=[parent]).enqueue()
    Job.objects.filter(pk=parent.pk).update(status=S.QUEUED)
    end(parent, seat)
    # Redis is away: it was sent, and is held like any other.
    assert status_of(child) == S.HELD


@pytest.mark.parametrize("policy", ["cancel", "run"])
@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_a_parent_that_does_not_succeed_takes_its_dependents_along_unless_they_are_to_run(
    policy: Any, how: str, seat: Seat
) -> None:
    parent = tasks.empty.enqueue()
    child = tasks.empty.using(after=[parent], on_parent_failure=policy).enqueue()
    if how == "failed":
        end(parent, seat, well=False)
    else:
        services.cancel_job(job=parent, by=None)
    followups.reconcile()
    assert status_of(child) == (S.CANCELLED if policy == "cancel" else S.QUEUED)
    if policy == "cancel":
        assert JobEvent.objects.filter(job=child).latest("id").cause == Cause.PARENT_ENDED


def test_a_failed_parent_cancels_although_others_still_go_on(seat: Seat) -> None:
    bad, slow = tasks.empty.enqueue(), tasks.empty.enqueue()
    child = tasks.empty.using(after=[bad, slow]).enqueue()
    end(bad, seat, well=False)
    followups.reconcile()
    assert status_of(child) == S.CANCELLED


@pytest.mark.parametrize(("how", "status"), [("well", S.QUEUED), ("badly", S.CANCELLED)])
def test_a_parent_that_had_ended_before_settles_the_job_when_it_is_enqueued(
    how: str, status: str, seat: Seat
) -> None:
    parent = tasks.empty.enqueue()
    end(parent, seat, well=how == "well")
    child = tasks.empty.using(after=[parent]).enqueue()
    assert (child.status, status_of(child)) == (status, status)


@committed
def test_a_diamond_runs_each_of_its_jobs_once_and_in_order(no_redis: None, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    top = tasks.note.plan(path=out, text="top")
    left = tasks.note.using(after=[top]).plan(path=out, text="left")
    right = tasks.note.using(after=[top]).plan(path=out, text="right")
    bottom = tasks.note.using(after=[left, right]).plan(path=out, text="bottom")
    enqueue_many([top, left, right, bottom])
    drain()
    lines = Path(out).read_text().split()
    assert (lines[0], set(lines[1:3]), lines[3:]) == ("top", {"left", "right"}, ["bottom"])


def test_a_failure_on_one_side_of_a_diamond_ends_it(seat: Seat) -> None:
    top = tasks.empty.plan()
    left, right = tasks.refuse.using(after=[top]).plan(), tasks.empty.using(after=[top]).plan()
    bottom = tasks.empty.using(after=[left, right]).plan()
    jobs = enqueue_many([top, left, right, bottom])
    drain(raising=False)
    assert [status_of(job) for job in jobs] == [S.SUCCEEDED, S.FAILED, S.SUCCEEDED, S.CANCELLED]


def test_a_chain_runs_its_jobs_one_after_the_other(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    chain(*(tasks.note.plan(path=out, text=text) for text in "abc"))
    drain()
    assert Path(out).read_text().split() == ["a", "b", "c"]


@committed
def test_the_end_of_a_chain_of_a_thousand_comes_by_a_loop_and_not_by_depth(no_redis: None) -> None:
    jobs = chain(*(tasks.empty.plan() for _ in range(1000)))
    services.cancel_job(job=jobs[0], by=None)
    assert set(Job.objects.values_list("status", flat=True)) == {S.CANCELLED}


def test_a_chain_of_a_thousand_is_left_to_no_more_than_a_thousand_looks() -> None:
    jobs = chain(*(tasks.empty.plan() for _ in range(20)))
    services.cancel_job(job=jobs[0], by=None)
    looks = 0
    while followups.reconcile():
        looks += 1
    assert looks == 19


def test_a_plan_cannot_wait_for_one_that_does_not_stand_before_it() -> None:
    first = tasks.empty.plan()
    second = tasks.empty.using(after=[first]).plan()
    with pytest.raises(ArgumentsError, match="not before it"):
        enqueue_many([second, first])
    with pytest.raises(ArgumentsError, match="not before it"):
        enqueue_many([second])
    with pytest.raises(ArgumentsError, match="once"):
        enqueue_many([first, first])
    assert not Job.objects.exists()


def test_a_job_cannot_wait_for_one_that_is_gone() -> None:
    parent = tasks.empty.enqueue()
    Job.objects.filter(pk=parent.pk).delete()
    with pytest.raises(ArgumentsError, match="not there"):
        tasks.empty.using(after=[parent]).enqueue()


def test_a_job_with_a_time_of_its_own_waits_for_it_after_its_parents(seat: Seat) -> None:
    parent = tasks.empty.enqueue()
    child = tasks.empty.using(after=[parent], delay=timedelta(hours=1)).enqueue()
    end(parent, seat)
    followups.reconcile()
    assert status_of(child) == S.SCHEDULED


def test_naming_a_parent_twice_is_naming_it_once() -> None:
    parent = tasks.empty.enqueue()
    child = tasks.empty.using(after=[parent, parent]).enqueue()
    assert JobDependency.objects.filter(job=child).count() == 1


def test_a_key_that_is_taken_stands_for_its_plan_also_as_a_parent(seat: Seat) -> None:
    keyed = tasks.empty.using(idempotency_key="k")
    earlier = keyed.enqueue()
    plan = keyed.plan()
    jobs = enqueue_many([plan, tasks.empty.using(after=[plan]).plan()])
    assert jobs[0].pk == earlier.pk
    assert JobDependency.objects.get(job=jobs[1]).parent_id == earlier.pk
    end(earlier, seat)
    followups.reconcile()
    assert status_of(jobs[1]) == S.QUEUED


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            close_old_connections()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@on_postgres
@committed
def test_a_dependent_made_while_its_parent_ends_sees_the_end(no_redis: None, seat: Seat) -> None:
    parent = tasks.empty.enqueue()
    Job.objects.filter(pk=parent.pk).update(status=S.QUEUED)
    made: list[Job] = []
    with transaction.atomic():
        end(parent, seat)
        thread = in_thread(lambda: made.append(tasks.empty.using(after=[parent]).enqueue()))
        thread.join(timeout=0.3)
        # Its mark on the parent waits for this transaction.
        assert thread.is_alive()
        assert not made
    thread.join(timeout=20)
    assert status_of(made[0]) in (S.QUEUED, S.HELD)


@on_postgres
@committed
def test_a_parent_that_ends_while_a_dependent_is_made_is_not_held_up_and_found(
    no_redis: None, seat: Seat
) -> None:
    parent = tasks.empty.enqueue()
    Job.objects.filter(pk=parent.pk).update(status=S.QUEUED)
    running = lifecycle.claim(parent.pk, seat)
    assert running
    with transaction.atomic():
        child = tasks.empty.using(after=[parent]).enqueue()
        assert child.status == S.BLOCKED
        # A transaction that stays open for long keeps no worker from renewing its lease, nor the job from its end.
        renewed: list[Any] = []
        thread = in_thread(lambda: renewed.extend(lifecycle.renew_many([(running.pk, running.fence)])))
        thread.join(timeout=20)
        assert renewed
        thread = in_thread(lambda: lifecycle.fail(running, Record(), Cause.PERMANENT, error_code="failed"))
        thread.join(timeout=20)
        assert status_of(parent) == S.FAILED
    assert status_of(child) == S.CANCELLED


@on_postgres
@committed
def test_of_many_dependents_made_during_many_ends_none_is_forgotten(no_redis: None, seat: Seat) -> None:
    parents = enqueue_many([tasks.empty.plan() for _ in range(40)])
    Job.objects.update(status=S.QUEUED)
    children: list[Job] = []

    def make() -> None:
        children.extend(tasks.empty.using(after=[parent]).enqueue() for parent in parents)

    def finish() -> None:
        for parent in parents:
            end(parent, seat)

    threads = [in_thread(make), in_thread(finish)]
    for thread in threads:
        thread.join(timeout=60)
    assert len(children) == 40
    assert {status_of(child) for child in children} <= {S.QUEUED, S.HELD}


@on_postgres
@committed
def test_two_parents_that_end_at_once_release_their_dependent_once(no_redis: None, seat: Seat) -> None:
    for _round in range(10):
        parents = [tasks.empty.enqueue(), tasks.empty.enqueue()]
        Job.objects.filter(status=S.HELD).update(status=S.QUEUED)
        child = tasks.empty.using(after=parents).enqueue()
        threads = [in_thread(partial(end, parent, seat)) for parent in parents]
        for thread in threads:
            thread.join(timeout=20)
        events = JobEvent.objects.filter(job=child, cause=Cause.UNBLOCKED)
        assert events.count() == 1


def test_what_a_crash_left_behind_is_found_again(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = tasks.empty.enqueue()
    child = tasks.empty.using(after=[parent]).enqueue()
    Job.objects.filter(pk=parent.pk).update(status=S.SUCCEEDED)
    assert dependencies.reconcile() == 1
    assert status_of(child) == S.QUEUED
    assert dependencies.reconcile() == 0


@committed
def test_the_end_of_a_job_with_very_many_dependents_leaves_most_of_them_to_the_leader(
    no_redis: None, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(dependencies, "BATCH_SIZE", 2)
    parent = tasks.empty.enqueue()
    enqueue_many(tasks.empty.using(after=[parent]).plan() for _number in range(10))
    Job.objects.filter(pk=parent.pk).update(status=S.QUEUED)
    end(parent, seat)
    assert Job.objects.filter(status=S.BLOCKED).count() == 7
    assert followups.reconcile() == 7


@committed
def test_a_long_chain_of_cancelled_dependents_is_left_to_the_leader_too(
    no_redis: None, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "MOST_AT_ONCE", 3)
    jobs = chain(*(tasks.empty.plan() for _number in range(10)))
    Job.objects.filter(pk=jobs[0].pk).update(status=S.QUEUED)
    end(jobs[0], seat, well=False)
    assert Job.objects.filter(status=S.BLOCKED).count() == 6
    while followups.reconcile():
        pass
    assert not Job.objects.filter(status=S.BLOCKED).exists()
