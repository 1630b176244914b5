"""What is active, counted: exactly while it is little, up to a limit when it is much."""

from datetime import timedelta
from typing import Any

import pytest

from jobs import census
from jobs.models import HoldReason, JobStatus, Pause
from jobs.moments import database_now
from tests.support.platform import leading_dispatcher, living_worker, waiting_job

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["little", "much"])
def backlog(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of counting."""
    if request.param == "much":
        monkeypatch.setattr(census, "EXACT_UP_TO", 0)
    return str(request.param)


def test_jobs_are_counted_by_queue_status_and_reason(backlog: str) -> None:
    for minutes in (3, 1, 2):
        waiting_job("emails", waited=timedelta(minutes=minutes))
    for reason in (HoldReason.PAUSED, HoldReason.PAUSED, HoldReason.REDIS_AWAY):
        waiting_job("emails", status=JobStatus.HELD, hold_reason=reason)
    for status in (JobStatus.RUNNING, JobStatus.SCHEDULED, JobStatus.RETRYING, JobStatus.BLOCKED):
        waiting_job("reports", status=status)
    for status in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED):
        waiting_job("emails", status=status)
    now = census.take()
    emails, reports = now.queues["emails"], now.queues["reports"]
    assert (emails.ready, emails.held) == (3, {"paused": 2, "redis_away": 1})
    assert 179 < emails.oldest_seconds < 240
    assert (reports.running, reports.scheduled, reports.retrying, reports.blocked) == (1, 1, 1, 1)
    assert reports.oldest_seconds == 0


def test_an_empty_site_has_every_queue_and_nothing_in_it(backlog: str, settings: Any) -> None:
    now = census.take()
    assert list(now.queues) == [policy.name for policy in settings.JOBS_QUEUES]
    assert all(queue == census.QueueCensus(queue.name) for queue in now.queues.values())
    assert (now.workers, now.leader) == ([], None)


def test_the_count_of_a_large_backlog_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "EXACT_UP_TO", 2)
    monkeypatch.setattr(census, "COUNT_LIMIT", 2)
    waiting_job("emails", waited=timedelta(minutes=5))
    for _ in range(4):
        waiting_job("emails")
    emails = census.take().queues["emails"]
    assert emails.ready == 2
    assert 299 < emails.oldest_seconds < 360


def test_workers_pauses_and_the_leader_are_of_this_moment() -> None:
    living_worker("w1", ["emails", "no-such-queue"])
    living_worker("w2", ["emails"], seen_at=database_now() - timedelta(minutes=1))
    Pause.objects.create(queue="reports", reason="printer")
    Pause.objects.create(queue="ai", reason="over", until=database_now() - timedelta(minutes=1))
    Pause.objects.create(queue="emails", tenant_id=7, reason="one customer")
    leading_dispatcher("w1@here")
    now = census.take()
    assert (now.queues["emails"].workers, now.queues["ai"].workers) == (1, 0)
    assert [name for name, queue in now.queues.items() if queue.is_paused] == ["reports"]
    assert now.leader is not None
    assert now.leader.holder == "w1@here"
    assert "emails" not in now.unserved
