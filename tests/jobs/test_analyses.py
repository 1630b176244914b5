"""The eight analyses: totals, by task, by worker, recent failures, error groups, percentiles, slow jobs, the course."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import analyses, statistics
from jobs.analyses import Period
from jobs.models import Attempt, DayStat, HourStat, Job, JobStatus

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock, at noon and a half minute."""
    for module in (analyses, statistics):
        monkeypatch.setattr(module, "database_now", lambda: NOON + timedelta(seconds=30))


def attempt(
    ended: datetime, *, lasted: float = 2.0, outcome: str = "succeeded", **job_fields: Any
) -> Attempt:
    started = ended - timedelta(seconds=lasted)
    failed = {"status": JobStatus.FAILED, "finished_at": ended} if outcome == "failed" else {}
    job = Job.objects.create(
        **{
            "task": "a.task", "queue": "emails", "timeout_seconds": 10, "max_attempts": 1, "fence": 1,
            "status": JobStatus.SUCCEEDED, "created_at": started, "due_at": started,
        } | failed | job_fields
    )  # fmt: skip
    return Attempt.objects.create(
        job=job,
        number=1,
        fence=1,
        outcome=outcome,
        started_at=started,
        ended_at=ended,
        wait_ms=100,
        worker="w1",
    )


def last_hour() -> Period:
    statistics.roll_up()
    return Period.last(HOUR)


def test_a_period_ends_with_the_open_minute() -> None:
    period = Period.last(HOUR)
    assert (period.since, period.until) == (NOON - HOUR + timedelta(minutes=1), NOON + timedelta(minutes=1))
    assert period.step == timedelta(minutes=1)
    assert len(period.points) == 60
    assert period.before.until == period.since


@pytest.mark.parametrize("hours", [1, 6, 24, 7 * 24, 30 * 24, 400 * 24])
def test_a_course_has_no_more_points_than_a_chart_shows(hours: int) -> None:
    period = Period.last(timedelta(hours=hours))
    assert 1 < len(period.points) <= analyses.MOST_POINTS
    assert period.points[-1] < period.until <= period.points[-1] + period.step


def test_a_period_between_two_moments_covers_both() -> None:
    period = Period.between(NOON + timedelta(seconds=1), NOON + timedelta(seconds=61))
    assert (period.since, period.until) == (NOON, NOON + timedelta(minutes=2))
    with pytest.raises(ValueError, match="after it begins"):
        Period.between(NOON, NOON)


def test_totals_count_each_ending_once() -> None:
    attempt(NOON)
    attempt(NOON - timedelta(minutes=10), outcome="failed")
    attempt(NOON - timedelta(minutes=20), outcome="lost", lasted=9)
    attempt(NOON - timedelta(hours=2))
    total = analyses.read(last_hour()).totals()
    assert (total.enqueued, total.succeeded, total.failed, total.lost) == (3, 1, 1, 1)
    assert total.failure_share == pytest.approx(2 / 3)
    assert total.mean_run_ms == 2000
    assert total.mean_wait_ms == 100


def test_percentiles_never_pass_the_longest_run() -> None:
    for seconds in (1, 2, 2.2):
        attempt(NOON, lasted=seconds)
    total = analyses.read(last_hour()).totals()
    assert 1000 <= (total.run_percentile_ms(0.5) or 0) <= 2000
    assert total.run_percentile_ms(0.99) == 2200


def test_tasks_and_queues_are_told_apart() -> None:
    attempt(NOON, task="b.task", queue="ai")
    attempt(NOON)
    attempt(NOON)
    period = last_hour()
    reading = analyses.read(period)
    assert [(queue, task, tally.succeeded) for queue, task, tally in reading.by_task()] == [
        ("emails", "a.task", 2),
        ("ai", "b.task", 1),
    ]
    assert {name: tally.succeeded for name, tally in reading.by_queue().items()} == {"emails": 2, "ai": 1}
    assert analyses.read(period, queue="ai").totals().succeeded == 1
    assert sum(point.tally.succeeded for point in reading.course("emails")) == 2
    emails = [point.tally.ended for point in reading.course("emails")]
    assert reading.ended_course() == {
        "emails": emails,
        "ai": [point.tally.ended for point in reading.course("ai")],
    }


