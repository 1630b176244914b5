"""Who leads: one holder at a time, by the database's clock."""

from datetime import timedelta

import pytest
from django.db.models import F

from jobs.leadership import LEASE, lead, release
from jobs.models import Leadership

pytestmark = pytest.mark.django_db


def let_time_pass(length: timedelta) -> None:
    """Have the row look as it will then, by the database's clock."""
    Leadership.objects.update(until=F("until") - length)


def test_the_first_one_leads_and_the_second_stands_by() -> None:
    assert (lead("x", "one"), lead("x", "two")) == (True, False)


def test_a_leader_that_renews_goes_on_leading_since_it_began() -> None:
    lead("x", "one")
    since = Leadership.objects.get(name="x").since
    for _ in range(4):
        let_time_pass(LEASE / 2)
        assert lead("x", "one")
        assert not lead("x", "two")
    assert Leadership.objects.get(name="x").since == since


def test_a_silent_leader_is_followed_when_its_lease_is_over() -> None:
    lead("x", "one")
    let_time_pass(LEASE + timedelta(milliseconds=1))
    assert (lead("x", "two"), lead("x", "one")) == (True, False)


def test_a_leader_that_stops_in_order_is_followed_at_once() -> None:
    lead("x", "one")
    assert release("x", "one")
    assert lead("x", "two")


def test_only_the_leader_itself_gives_the_leadership_back() -> None:
    lead("x", "one")
    assert not release("x", "two")
    assert not lead("x", "two")


def test_x17_the_clock_of_a_machine_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lead("x", "one")
    for hours in (1, -1):
        monkeypatch.setattr("time.time", lambda hours=hours: 1_800_000_000 + hours * 3600)
        assert not lead("x", "two")
        assert lead("x", "one")


def test_standing_by_writes_nothing(django_assert_num_queries: object) -> None:
    lead("x", "one")
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert not lead("x", "two")
