"""The roll-up of jobs and attempts into minutes and hours."""

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import histograms, statistics
from jobs.histograms import BUCKETS_MS
from jobs.models import Attempt, DayStat, HourStat, Job, JobStatus, MinuteStat

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The database's clock, standing at half past; `clock(moment)` moves it."""

    def stand(moment: datetime) -> None:
        monkeypatch.setattr(statistics, "database_now", lambda: moment)

    stand(NOON + timedelta(seconds=30))
    return stand


def attempt(
    started: datetime,
    *,
    lasted: float = 2.0,
    outcome: str = "succeeded",
    task: str = "a.task",
    wait_ms: int = 40,
    status: JobStatus = JobStatus.SUCCEEDED,
) -> Attempt:
    job = Job.objects.create(
        task=task, queue="emails", timeout_seconds=9, max_attempts=3, status=status, fence=1,
        created_at=started, due_at=started,
    )  # fmt: skip
    return Attempt.objects.create(
        job=job, number=1, fence=1, outcome=outcome, started_at=started, wait_ms=wait_ms,
        ended_at=started + timedelta(seconds=lasted),
    )  # fmt: skip


def written() -> list[dict[str, Any]]:
    return [dict(row) for row in MinuteStat.objects.order_by("minute", "task").values()]


def test_nothing_happened_and_nothing_is_written() -> None:
    assert statistics.roll_up() == 0


def test_a_minute_holds_what_was_enqueued_started_and_ended_in_it() -> None:
    attempt(NOON + timedelta(seconds=5))
    attempt(NOON + timedelta(seconds=6), lasted=0.02, wait_ms=700)
    attempt(NOON + timedelta(seconds=7), outcome="lost", status=JobStatus.RETRYING)
    attempt(NOON + timedelta(seconds=8), outcome="failed", status=JobStatus.FAILED, lasted=1)
    statistics.roll_up()
    stat = MinuteStat.objects.get()
    assert (stat.minute, stat.queue, stat.task) == (NOON, "emails", "a.task")
    assert (stat.enqueued, stat.succeeded, stat.failed, stat.lost, stat.retried) == (4, 2, 1, 1, 1)
    assert (stat.wait_ms, stat.run_ms, stat.longest_run_ms) == (820, 3020, 2000)
    assert sum(stat.wait_histogram) == 4
    assert stat.run_histogram[BUCKETS_MS.index(20)] == 1
    assert sum(stat.run_histogram) == 3


def test_an_attempt_counts_where_it_started_and_where_it_ended() -> None:
    attempt(NOON - timedelta(seconds=30), lasted=45)
    statistics.roll_up()
    before, after = MinuteStat.objects.order_by("minute")
    assert (before.enqueued, sum(before.wait_histogram), before.succeeded) == (1, 1, 0)
    assert (after.enqueued, sum(after.wait_histogram), after.succeeded) == (0, 0, 1)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.HELD, JobStatus.CANCELLED])
def test_a_retry_stays_counted_whatever_becomes_of_it(clock: Any, status: JobStatus) -> None:
    attempt(NOON, outcome="failed", status=JobStatus.RETRYING)
    statistics.roll_up()
    assert MinuteStat.objects.get().retried == 1
    Job.objects.update(status=status)
    clock(NOON + timedelta(seconds=65))
    statistics.roll_up()
    assert MinuteStat.objects.get().retried == 1


def test_a_failure_that_was_discarded_is_no_retry() -> None:
    attempt(NOON, outcome="failed", status=JobStatus.CANCELLED)
    Job.objects.update(error_code="failed")
    statistics.roll_up()
    assert MinuteStat.objects.get().retried == 0


def test_an_attempt_that_moved_to_another_minute_counts_there_alone(clock: Any) -> None:
    """A batch of claims is written with one time, and each attempt says later when it really began."""
    moved = attempt(NOON, outcome="running", status=JobStatus.RUNNING)
    Job.objects.update(created_at=NOON - timedelta(hours=1))
    Attempt.objects.update(ended_at=None)
    statistics.roll_up()
    Attempt.objects.filter(pk=moved.pk).update(
        started_at=NOON + timedelta(seconds=61), ended_at=NOON + timedelta(seconds=62), outcome="succeeded"
    )
    clock(NOON + timedelta(seconds=65))
    statistics.roll_up()
    assert sum(sum(stat.wait_histogram) for stat in MinuteStat.objects.all()) == 1
    assert sum(sum(stat.wait_histogram) for stat in HourStat.objects.all()) == 1
    assert sum(sum(stat.wait_histogram) for stat in DayStat.objects.all()) == 1