def test_the_course_places_each_moment() -> None:
    attempt(NOON - timedelta(minutes=30))
    course = analyses.read(last_hour()).course()
    assert [point.at for point in course if point.tally.succeeded] == [NOON - timedelta(minutes=30)]


def test_long_periods_are_read_by_the_hour_and_longer_ones_by_the_day() -> None:
    attempt(NOON - timedelta(days=3, minutes=10))
    statistics.roll_up()
    HourStat.objects.update(succeeded=7)
    DayStat.objects.update(succeeded=9)
    assert analyses.read(Period.last(timedelta(days=7))).totals().succeeded == 7
    assert analyses.read(Period.last(timedelta(days=30))).totals().succeeded == 9


def test_workers_are_counted_by_how_their_attempts_ended() -> None:
    attempt(NOON)
    attempt(NOON - timedelta(minutes=3), outcome="failed", lasted=4)
    attempt(NOON - timedelta(hours=3))
    [figures] = analyses.by_worker(last_hour())
    assert (figures.worker, figures.succeeded, figures.failed, figures.lost) == ("w1", 1, 1, 0)
    assert figures.mean_run_ms == 3000
    assert figures.last_ended_at == NOON


def test_recent_failures_are_jobs_that_failed_for_good() -> None:
    old = attempt(NOON - timedelta(minutes=5), outcome="failed", error_class="KeyError", error_group="aa").job
    new = attempt(NOON, outcome="failed", error_group="bb").job
    attempt(NOON, outcome="failed", status=JobStatus.RETRYING, finished_at=None)
    period = last_hour()
    assert [failure.job_id for failure in analyses.recent_failures(period)] == [new.pk, old.pk]
    [only] = analyses.recent_failures(period, group="aa")
    assert (only.job_id, only.error_class) == (old.pk, "KeyError")


def test_error_groups_gather_what_failed_in_one_way() -> None:
    for minutes in (1, 2, 50):
        attempt(
            NOON - timedelta(minutes=minutes), outcome="failed", error_group="aa", error_class=f"E{minutes}",
            task=f"t{minutes}",
        )  # fmt: skip
    attempt(NOON, outcome="failed", error_group="bb")
    attempt(NOON - timedelta(hours=4), outcome="failed", error_group="aa")
    first, second = analyses.error_groups(last_hour())
    assert (first.group, first.count, first.error_class, first.tasks) == ("aa", 3, "E1", ("t1", "t2", "t50"))
    assert (first.first_at, first.last_at) == (NOON - timedelta(minutes=50), NOON - timedelta(minutes=1))
    assert sum(first.counts) == 3
    assert len(first.counts) == analyses.GROUP_POINTS
    assert second.group == "bb"
    history = analyses.group_history("aa")
    assert (history.count, history.first_at) == (4, NOON - timedelta(hours=4))


@pytest.mark.parametrize("hours", [1, 24])
def test_the_slowest_runs_are_found_whichever_minute_they_are_in(hours: int) -> None:
    # Two long ones in one minute, so that the longest of each minute alone would miss the second.
    for lasted in (50, 49):
        attempt(NOON - timedelta(minutes=30), lasted=lasted)
    for minutes in range(1, 20):
        attempt(NOON - timedelta(minutes=minutes), lasted=minutes)
    attempt(NOON, lasted=100, outcome="lost")
    statistics.roll_up()
    found = analyses.slow_runs(Period.last(timedelta(hours=hours)), 3)
    assert [row.run_seconds for row in found] == [50, 49, 19]
    assert found[0].share_of_limit == 5


def test_nothing_happened_and_every_analysis_is_empty() -> None:
    period = Period.last(HOUR)
    reading = analyses.read(period)
    assert reading.totals().failure_share is None
    assert reading.totals().wait_percentile_ms(0.5) is None
    assert (reading.by_task(), analyses.slow_runs(period), analyses.error_groups(period)) == ([], [], [])
    assert (analyses.by_worker(period), analyses.recent_failures(period)) == ([], [])
    assert len(reading.course()) == 60
