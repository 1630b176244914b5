"""What a dispatcher does: send, release, rescue."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.db.models.functions import Now
from rq.utils import as_text

from jobs import dispatch, holding, lifecycle, rescue, runner, sending
from jobs.admission import Seat
from jobs.dispatcher import (
    MOST_POSTPONEMENTS,
    TICKS_BETWEEN_CHECKS,
    Chore,
    Dispatcher,
    check_interval,
    chores,
)
from jobs.errors import FencedError
from jobs.lifecycle import Cause, Record
from jobs.models import Attempt, AttemptOutcome, Job, JobEvent, JobStatus
from jobs.workers import settling
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

S = JobStatus


def status_of(job: Job) -> str:
    return Job.objects.get(pk=job.pk).status


def hints(redis: RedisServer) -> list[str]:
    return [as_text(raw) for raw in redis.client.lrange("rq:queue:critical", 0, -1)]


def running(seat: Seat, job: Job) -> Job:
    row = lifecycle.claim(job.pk, seat)
    assert row
    return row


def let_the_lease_run_out(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_a_delayed_job_is_sent_when_its_time_has_come(own_redis: RedisServer) -> None:
    job = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    dispatcher = Dispatcher()
    dispatcher.tick()
    assert (status_of(job), hints(own_redis)) == (S.SCHEDULED, [])
    Job.objects.filter(pk=job.pk).update(due_at=Now())
    dispatcher.tick()
    assert (status_of(job), hints(own_redis)) == (S.QUEUED, [str(job.pk)])


@pytest.mark.parametrize(("lease_seconds", "after"), [(600, S.RUNNING), (0, S.RETRYING)])
def test_after_an_absence_of_the_database_workers_may_first_renew_their_leases(
    lease_seconds: float, after: JobStatus, own_redis: RedisServer, seat: Seat, settings: Any
) -> None:
    job = running(seat, tasks.empty.enqueue())
    let_the_lease_run_out(job)
    Job.objects.update(attempt=2)
    settings.JOBS_LEASE_SECONDS = lease_seconds
    dispatcher = Dispatcher(own_chores=[])

    def fail() -> None:
        raise OperationalError

    dispatcher._safely(fail)
    dispatcher.tick()
    assert status_of(job) == after


@pytest.mark.parametrize("after", [S.RUNNING, S.RETRYING])
def test_x08_who_was_blind_for_long_lets_workers_renew_their_leases_before_it_takes_their_jobs(
    after: JobStatus, own_redis: RedisServer, seat: Seat, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running(seat, tasks.empty.enqueue())
    let_the_lease_run_out(job)
    Job.objects.update(attempt=2)
    dispatcher = Dispatcher(own_chores=[])
    clock = time.clock_gettime(time.CLOCK_MONOTONIC) + 1000
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: clock)
    dispatcher._watch(1000 if after == S.RETRYING else 0)
    dispatcher.tick()
    assert status_of(job) == after


def test_x17_a_clock_of_the_database_that_is_put_forward_takes_no_job_from_a_worker(
    own_redis: RedisServer, seat: Seat
) -> None:
    dispatcher = Dispatcher(own_chores=[])
    dispatcher.tick()
    job = running(seat, tasks.empty.enqueue())
    let_the_lease_run_out(job)
    assert dispatcher._clock_ahead is not None
    # As if it had been an hour behind at the last look.
    dispatcher._clock_ahead -= 3600
    dispatcher.tick()
    assert status_of(job) == S.RUNNING


def test_a_leader_that_is_always_slow_rescues_all_the_same(
    own_redis: RedisServer, seat: Seat, settings: Any
) -> None:
    job = running(seat, tasks.empty.enqueue())
    let_the_lease_run_out(job)
    Job.objects.update(attempt=2)
    settings.JOBS_LEASE_SECONDS = 0
    leader = Dispatcher(own_chores=[])
    for _number in range(2 * MOST_POSTPONEMENTS):
        leader._watch(-10)
    assert leader._postponed == MOST_POSTPONEMENTS
    leader.tick()
    assert (status_of(job), leader._rescues_from < time.monotonic()) == (S.RETRYING, True)


def test_x08_a_dispatcher_waits_whichever_error_says_that_the_database_is_away() -> None:
    def fail() -> None:
        raise InterfaceError

    assert Dispatcher(own_chores=[])._safely(fail) is None


def test_x08_a_report_is_left_to_the_lease_whichever_error_says_that_the_database_is_away(
    seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise InterfaceError

    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(lifecycle, "hand_back_many", fail)
    job = running(seat, tasks.empty.enqueue())
    settling.give_back([job])
    assert status_of(job) == S.RUNNING


def test_x06_a_held_job_is_sent_when_redis_is_back(own_redis: RedisServer) -> None:
    own_redis.stop()
    job = tasks.empty.enqueue()
    dispatcher = Dispatcher()
    dispatcher.tick()
    assert status_of(job) == S.HELD
    own_redis.start()
    dispatcher.tick()
    assert (status_of(job), hints(own_redis)) == (S.QUEUED, [str(job.pk)])


def test_x11_a_full_redis_does_not_fill_the_timeline_of_a_held_job(own_redis: RedisServer) -> None:
    own_redis.client.config_set("maxmemory", "1")
    job = tasks.empty.enqueue()
    dispatcher = Dispatcher()
    for _ in range(20):
        dispatcher.tick()
    assert JobEvent.objects.filter(job=job).count() == 2
    own_redis.client.config_set("maxmemory", "0")
    dispatcher.tick()
    assert (status_of(job), hints(own_redis)) == (S.QUEUED, [str(job.pk)])


def test_an_unsent_job_is_shown_as_held_while_redis_is_away(no_redis: None) -> None:
    job = tasks.empty.enqueue()
    lifecycle.release(Job.objects.filter(pk=job.pk), S.HELD, Cause.REDIS_BACK)
    Dispatcher().tick()
    assert status_of(job) == S.HELD


def test_two_dispatchers_send_a_job_once(own_redis: RedisServer) -> None:
    job = tasks.empty.enqueue()
    own_redis.client.delete("rq:queue:critical")
    Job.objects.filter(pk=job.pk).update(sent_at=None)
    assert [Dispatcher().tick(), Dispatcher().tick()] == [1, 0]
    assert hints(own_redis) == [str(job.pk)]


def test_x09_everything_is_sent_again_when_redis_comes_back_empty(own_redis: RedisServer) -> None:
    jobs = [tasks.empty.enqueue() for _ in range(3)]
    dispatcher = Dispatcher()
    dispatcher.tick()
    own_redis.client.flushall()
    assert dispatcher.tick() == 3
    assert hints(own_redis) == [str(job.pk) for job in jobs]


def test_x09_a_hint_that_was_deleted_by_hand_is_sent_again(own_redis: RedisServer) -> None:
    lost, kept = tasks.empty.enqueue(), tasks.empty.enqueue()
    dispatcher = Dispatcher()
    dispatcher.tick()
    own_redis.client.lrem("rq:queue:critical", 0, str(lost.pk))
    Job.objects.update(sent_at=Now() - check_interval())
    sent = [dispatcher.tick() for _ in range(TICKS_BETWEEN_CHECKS)]
    assert sum(sent) == 1
    assert sorted(hints(own_redis)) == sorted([str(lost.pk), str(kept.pk)])


def test_a_long_queue_is_not_sent_again_and_again(own_redis: RedisServer) -> None:
    for _ in range(20):
        tasks.empty.enqueue()
    dispatcher = Dispatcher()
    for _ in range(3 * TICKS_BETWEEN_CHECKS):
        Job.objects.update(sent_at=Now() - timedelta(minutes=10))
        dispatcher.tick()
    assert len(hints(own_redis)) == 20


def test_x02_a_job_whose_lease_ran_out_gets_another_attempt(own_redis: RedisServer, seat: Seat) -> None:
    job = running(seat, tasks.empty.enqueue())
    own_redis.client.flushall()
    let_the_lease_run_out(job)
    Dispatcher().tick()
    assert (status_of(job), hints(own_redis)) == (S.QUEUED, [str(job.pk)])
    assert Attempt.objects.get(job=job).outcome == AttemptOutcome.LOST


def test_a_healthy_job_is_not_rescued(seat: Seat, no_redis: None) -> None:
    job = running(seat, _queued())
    assert rescue.rescue_stalled() == 0
    assert status_of(job) == S.RUNNING


@pytest.mark.parametrize(
    ("first", "attempt", "code"),
    [("lost", 2, "quarantined"), ("failed", 2, "interrupted"), ("handed_back", 1, "interrupted")],
)
def test_x21_a_job_that_no_attempt_survived_is_quarantined(
    first: str, attempt: int, code: str, seat: Seat, no_redis: None
) -> None:
    job = running(seat, _queued())
    Attempt.objects.filter(job=job).update(outcome=first)
    Attempt.objects.create(job=job, number=attempt, fence=2, started_at=job.due_at)
    Job.objects.filter(pk=job.pk).update(max_attempts=attempt, attempt=attempt, fence=2)
    let_the_lease_run_out(job)
    rescue.rescue_stalled()
    failed = Job.objects.get(pk=job.pk)
    assert (failed.status, failed.error_code) == (S.FAILED, code)


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(seat: Seat, no_redis: None) -> None:
    job = running(seat, _queued())
    lifecycle.ask_to_cancel(Job.objects.filter(pk=job.pk))
    let_the_lease_run_out(job)
    rescue.rescue_stalled()
    assert status_of(job) == S.CANCELLED


def test_x05_the_writes_of_a_frozen_worker_that_wakes_late_change_nothing(seat: Seat, no_redis: None) -> None:
    late = running(seat, _queued())
    let_the_lease_run_out(late)
    rescue.rescue_stalled()
    holding.release_due()
    running(Seat("worker-2", "there", 2), late)
    with pytest.raises(FencedError):
        lifecycle.succeed(late, Record(), result={"from": "the late one"})
    assert Job.objects.get(pk=late.pk).result is None


def test_more_jobs_than_a_batch_are_sent_in_one_tick(own_redis: RedisServer) -> None:
    dispatch.came_back_empty()
    rows = [Job(task="probe.empty", queue="critical", timeout_seconds=9, max_attempts=1) for _ in range(1200)]
    for row in rows:
        row.created_at = row.due_at = Now()
    Job.objects.bulk_create(rows)
    assert Dispatcher().tick() == 1200
    assert len(hints(own_redis)) == 1200


def _queued() -> Job:
    """A queued job that no hint stands for."""
    job = tasks.empty.enqueue()
    Job.objects.filter(pk=job.pk).update(status=S.QUEUED)
    return job


def test_an_error_in_one_chore_stops_no_other_one(no_redis: None) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ProgrammingError("TREMBLAY")

    Dispatcher(own_chores=[Chore("first", fail, 1), Chore("second", lambda: done.append("second"), 1)]).tick()
    assert done == ["second"]


def test_each_chore_has_its_own_interval(no_redis: None) -> None:
    done: list[str] = []
    seldom = Chore("seldom", lambda: done.append("seldom"), 3600)
    always = Chore("always", lambda: done.append("always"), 0)
    dispatcher = Dispatcher(own_chores=[seldom, always])
    for _ in range(3):
        dispatcher.tick()
    assert (done.count("seldom"), done.count("always")) == (1, 3)


def test_x18_every_chore_of_the_platform_runs_in_a_tick(own_redis: RedisServer) -> None:
    own = chores()
    Dispatcher(own_chores=own).tick()
    assert all(chore.due_at > 0 for chore in own)
    assert {"schedules", "follow-ups", "statistics", "alerts"} <= {chore.name for chore in own}


def test_x13_a_database_that_fails_in_the_middle_of_a_tick_ends_that_tick_alone(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tasks.empty.using(delay=timedelta(hours=1)).enqueue()
    Job.objects.filter(pk=job.pk).update(due_at=Now())
    dispatcher = Dispatcher(own_chores=())
    with monkeypatch.context() as broken:

        def locked(*_: object) -> int:
            raise OperationalError("database is locked")

        broken.setattr(holding, "release_due", locked)
        assert not dispatcher._safely(dispatcher.tick)
    assert status_of(job) == S.SCHEDULED
    assert dispatcher._safely(dispatcher.tick)
    assert hints(own_redis) == [str(job.pk)]


def test_x09_all_of_a_long_queue_whose_key_was_deleted_is_sent_again_at_one_look(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_LOOKED_FOR", 8)
    jobs = [tasks.empty.enqueue() for _ in range(30)]
    own_redis.client.delete("rq:queue:critical")
    assert dispatch.unsend_missing(timedelta(0)) == 30
    Dispatcher(own_chores=()).tick()
    assert sorted(hints(own_redis)) == sorted(str(job.pk) for job in jobs)


def test_a_row_that_was_sent_again_meanwhile_is_not_unsent(own_redis: RedisServer) -> None:
    job = tasks.empty.enqueue()
    seen = Job.objects.get(pk=job.pk)
    Job.objects.filter(pk=job.pk).update(sent_at=Now() + timedelta(seconds=1))
    assert dispatch._unsend([seen]) == 0


def test_a_row_that_cannot_be_rescued_stops_neither_the_others_nor_the_sending(
    own_redis: RedisServer, seat: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, lost = (running(seat, tasks.empty.enqueue()) for _ in range(2))
    let_the_lease_run_out(broken)
    let_the_lease_run_out(lost)
    waiting = tasks.empty.enqueue()
    own_redis.client.flushall()

    def lose(job: Job, cause: Cause, record: Record) -> Job:
        if job.pk == broken.pk:
            raise TypeError("TREMBLAY")
        return rescue_one(job, cause, record)

    rescue_one = rescue.lose
    monkeypatch.setattr(rescue, "lose", lose)
    Dispatcher(own_chores=()).tick()
    assert [status_of(job) for job in (broken, lost)] == [S.RUNNING, S.QUEUED]
    assert sorted(hints(own_redis)) == sorted([str(lost.pk), str(waiting.pk)])


def test_an_error_in_one_step_stops_no_other_one(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tasks.empty.enqueue()
    own_redis.client.flushall()

    def fail(*_: object) -> int:
        raise ProgrammingError("TREMBLAY")

    for name in ("end_pauses", "hold_paused", "release_due", "release_held"):
        monkeypatch.setattr(holding, name, fail)
    assert Dispatcher(own_chores=()).tick() == 1
    assert hints(own_redis) == [str(job.pk)]


def test_without_redis_a_dispatcher_runs_one_job_a_tick_that_needs_none(
    no_redis: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "runs_at_once", False)
    out = tmp_path / "out"
    out.touch()
    for _number in range(2):
        tasks.run_anyway.enqueue(path=str(out))
    tasks.empty.enqueue()
    dispatcher = Dispatcher(own_chores=[])
    lines = []
    for _number in range(3):
        lines.append(len(out.read_text().splitlines()))
        dispatcher.tick()
    assert lines == [0, 1, 2]
    assert len(out.read_text().splitlines()) == 2


def test_x11_a_queue_that_redis_refuses_stops_no_other_one(own_redis: RedisServer) -> None:
    dispatcher = Dispatcher(own_chores=[])
    dispatcher.tick()
    refused, other = tasks.empty.enqueue(), tasks.on("integrations", tasks.empty).enqueue()
    own_redis.client.delete("rq:queue:critical", "rq:queue:integrations")
    Job.objects.update(sent_at=None)
    # What cannot be overwritten as a hash: the push of this job alone fails.
    own_redis.client.set(f"rq:job:{refused.pk}", "x")
    dispatcher.tick()
    assert [status_of(refused), own_redis.client.llen("rq:queue:integrations")] == [S.HELD, 1]
    assert Job.objects.get(pk=other.pk).sent_at
