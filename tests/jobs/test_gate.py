"""How many jobs of a gated queue go to Redis, and whose."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from rq.utils import as_text

from jobs import dispatch, dispatcher, gate, holding, lifecycle, waking
from jobs.admission import Seat
from jobs.gate import UnderWay, room_of
from jobs.lifecycle import Record
from jobs.models import Job, JobStatus, RateLift, RateSlot
from jobs.pauses import Pauses
from jobs.queues import QueuePolicy, policy_of
from tests.support.platform import locked_elsewhere
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "validations"


@pytest.fixture
def policy(settings: Any) -> Any:
    """A function that changes the table's row of the queue for this test."""

    def change(**fields: Any) -> QueuePolicy:
        changed = replace(policy_of(QUEUE), **fields)
        settings.JOBS_QUEUES = tuple(
            changed if queue.name == QUEUE else queue for queue in settings.JOBS_QUEUES
        )
        return changed

    return change


def enqueue(tenant: int | None = None, **options: Any) -> Job:
    return tasks.dawdle.using(tenant_id=tenant, **options).enqueue(path="x", seconds=0)


def hints(redis: RedisServer) -> list[str]:
    return [as_text(raw) for raw in redis.client.lrange(f"rq:queue:{QUEUE}", 0, -1)]


def send() -> int:
    return gate.send(QUEUE, Pauses.now()).count


def test_an_enqueue_on_a_gated_queue_wakes_the_leader_and_sends_nothing_itself(
    own_redis: RedisServer,
) -> None:
    job = enqueue()
    assert (hints(own_redis), Job.objects.get(pk=job.pk).sent_at) == ([], None)
    assert own_redis.client.lrange(waking.WAKE_KEY, 0, -1) == [QUEUE.encode()]


def test_no_more_is_sent_than_there_are_places(own_redis: RedisServer, policy: Any, seat: Seat) -> None:
    policy(concurrency=2)
    jobs = [enqueue() for _ in range(5)]
    assert (send(), send()) == (2, 0)
    assert hints(own_redis) == [str(job.pk) for job in jobs[:2]]
    assert lifecycle.claim(jobs[0].pk, seat)
    assert send() == 0


def test_a_place_that_became_free_is_given_to_the_next_one(
    own_redis: RedisServer, policy: Any, seat: Seat
) -> None:
    policy(concurrency=1)
    first, second = enqueue(), enqueue()
    send()
    running = lifecycle.claim(first.pk, seat)
    assert running
    lifecycle.succeed(running, Record())
    assert send() == 1
    assert hints(own_redis) == [str(first.pk), str(second.pk)]


def test_f07_an_organization_that_comes_late_is_not_behind_ten_thousand_jobs(
    own_redis: RedisServer, policy: Any, seat: Seat
) -> None:
    policy(concurrency=2)
    Job.objects.bulk_create(
        Job(
            task="probe.dawdle",
            queue=QUEUE,
            tenant_id=1,
            timeout_seconds=9,
            max_attempts=1,
            created_at=Now(),
            due_at=Now(),
        )
        for _ in range(10_000)
    )
    send()
    late = enqueue(2)
    ended = lifecycle.claim(Job.objects.filter(sent_at__isnull=False)[0].pk, seat)
    assert ended
    lifecycle.succeed(ended, Record())
    assert send() == 1
    assert hints(own_redis)[-1] == str(late.pk)


def test_a_queue_that_is_only_fair_holds_the_order_open_too(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=None, fair=True)
    Job.objects.bulk_create(
        Job(
            task="probe.dawdle",
            queue=QUEUE,
            tenant_id=1,
            timeout_seconds=9,
            max_attempts=1,
            created_at=Now(),
            due_at=Now(),
        )
        for _ in range(3 * gate.OPEN_WINDOW)
    )
    assert (send(), send()) == (gate.OPEN_WINDOW, 0)


def test_no_more_is_sent_than_the_rate_allows(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=None, rate="3/minute")
    RateSlot.objects.create(queue=QUEUE, number=1, free_at=Now() + timedelta(seconds=30))
    RateSlot.objects.create(queue=QUEUE, number=2, free_at=Now() - timedelta(seconds=1))
    for _ in range(5):
        enqueue()
    assert (send(), send()) == (2, 0)


def test_a_lifted_rate_does_not_hold(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=None, rate="1/hour")
    RateLift.objects.create(queue=QUEUE, until=Now() + timedelta(minutes=1), reason="x")
    for _ in range(5):
        enqueue()
    assert send() == 5


def test_a_lift_that_is_over_counts_for_nothing(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=None, rate="1/hour")
    RateLift.objects.create(queue=QUEUE, until=Now() - timedelta(seconds=1), reason="x")
    for _ in range(5):
        enqueue()
    assert send() == 1


