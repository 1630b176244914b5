"""When a failed job is tried again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.retries import Backoff, delay_after, delay_after_loss

POLICY = Backoff(first_seconds=10, factor=3, longest_seconds=600, jitter=0.2)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 10), (2, 30), (3, 90), (4, 270), (5, 600), (6, 600)])
def test_the_delay_grows_by_the_factor_up_to_the_longest(attempt: int, seconds: int) -> None:
    assert delay_after(attempt, POLICY, chance=0.5) == timedelta(seconds=seconds)


def test_chance_moves_the_delay_by_the_jitter_both_ways() -> None:
    assert delay_after(1, POLICY, chance=0.0) == timedelta(seconds=8)
    assert delay_after(1, POLICY, chance=1.0) == timedelta(seconds=12)


@given(attempt=st.integers(min_value=1, max_value=32_000), chance=st.floats(min_value=0, max_value=1))
def test_no_attempt_waits_longer_than_the_longest_delay_and_its_jitter(attempt: int, chance: float) -> None:
    assert timedelta(0) <= delay_after(attempt, POLICY, chance=chance) <= timedelta(seconds=600 * 1.2)


def test_without_a_given_chance_delays_differ() -> None:
    assert len({delay_after(1, POLICY) for _ in range(20)}) > 1


def test_a_first_lost_attempt_is_repeated_at_once() -> None:
    assert delay_after_loss(1, POLICY) == timedelta(0)


def test_a_second_lost_attempt_waits_since_the_task_may_be_the_killer() -> None:
    assert delay_after_loss(2, POLICY, chance=0.5) == timedelta(seconds=10)


@pytest.mark.parametrize(
    "wrong", [{"first_seconds": -1}, {"factor": 0.5}, {"longest_seconds": -1}, {"jitter": 1.5}]
)
def test_a_back_off_that_cannot_be_kept_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="back-off"):
        Backoff(**wrong)
