"""Alerts: what is seen, how long it must last, who hears of it, and how often."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from jobs import alerts, census, dispatch, lifecycle, redis_state
from jobs.alerts import Change, rules
from jobs.alerts.rules import CannotTellError, Rule, Scene, Sighting
from jobs.lifecycle import Cause
from jobs.models import (
    Alert,
    AlertKind,
    HoldReason,
    Job,
    JobEvent,
    JobStatus,
    MinuteStat,
    Pause,
    Schedule,
    WorkerProcess,
)
from jobs.moments import database_now
from jobs.redis_state import RedisState
from jobs.signals import alert_changed
from jobs.transport import QUARANTINE_KEY
from organizations.models import User
from tests.support.platform import living_worker, waiting_job

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """What listeners were told: the change and the subject."""
    told: list[tuple[str, str]] = []

    def listen(alert: Alert, change: str, **kwargs: Any) -> None:
        told.append((str(change), alert.subject))

    alert_changed.connect(listen, weak=False, dispatch_uid="test")
    yield told
    alert_changed.disconnect(dispatch_uid="test")


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The subjects that the only rule of this test sees; it cannot tell while "?" is among them."""
    subjects: set[str] = set()

    def look(scene: Scene) -> Iterator[Sighting]:
        if "?" in subjects:
            raise CannotTellError
        for name in sorted(subjects):
            yield Sighting(name, {"ready": len(subjects)})

    rule = Rule(AlertKind.NO_WORKER, look, raise_after=MINUTE, resolve_after=5 * MINUTE)
    monkeypatch.setattr("jobs.alerts.engine.RULES", (rule,))
    return subjects


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time pass for the alerts: their times are moved into the past."""

    def pass_time(length: timedelta) -> None:
        for alert in Alert.objects.all():
            for name in ("pending_since", "raised_at", "told_at", "well_since"):
                if (at := getattr(alert, name)) is not None:
                    setattr(alert, name, at - length)
            alert.save()

    return pass_time


# --- Hysteresis ---------------------------------------------------------------------------------------------


def test_what_is_wrong_is_raised_once_and_only_after_it_lasted(
    wrong: set[str], heard: list[tuple[str, str]], clock: Callable[[timedelta], None]
) -> None:
    wrong.add("emails")
    assert alerts.evaluate() == 0
    clock(MINUTE / 2)
    assert alerts.evaluate() == 0
    clock(MINUTE)
    assert [alerts.evaluate() for _ in range(3)] == [1, 0, 0]
    assert heard == [(Change.RAISED, "emails")]
    assert Alert.objects.get().raised_at is not None


def test_a_blip_leaves_no_trace(wrong: set[str], heard: list[tuple[str, str]]) -> None:
    wrong.add("emails")
    alerts.evaluate()
    wrong.clear()
    alerts.evaluate()
    assert not Alert.objects.exists()
    assert heard == []


def test_a_raised_alert_is_resolved_once_and_only_after_it_was_well_for_long(
    wrong: set[str], heard: list[tuple[str, str]], clock: Callable[[timedelta], None]
) -> None:
    wrong.add("emails")
    alerts.evaluate()
    clock(2 * MINUTE)
    alerts.evaluate()
    wrong.clear()
    alerts.evaluate()
    clock(4 * MINUTE)
    assert alerts.evaluate() == 0
    clock(2 * MINUTE)
    assert [alerts.evaluate() for _ in range(3)] == [1, 0, 0]
    assert heard == [(Change.RAISED, "emails"), (Change.RESOLVED, "emails")]


def test_what_swings_between_wrong_and_well_stays_one_alert(
    wrong: set[str], heard: list[tuple[str, str]], clock: Callable[[timedelta], None]
) -> None:
    wrong.add("emails")
    alerts.evaluate()
    clock(2 * MINUTE)
    for _ in range(5):
        wrong.add("emails")
        alerts.evaluate()
        wrong.clear()
        alerts.evaluate()
        clock(4 * MINUTE)
    assert heard == [(Change.RAISED, "emails")]
    assert Alert.objects.count() == 1


def test_who_cannot_tell_changes_nothing(
    wrong: set[str], heard: list[tuple[str, str]], clock: Callable[[timedelta], None]
) -> None:
    wrong.add("emails")
    alerts.evaluate()
    clock(2 * MINUTE)
    alerts.evaluate()
    wrong.add("?")
    clock(60 * MINUTE)
    assert alerts.evaluate() == 0
    assert Alert.objects.get().well_since is None
    assert heard == [(Change.RAISED, "emails")]


def test_staff_are_reminded_until_somebody_acknowledges_it(
    wrong: set[str], heard: list[tuple[str, str]], clock: Callable[[timedelta], None], superuser: User
) -> None:
    wrong.add("emails")
    alerts.evaluate()
    clock(2 * MINUTE)
    alerts.evaluate()
    clock(timedelta(hours=7))
    assert [alerts.evaluate() for _ in range(2)] == [1, 0]
    assert alerts.acknowledge(alert=Alert.objects.get(), by=superuser)
    assert not alerts.acknowledge(alert=Alert.objects.get(), by=superuser)
    clock(timedelta(hours=7))
    assert alerts.evaluate() == 0
    assert [change for change, _ in heard] == [Change.RAISED, Change.REMINDED]


def test_each_subject_has_an_alert_of_its_own(wrong: set[str], clock: Callable[[timedelta], None]) -> None:
    wrong.update({"emails", "ai"})
    alerts.evaluate()
    clock(2 * MINUTE)
    assert alerts.evaluate() == 2


# --- What the rules see -------------------------------------------------------------------------------------


def sightings(look: Callable[[Scene], Iterator[Sighting]], redis: RedisState | None = None) -> dict[str, Any]:
    scene = Scene()
    if redis is not None:
        scene.__dict__["redis"] = redis
    return {sighting.subject: sighting.params for sighting in look(scene)}


def test_a_site_without_any_worker_has_one_sighting() -> None:
    assert list(sightings(rules.no_worker)) == [""]


def test_a_queue_that_no_living_worker_serves_is_seen(settings: Any) -> None:
    names = [policy.name for policy in settings.JOBS_QUEUES]
    living_worker("w1", [name for name in names if name != "ai"])
    assert list(sightings(rules.no_worker)) == ["ai"]
    living_worker("w2", ["ai"])
    assert sightings(rules.no_worker) == {}


def test_a_worker_that_fell_silent_or_ended_serves_nothing(settings: Any) -> None:
    names = [policy.name for policy in settings.JOBS_QUEUES]
    silent = living_worker("w1", names)
    ended = living_worker("w2", names)
    WorkerProcess.objects.filter(pk=silent.pk).update(seen_at=database_now() - MINUTE)
    WorkerProcess.objects.filter(pk=ended.pk).update(ended_at=database_now())
    assert list(sightings(rules.no_worker)) == [""]


def test_a_queue_is_late_by_its_own_measure() -> None:
    waiting_job("critical", waited=timedelta(minutes=3))
    waiting_job("reports", waited=timedelta(minutes=3))
    assert list(sightings(rules.too_old)) == ["critical"]


def test_what_is_paused_is_not_late() -> None:
    waiting_job("critical", waited=timedelta(hours=1), tenant_id=7)
    waiting_job("reports", waited=timedelta(hours=1))
    assert set(sightings(rules.too_old)) == {"critical", "reports"}
    Pause.objects.create(queue="", tenant_id=7, reason="moving house")
    Pause.objects.create(queue="reports", reason="printer")
    assert sightings(rules.too_old) == {}


def test_the_time_of_a_pause_does_not_count_once_it_is_over() -> None:
    waiting_job("critical", waited=timedelta(hours=1))
    lifecycle.hold(Job.objects.all(), HoldReason.PAUSED, Cause.PAUSED)
    lifecycle.release(Job.objects.all(), JobStatus.HELD, Cause.RESUMED)
    assert sightings(rules.too_old) == {}
    JobEvent.objects.update(at=database_now() - timedelta(minutes=3))
    assert sightings(rules.too_old)["critical"]["seconds"] < 240


def test_a_backlog_is_not_sorted_to_find_its_oldest_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "LOOKED_AT_FOR_OLDEST", 2)
    for minutes in (3, 5, 4):
        waiting_job("critical", waited=minutes * MINUTE)
    Job.objects.filter(due_at__lt=database_now() - 4.5 * MINUTE).update(created_at=database_now())
    assert 240 <= sightings(rules.too_old)["critical"]["seconds"] < 270


@pytest.mark.parametrize(
    ("failed", "succeeded", "expected"),
    [(9, 0, []), (10, 0, ["emails"]), (10, 40, ["emails"]), (10, 41, []), (0, 500, [])],
)
def test_a_failure_rate_needs_enough_failures_and_a_large_enough_part(
    failed: int, succeeded: int, expected: list[str]
) -> None:
    minute = database_now().replace(second=0, microsecond=0) - 2 * MINUTE
    MinuteStat.objects.create(
        minute=minute, queue="emails", task="t", failed=failed // 2, lost=failed - failed // 2
    )
    MinuteStat.objects.create(minute=minute, queue="emails", task="u", succeeded=succeeded)
    assert list(sightings(rules.failures)) == expected


def test_a_job_far_beyond_its_time_limit_is_stuck() -> None:
    now = database_now()
    for minutes, task in ((1, "short"), (5, "long")):
        waiting_job(
            "reports",
            task=task,
            status=JobStatus.RUNNING,
            started_at=now - minutes * MINUTE,
            timeout_seconds=60,
        )
    assert {name: params["jobs"] for name, params in sightings(rules.stuck).items()} == {"long": 1}


def test_x11_a_redis_that_is_away_or_takes_nothing_is_seen() -> None:
    assert sightings(rules.redis_away, RedisState(answers=True, takes_writes=True)) == {}
    assert sightings(rules.redis_away, RedisState(answers=False)) == {"": {"state": "away"}}
    full = RedisState(answers=True, takes_writes=False, trouble="OutOfMemoryError")
    assert sightings(rules.redis_away, full) == {"": {"state": "read_only"}}


def test_f06_an_eviction_policy_and_missing_persistence_are_seen() -> None:
    bad = RedisState(answers=True, takes_writes=True, policy="allkeys-lru", persists=False)
    assert sightings(rules.eviction, bad) == {"": {"policy": "allkeys-lru"}}
    assert sightings(rules.persistence, bad) == {"": {"state": "off"}}
    failing = RedisState(answers=True, policy="noeviction", persists=True, disk_ok=False)
    assert sightings(rules.persistence, failing) == {"": {"state": "failing"}}
    assert sightings(rules.eviction, failing) == {}


@pytest.mark.parametrize("look", [rules.eviction, rules.persistence, rules.quarantine])
def test_what_an_absent_redis_cannot_tell_is_not_taken_for_well(look: Any) -> None:
    with pytest.raises(CannotTellError):
        sightings(look, RedisState(answers=False))


def test_a_schedule_in_trouble_or_late_is_seen_unless_it_is_paused() -> None:
    now = database_now()

    def schedule(name: str, **fields: Any) -> None:
        Schedule.objects.create(name=name, task="t", interval_seconds=60, **fields)

    schedule("well", next_at=now + MINUTE)
    schedule("late", next_at=now - 5 * MINUTE)
    schedule("broken", next_at=now + MINUTE, trouble="unknown_task")
    schedule("paused", next_at=now - 5 * MINUTE, paused_at=now)
    # Skipping a slot while the last job goes on is what its owner chose.
    schedule("overlapped", next_at=now + MINUTE, trouble="overlap")
    schedule("overlapped and late", next_at=now - 5 * MINUTE, trouble="overlap")
    assert sightings(rules.schedule) == {
        "late": {"trouble": "late"},
        "broken": {"trouble": "unknown_task"},
        "overlapped and late": {"trouble": "late"},
    }


def test_f01_a_bad_hint_is_news_for_an_hour() -> None:
    redis = dispatch.connection()
    redis.delete(QUARANTINE_KEY)
    state = redis_state.look()

    def found(at: datetime) -> dict[str, Any]:
        redis.lpush(QUARANTINE_KEY, json.dumps({"at": at.isoformat()}))
        return sightings(rules.quarantine, state)

    try:
        assert sightings(rules.quarantine, state) == {}
        assert found(database_now() - timedelta(hours=2)) == {}
        assert list(found(database_now())) == [""]
    finally:
        redis.delete(QUARANTINE_KEY)


@pytest.mark.parametrize("entry", [b"junk", b"[]", b"{}", b'{"at": 1}', b'{"at": "2026-03-03"}', b"\xff"])
def test_f01_an_entry_in_quarantine_that_nobody_can_read_is_not_news_and_breaks_no_look(
    entry: bytes, own_redis: Any
) -> None:
    dispatch.connection().lpush(QUARANTINE_KEY, entry)
    with pytest.raises(CannotTellError):
        sightings(rules.quarantine, redis_state.look())


def test_the_whole_table_is_judged_on_a_real_site(settings: Any) -> None:
    living_worker("w1", [policy.name for policy in settings.JOBS_QUEUES])
    alerts.evaluate()
    assert not Alert.objects.exclude(kind=AlertKind.PERSISTENCE).exists()
    assert Job.objects.count() == 0


# --- Words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_has_a_sentence_and_advice(kind: AlertKind, language: str) -> None:
    with translation.override(language):
        sentence = alerts.headline(kind, "emails", {"seconds": 200, "policy": "allkeys-lru"})
        assert sentence.endswith((".", "ms d’une requête vide."))
        assert "%(" not in sentence
        assert alerts.advice(kind)


def test_every_kind_but_the_leader_s_has_a_rule() -> None:
    # Without a leader nobody evaluates: probes, metrics and doctor tell of that one.
    assert {rule.kind for rule in rules.RULES} == set(AlertKind) - {AlertKind.NO_LEADER}
