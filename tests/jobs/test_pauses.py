"""Pauses and lifted rates: what holds when, and what the leader does with the rows."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from rq.utils import as_text

from jobs import holding, pauses, waking
from jobs.dispatcher import Dispatcher
from jobs.models import HoldReason, Job, JobEvent, JobStatus, Pause
from jobs.pauses import Pauses
from tests.support.probe import tasks
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

S = JobStatus


def tick() -> int:
    return Dispatcher(own_chores=()).tick()


def ready(tenant: int | None = None, count: int = 1) -> list[Job]:
    """Jobs whose time has come just now, and that nobody sent."""
    rows = [
        Job(
            task="probe.empty",
            queue="critical",
            tenant_id=tenant,
            timeout_seconds=9,
            max_attempts=1,
            created_at=Now(),
            due_at=Now(),
        )
        for _ in range(count)
    ]
    return Job.objects.bulk_create(rows)


def state(job: Job) -> tuple[str, str]:
    job = Job.objects.get(pk=job.pk)
    return job.status, job.hold_reason


def hints(redis: RedisServer) -> list[str]:
    return [as_text(raw) for raw in redis.client.lrange("rq:queue:critical", 0, -1)]


def ended() -> datetime:
    return timezone.now() - timedelta(seconds=1)


def test_a_pause_is_of_something() -> None:
    with pytest.raises(ValueError, match="queue"):
        pauses.pause(reason="x")


def test_pausing_twice_keeps_one_pause_with_the_newer_reason() -> None:
    for reason in ("one", "two"):
        pauses.pause(queue="critical", reason=reason)
        pauses.pause(queue="critical", tenant_id=7, reason=reason)
    assert sorted(Pause.objects.values_list("tenant_id", "reason"), key=str) == [(7, "two"), (None, "two")]


def test_resuming_ends_exactly_that_pause() -> None:
    pauses.pause(queue="critical", reason="x")
    pauses.pause(queue="critical", tenant_id=7, reason="x")
    assert pauses.resume(queue="critical")
    assert not pauses.resume(queue="critical")
    assert Pauses.now().pairs == {("critical", 7)}


@pytest.mark.parametrize(
    ("paused", "held"),
    [
        ({"queue": "critical"}, {"ours", "theirs", "nobody's"}),
        ({"tenant_id": 7}, {"ours"}),
        ({"queue": "critical", "tenant_id": 7}, {"ours"}),
        ({"queue": "emails"}, set()),
        ({"queue": "emails", "tenant_id": 7}, set()),
    ],
)
def test_what_a_pause_covers_is_held_with_its_reason_and_the_rest_is_sent(
    own_redis: RedisServer, paused: dict[str, Any], held: set[str]
) -> None:
    jobs = {"ours": ready(7)[0], "theirs": ready(8)[0], "nobody's": ready(None)[0]}
    pauses.pause(reason="x", **paused)
    tick()
    assert {name for name, job in jobs.items() if state(job) == (S.HELD, HoldReason.PAUSED)} == held
    assert set(hints(own_redis)) == {str(job.pk) for name, job in jobs.items() if name not in held}
    assert {name for name, job in jobs.items() if pauses.pause_of(job)} == held


def test_a_job_that_was_in_redis_already_is_held_too(own_redis: RedisServer) -> None:
    job = tasks.empty.enqueue()
    pauses.pause(queue="critical", reason="x")
    tick()
    assert state(job) == (S.HELD, HoldReason.PAUSED)


def test_what_is_resumed_is_sent_in_turns(own_redis: RedisServer) -> None:
    flood, late = ready(7, 3), ready(8, 1)
    pauses.pause(queue="critical", reason="x")
    tick()
    pauses.resume(queue="critical")
    assert tick() == 4
    tenants = dict(Job.objects.values_list("pk", "tenant_id"))
    order = [tenants[job.pk] for id_ in hints(own_redis) for job in (*flood, *late) if str(job.pk) == id_]
    assert set(order[:2]) == {7, 8}
    causes = JobEvent.objects.filter(job=late[0]).order_by("id").values_list("cause", flat=True)
    assert list(causes) == ["paused", "resumed"]


def test_a_pause_that_is_over_ends_by_itself(own_redis: RedisServer) -> None:
    job = ready(7)[0]
    pauses.pause(queue="critical", reason="x", until=timezone.now() + timedelta(hours=1))
    tick()
    assert state(job) == (S.HELD, HoldReason.PAUSED)
    Pause.objects.update(until=ended())
    assert pauses.pause_of(job) is None
    assert tick() == 1
    assert not Pause.objects.exists()


def test_what_two_pauses_cover_waits_for_both(own_redis: RedisServer) -> None:
    job = ready(7)[0]
    pauses.pause(queue="critical", reason="x")
    pauses.pause(tenant_id=7, reason="y")
    tick()
    pauses.resume(queue="critical")
    tick()
    assert state(job) == (S.HELD, HoldReason.PAUSED)
    pauses.resume(tenant_id=7)
    tick()
    assert state(job) == (S.QUEUED, "")


def test_rows_are_held_in_bounded_portions(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LONGEST_HOLDING", 20)
    monkeypatch.setattr(holding, "BATCH_SIZE", 8)
    ready(7, 50)
    pauses.pause(queue="critical", reason="x")
    counts = []
    for _ in range(3):
        assert tick() == 0
        counts.append(Job.objects.filter(status=S.HELD).count())
    assert (counts, hints(own_redis)) == ([20, 40, 50], [])


def test_a_job_held_by_a_pause_is_not_released_when_redis_comes_back(own_redis: RedisServer) -> None:
    job = ready(7)[0]
    pauses.pause(queue="critical", reason="x")
    own_redis.stop()
    tick()
    own_redis.start()
    tick()
    assert state(job) == (S.HELD, HoldReason.PAUSED)


def test_changing_a_pause_wakes_the_leader(own_redis: RedisServer) -> None:
    pauses.pause(queue="critical", reason="x")
    pauses.resume(queue="critical")
    pauses.lift_rate(queue="emails", until=timezone.now() + timedelta(hours=1), reason="x")
    pauses.restore_rate(queue="emails")
    assert own_redis.client.lrange(waking.WAKE_KEY, 0, -1) == [b"*"] * 4


def test_a_lifted_rate_is_restored_by_hand_or_by_time() -> None:
    later = timezone.now() + timedelta(hours=1)
    pauses.lift_rate(queue="emails", until=later, reason="one")
    lift = pauses.lift_rate(queue="emails", until=later, reason="two")
    assert list(pauses.live_lifts()) == [lift]
    assert (pauses.restore_rate(queue="emails"), pauses.restore_rate(queue="emails")) == (True, False)
    pauses.lift_rate(queue="emails", until=ended(), reason="x")
    assert not pauses.live_lifts().exists()
