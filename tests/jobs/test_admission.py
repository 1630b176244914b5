"""What lets a job start: its row, no pause, a place, and a start within the rate."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import admission, lifecycle, pauses
from jobs.admission import Seat
from jobs.lifecycle import Cause, Record
from jobs.models import Attempt, HoldReason, Job, JobEvent, JobStatus, RateSlot
from jobs.queues import QueuePolicy
from jobs.signals import job_finished
from jobs.waking import WAKE_KEY
from tests.support.jobs import created
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db

S = JobStatus


def new_job(queue: str = "validations", **fields: Any) -> Job:
    """A queued job that nobody has sent anywhere."""
    job = Job(task=tasks.empty.name, queue=queue, timeout_seconds=60, max_attempts=3, **fields)
    return created(job)


def new_jobs(count: int, queue: str = "validations") -> list[Job]:
    return [new_job(queue) for _ in range(count)]


def claim(job: Job, seat: Seat) -> Job | None:
    return lifecycle.claim(job.pk, seat, job.queue)


def row(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


# --- Places ---------------------------------------------------------------------------------------------------


def test_no_more_jobs_run_than_the_queue_has_places(seat: Seat) -> None:
    jobs = new_jobs(3)
    claimed = [claim(job, seat) for job in jobs]
    assert [job.slot if job else None for job in claimed] == [1, 2, None]
    assert row(jobs[2]).status == S.QUEUED


def test_a_job_without_a_place_counts_as_unsent_and_the_leader_is_told(
    seat: Seat, own_redis: RedisServer, django_capture_on_commit_callbacks: Any
) -> None:
    lifecycle.claim_many([job.pk for job in new_jobs(2)], seat)
    late = new_job()
    Job.objects.filter(pk=late.pk).update(sent_at=Now())
    with django_capture_on_commit_callbacks(execute=True):
        assert claim(late, seat) is None
    assert row(late).sent_at is None
    assert own_redis.client.lrange(WAKE_KEY, 0, -1) == [b"validations"]


def test_the_smallest_free_place_is_taken(seat: Seat) -> None:
    first, second, third = new_jobs(3)
    running = claim(first, seat)
    claim(second, seat)
    assert running
    lifecycle.succeed(running, Record())
    taken = claim(third, seat)
    assert taken
    assert taken.slot == 1


@pytest.mark.parametrize("end", ["succeed", "hand_back", "end_cancelled"])
def test_an_attempt_gives_its_place_back_however_it_ends(end: str, seat: Seat) -> None:
    running = claim(new_job("maintenance"), seat)
    assert running
    assert running.slot == 1
    getattr(lifecycle, end)(running, Record())
    assert row(running).slot is None
    assert claim(new_job("maintenance"), seat)


def test_many_jobs_take_as_many_places_as_there_are_in_the_given_order(seat: Seat) -> None:
    jobs = new_jobs(4)
    claimed = lifecycle.claim_many([jobs[3].pk, jobs[1].pk, jobs[0].pk], seat)
    assert [(job.pk, job.slot) for job in claimed] == [(jobs[3].pk, 1), (jobs[1].pk, 2)]


def test_a_queue_without_limits_has_no_places(seat: Seat) -> None:
    claimed = lifecycle.claim_many([job.pk for job in new_jobs(20, "critical")], seat)
    assert {job.slot for job in claimed} == {None}
    assert len(claimed) == 20


# --- Rates ----------------------------------------------------------------------------------------------------


def let_a_window_pass() -> None:
    RateSlot.objects.update(free_at=F("free_at") - timedelta(minutes=1))


def test_no_more_jobs_start_in_a_window_than_the_rate_says(seat: Seat) -> None:
    ids = [job.pk for job in new_jobs(105, "emails")]
    assert len(lifecycle.claim_many(ids, seat, "emails")) == 100
    assert lifecycle.claim_many(ids, seat, "emails") == []
    let_a_window_pass()
    assert len(lifecycle.claim_many(ids, seat, "emails")) == 5


def test_a_start_is_spent_however_the_attempt_ends(seat: Seat) -> None:
    RateSlot.objects.filter(queue="ai", number__gt=1).update(free_at=Now() + timedelta(seconds=50))
    running = claim(new_job("ai"), seat)
    assert running
    lifecycle.succeed(running, Record())
    late = new_job("ai")
    assert claim(late, seat) is None
    assert row(late).sent_at is None


def test_a_lifted_rate_holds_nobody_back(seat: Seat) -> None:
    RateSlot.objects.update(free_at=Now() + timedelta(seconds=50))
    job = new_job("emails")
    assert claim(job, seat) is None
    pauses.lift_rate(queue="emails", until=timezone.now() + timedelta(hours=1), reason="a hurry")
    assert claim(job, seat)


def test_a_lift_that_is_over_lifts_nothing(seat: Seat) -> None:
    RateSlot.objects.update(free_at=Now() + timedelta(seconds=50))
    pauses.lift_rate(queue="emails", until=timezone.now() - timedelta(seconds=1), reason="a hurry")
    assert claim(new_job("emails"), seat) is None


def test_a_job_that_finds_no_place_spends_no_start(seat: Seat) -> None:
    claim(new_job("ai"), seat)
    assert claim(new_job("ai"), seat) is None
    assert RateSlot.objects.filter(queue="ai", free_at__gt=Now()).count() == 1


def test_the_starts_of_a_new_rate_are_there_when_they_are_first_needed(seat: Seat) -> None:
    RateSlot.objects.all().delete()
    assert claim(new_job("emails"), seat)
    assert RateSlot.objects.filter(queue="emails").count() == 100


def test_after_a_migration_the_starts_are_as_the_table_says(settings: Any) -> None:
    settings.JOBS_QUEUES = (
        QueuePolicy("emails", priority=1, timeout_seconds=1, attempts=1, rate="3/second"),
        QueuePolicy("ai", priority=1, timeout_seconds=1, attempts=1),
        QueuePolicy("new", priority=1, timeout_seconds=1, attempts=1, rate="2/day"),
    )
    admission.fit_starts_to_table()
    numbers = RateSlot.objects.order_by("queue", "number").values_list("queue", "number")
    assert list(numbers.exclude(queue="reports")) == [
        ("emails", 1),
        ("emails", 2),
        ("emails", 3),
        ("new", 1),
        ("new", 2),
    ]


def test_a_rate_that_was_lowered_counts_at_once(seat: Seat, settings: Any) -> None:
    settings.JOBS_QUEUES = (
        QueuePolicy("emails", priority=1, timeout_seconds=1, attempts=1, rate="2/minute"),
    )
    ids = [job.pk for job in new_jobs(5, "emails")]
    assert len(lifecycle.claim_many(ids, seat, "emails")) == 2


# --- Pauses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pause",
    [
        {"queue": "validations"},
        {"queue": "validations", "tenant_id": 7},
        {"tenant_id": 7},
        {"queue": "validations", "until": timedelta(hours=1)},
    ],
)
def test_a_paused_job_is_held_instead_of_started(pause: dict[str, Any], seat: Seat) -> None:
    if "until" in pause:
        pause = pause | {"until": timezone.now() + pause["until"]}
    job = new_job(tenant_id=7)
    pauses.pause(**pause, reason="maintenance")
    assert claim(job, seat) is None
    held = row(job)
    assert (held.status, held.hold_reason) == (S.HELD, HoldReason.PAUSED)
    assert JobEvent.objects.filter(job=job).latest("id").cause == Cause.PAUSED


@pytest.mark.parametrize(
    "pause",
    [
        {"queue": "ai"},
        {"queue": "validations", "tenant_id": 8},
        {"queue": "ai", "tenant_id": 7},
        {"tenant_id": 8},
        {"queue": "validations", "until": timedelta(seconds=-1)},
    ],
)
def test_a_pause_of_something_else_or_one_that_is_over_holds_nothing(
    pause: dict[str, Any], seat: Seat
) -> None:
    if "until" in pause:
        pause = pause | {"until": timezone.now() + pause["until"]}
    pauses.pause(**pause, reason="maintenance")
    assert claim(new_job(tenant_id=7), seat)
    assert claim(new_job(), seat)


# --- What a claim writes --------------------------------------------------------------------------------------


def test_a_claim_that_does_not_know_the_queue_finds_it(seat: Seat) -> None:
    jobs = [new_job("critical"), new_job("validations"), new_job("critical")]
    assert lifecycle.claim_many([job.pk for job in jobs], seat) == [jobs[0], jobs[2], jobs[1]]


def test_a_claim_in_the_name_of_another_queue_starts_nothing(seat: Seat) -> None:
    job = new_job("validations")
    assert lifecycle.claim(job.pk, seat, "critical") is None
    assert row(job).status == S.QUEUED


def test_each_claimed_job_has_an_attempt_and_an_event(seat: Seat) -> None:
    jobs = new_jobs(2, "critical")
    Job.objects.filter(pk=jobs[0].pk).update(due_at=Now() - timedelta(seconds=10))
    lifecycle.claim_many([job.pk for job in jobs], seat, "critical")
    waited = [
        Attempt.objects.get(job=job, number=1, fence=1, worker="worker-1", host="here", pid=1).wait_ms
        for job in jobs
    ]
    assert 10_000 <= waited[0] < 20_000 > waited[1]
    assert JobEvent.objects.filter(job__in=jobs, from_status="queued", to_status="running").count() == 2


def test_a_job_that_somebody_asked_to_cancel_does_not_start(seat: Seat) -> None:
    job = new_job()
    Job.objects.filter(pk=job.pk).update(cancel_requested_at=Now())
    assert claim(job, seat) is None
    assert row(job).status == S.QUEUED


# --- Round trips ----------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs a few statements")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("queue", ["critical", "emails", "validations", "ai"])
def test_a_job_that_nobody_listens_to_costs_two_round_trips_after_its_enqueue(
    queue: str, seat: Seat, no_redis: None
) -> None:
    job = new_job(queue)
    with CaptureQueriesContext(connection) as captured:
        running = claim(job, seat)
        assert running
        lifecycle.succeed(running, Record(), result={"n": 1})
    assert len(captured) == 2, [query["sql"][:60] for query in captured.captured_queries]
    assert row(job).status == S.SUCCEEDED


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs a few statements")
@pytest.mark.django_db(transaction=True)
def test_a_hundred_jobs_cost_two_round_trips_as_well(seat: Seat, no_redis: None) -> None:
    ids = [job.pk for job in new_jobs(100, "critical")]
    with CaptureQueriesContext(connection) as captured:
        running = lifecycle.claim_many(ids, seat, "critical")
        done = lifecycle.succeed_many([(job, Record(), {"result": None}) for job in running])
    assert len(captured) == 2
    assert len(done) == 100


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite needs a few statements")
@pytest.mark.django_db(transaction=True)
def test_what_a_listener_writes_is_committed_with_the_end_of_the_job(seat: Seat, no_redis: None) -> None:
    job = new_job("critical")
    running = claim(job, seat)
    assert running

    def write(ended: Job) -> None:
        assert connection.in_atomic_block
        JobEvent.objects.create(job=ended, at=Now(), to_status=ended.status, cause="heard")

    job_finished.listen(task=tasks.empty.name)(write)
    try:
        lifecycle.succeed(running, Record())
    finally:
        job_finished.forget(write)
    assert JobEvent.objects.filter(job=job, cause="heard").exists()