def test_places_and_rate_hold_together(policy: Any, db: None) -> None:
    changed = policy(concurrency=3, rate="2/minute")
    assert room_of(changed, UnderWay.of(QUEUE)) == 2
    assert room_of(policy(concurrency=1, rate="2/minute"), UnderWay.of(QUEUE)) == 1


def test_what_redis_refuses_is_held_and_counts_as_refused(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=2)
    jobs = [enqueue() for _ in range(3)]
    own_redis.client.config_set("maxmemory", "1")
    sending = gate.send(QUEUE, Pauses.now())
    assert (sending.count, sending.refused) == (0, True)
    statuses = Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("status", flat=True)
    assert sorted(statuses) == [JobStatus.HELD, JobStatus.HELD, JobStatus.QUEUED]


def test_two_leaders_send_each_job_once(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=None, fair=True)
    jobs = [enqueue() for _ in range(4)]
    chosen = [job.pk for job in jobs]
    assert len(gate._mark(chosen)) == 4
    assert gate._mark(chosen) == []


def test_x09_lost_hints_of_a_gated_queue_are_found(own_redis: RedisServer, policy: Any) -> None:
    policy(concurrency=1)
    job = enqueue()
    send()
    own_redis.client.delete(f"rq:queue:{QUEUE}")
    assert dispatch.missing([Job.objects.get(pk=job.pk)]) == [job]


def test_x17_starts_are_free_again_when_the_database_s_clock_was_put_back(
    own_redis: RedisServer, policy: Any, seat: Seat
) -> None:
    policy(concurrency=None, rate="2/minute")
    jobs = [enqueue() for _ in range(3)]
    for number in (1, 2):
        RateSlot.objects.create(queue=QUEUE, number=number, free_at=Now() + timedelta(hours=1))
    assert send() == 2
    assert [bool(lifecycle.claim(job.pk, seat)) for job in jobs] == [True, True, False]


# --- Rows that somebody else holds -------------------------------------------------------------------------

row_locks = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite locks no single rows")


@pytest.fixture
def impatient() -> Iterator[None]:
    """A connection as a dispatcher has it."""
    dispatcher.wait_briefly_for_locks(connection)
    yield
    connection.close()


@row_locks
def test_a_row_that_somebody_holds_is_not_waited_for_by_whoever_sends(
    own_redis: RedisServer, policy: Any, impatient: None
) -> None:
    policy(concurrency=None, fair=True)
    held, free = enqueue(), enqueue()
    with locked_elsewhere(held):
        assert (send(), send()) == (1, 0)
    assert hints(own_redis) == [str(free.pk)]
    assert send() == 1


@row_locks
def test_a_row_that_somebody_holds_is_not_waited_for_by_whoever_releases_or_unsends(
    no_redis: None, impatient: None
) -> None:
    held, free = (tasks.empty.enqueue() for _ in range(2))
    rows = Job.objects.filter(pk__in=[held.pk, free.pk])
    assert set(rows.values_list("status", flat=True)) == {JobStatus.HELD}
    with locked_elsewhere(held):
        assert holding.release_held(Pauses.now()) == 1
        rows.filter(pk=free.pk).update(sent_at=Now())
        assert lifecycle.unsend(rows.filter(pk=free.pk)) == 1
    assert holding.release_held(Pauses.now()) == 1
    with locked_elsewhere(held):
        assert lifecycle.unsend(rows) == 1


@row_locks
def test_a_lock_that_is_waited_for_in_vain_ends_one_step_and_no_tick(
    seat: Seat, no_redis: None, impatient: None
) -> None:
    held = enqueue()
    leader = dispatcher.Dispatcher(own_chores=[])
    with locked_elsewhere(held):
        with pytest.raises(OperationalError):
            Job.objects.filter(pk=held.pk).update(priority=1)
        step = Job.objects.filter(pk=held.pk).update
        assert leader._safely(lambda: dispatcher._apart(lambda: step(priority=1))) is None
    assert leader._rescues_from == float("-inf")


def test_x08_a_claim_stands_though_the_jobs_that_may_not_start_could_not_be_kept_back(
    own_redis: RedisServer, policy: Any, seat: Seat
) -> None:
    policy(concurrency=1)
    first, second = enqueue(), enqueue()

    def refuse(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith('SELECT "jobs_job"."id", "jobs_job"."queue" FROM'):
            raise OperationalError("database is locked")
        return execute(sql, *arguments)

    with connection.execute_wrapper(refuse):
        assert lifecycle.claim_many([first.pk, second.pk], seat, QUEUE) == [first]
