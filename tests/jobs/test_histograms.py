"""Histograms add up, and give percentiles back that are right within one step."""

import random
from bisect import bisect_left
from itertools import pairwise

from jobs import histograms
from jobs.histograms import BUCKETS_MS


def place_of(duration_ms: float) -> int:
    """The place of the first bound that is not below."""
    return bisect_left(BUCKETS_MS, duration_ms)


def histogram_of(durations_ms: list[float]) -> list[int]:
    counts: dict[int, int] = {}
    for duration in durations_ms:
        place = place_of(duration)
        counts[place] = counts.get(place, 0) + 1
    return histograms.from_counts(counts)


def test_nothing_has_no_percentile() -> None:
    assert histograms.percentile_ms([], 0.5) is None
    assert histograms.from_counts({}) == []


def test_bounds_are_at_most_twice_the_one_before() -> None:
    steps = [after / before for before, after in pairwise(BUCKETS_MS)]
    assert min(steps) > 1
    assert max(steps) <= 2


def test_percentiles_are_right_within_one_step() -> None:
    chance = random.Random(3)  # noqa: S311 -- invents durations
    durations = [chance.lognormvariate(6, 1.5) for _number in range(5000)]
    ordered = sorted(durations)
    for share in (0.5, 0.95, 0.99):
        found = histograms.percentile_ms(histogram_of(durations), share)
        true = ordered[int(share * len(ordered)) - 1]
        assert found is not None
        assert abs(place_of(found) - place_of(true)) <= 1


def test_the_sum_of_two_halves_is_the_whole() -> None:
    first, second = [1.0, 30, 90_000], [2.0, 31, 5]
    both = histograms.added(histogram_of(first), histogram_of(second))
    assert both == histogram_of(first + second) == histograms.added(histogram_of(second), histogram_of(first))


def test_what_is_above_the_last_bound_counts_as_that_bound() -> None:
    assert histograms.percentile_ms(histogram_of([BUCKETS_MS[-1] * 2.0]), 0.5) == BUCKETS_MS[-1]
