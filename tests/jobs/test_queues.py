"""The table of queues: what a row may say, and what follows from it."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site

from jobs.queues import QueuePolicy, RateLimit, policy_of


def policy(**fields: Any) -> QueuePolicy:
    needed: dict[str, Any] = {"name": "q", "priority": 0, "timeout_seconds": 1, "attempts": 1}
    return QueuePolicy(**needed | fields)


def test_a_rate_is_a_number_of_starts_in_a_time() -> None:
    assert policy(rate="100/minute").rate_limit == RateLimit(100, timedelta(minutes=1))
    assert policy().rate_limit is None


@pytest.mark.parametrize("rate", ["100", "0/minute", "-1/minute", "ten/minute", "10/week", "10 / minute", ""])
def test_a_rate_that_cannot_be_read_is_refused_when_the_table_is_read(rate: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        policy(rate=rate)


def test_a_queue_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        policy(concurrency=0)


def test_a_light_queue_has_no_places() -> None:
    with pytest.raises(ValueError, match="light lane"):
        policy(lane="light", concurrency=2)


@pytest.mark.parametrize("limit", [{"concurrency": 1}, {"rate": "1/day"}, {"fair": True}])
def test_the_leader_chooses_what_is_sent_of_a_queue_with_limits(limit: dict[str, Any]) -> None:
    assert policy(**limit).is_gated
    assert not policy().is_gated


def test_a_queue_that_left_the_table_has_no_limits() -> None:
    assert not policy_of("gone").is_gated


def test_every_queue_is_served_by_one_role() -> None:
    served = [name for names in site.JOBS_WORKER_ROLES.values() for name in names]
    assert sorted(served) == sorted(queue.name for queue in site.JOBS_QUEUES)