def test_repeating_it_changes_nothing(clock: Any) -> None:
    for seconds in (5, 70, 100, 200):
        attempt(NOON - timedelta(seconds=seconds), task=f"a.task{seconds % 3}")
    statistics.roll_up()
    first, hours = written(), list(HourStat.objects.values())
    statistics.roll_up()
    clock(NOON + timedelta(seconds=3))
    statistics.roll_up()
    assert written() == first
    assert list(HourStat.objects.values()) == hours


def test_what_commits_late_is_still_counted(clock: Any) -> None:
    attempt(NOON + timedelta(seconds=10))
    statistics.roll_up()
    clock(NOON + timedelta(minutes=1, seconds=5))
    statistics.roll_up()
    # Its time lies in a minute that is closed and written.
    attempt(NOON + timedelta(seconds=50))
    clock(NOON + timedelta(minutes=2, seconds=5))
    statistics.roll_up()
    assert MinuteStat.objects.get(minute=NOON).succeeded == 2
    assert HourStat.objects.get(hour=NOON).succeeded == 2


def test_a_pause_of_the_leader_is_filled_in_afterwards(clock: Any) -> None:
    attempt(NOON + timedelta(seconds=10))
    statistics.roll_up()
    for minutes in (2, 59, 60, 200, 201):
        attempt(NOON + timedelta(minutes=minutes), task=f"a.task{minutes}")
    clock(NOON + timedelta(minutes=202, seconds=40))
    statistics.roll_up()
    assert [row["minute"] for row in written()] == [
        NOON + timedelta(minutes=number) for number in (0, 2, 59, 60, 200, 201)
    ]
    assert HourStat.objects.filter(hour=NOON).count() == 3
    assert sum(HourStat.objects.values_list("succeeded", flat=True)) == 6


def test_a_long_gap_is_filled_over_several_calls(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours in range(5):
        attempt(NOON + timedelta(hours=hours))
    clock(NOON + timedelta(hours=5, seconds=40))
    monkeypatch.setattr(statistics, "BUDGET_SECONDS", 0.0001)
    calls = 0
    while len(written()) < 5:
        statistics.roll_up()
        calls += 1
        assert calls < 50
    assert calls > 1


def test_times_long_past_are_kept_by_the_hour_alone(clock: Any) -> None:
    old = NOON - timedelta(days=20)
    attempt(old)
    attempt(old + timedelta(minutes=20))
    attempt(NOON)
    statistics.roll_up()
    assert [row["minute"] for row in written()] == [NOON]
    assert list(DayStat.objects.order_by("day").values_list("succeeded", flat=True)) == [2, 1]
    assert list(HourStat.objects.order_by("hour").values_list("hour", "succeeded")) == [(old, 2), (NOON, 1)]


def test_hours_are_the_sum_of_their_minutes() -> None:
    for minute in range(-30, 0, 7):
        attempt(NOON + timedelta(minutes=minute), lasted=abs(minute))
    statistics.roll_up()
    hour = HourStat.objects.get()
    minutes = MinuteStat.objects.all()
    assert hour.succeeded == sum(stat.succeeded for stat in minutes) == 5
    assert hour.run_ms == sum(stat.run_ms for stat in minutes)
    assert hour.longest_run_ms == 30_000
    assert DayStat.objects.get().run_ms == hour.run_ms
    assert DayStat.objects.get().day == NOON.replace(hour=0)
    assert hour.run_histogram == functools.reduce(histograms.added, (stat.run_histogram for stat in minutes))


def test_old_statistics_are_deleted() -> None:
    attempt(NOON - timedelta(minutes=2))
    attempt(NOON)
    statistics.roll_up()
    assert statistics.prune(minutes_before=NOON, hours_before=NOON) == 3
    assert [row["minute"] for row in written()] == [NOON]
