"""Counts of durations by size, which add up over any time and give percentiles back; pure functions.

A histogram is a list of counts, one for each bound in `BUCKETS_MS` and one for what is above the last bound; zeros
at its end are left off. A duration belongs to the first bound that is not below it.
"""

import operator
from collections.abc import Mapping, Sequence
from itertools import zip_longest

_SECOND, _MINUTE, _HOUR = 1000, 60_000, 3_600_000
# Each is at most twice the one before, mostly less: a percentile is wrong by no more than that step.
BUCKETS_MS: tuple[int, ...] = (
    1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700,
    1 * _SECOND, 1500, 2 * _SECOND, 3 * _SECOND, 5 * _SECOND, 7 * _SECOND, 10 * _SECOND, 15 * _SECOND,
    20 * _SECOND, 30 * _SECOND, 45 * _SECOND, 1 * _MINUTE, 90 * _SECOND, 2 * _MINUTE, 3 * _MINUTE, 5 * _MINUTE,
    450 * _SECOND, 10 * _MINUTE, 15 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE, 45 * _MINUTE, 1 * _HOUR,
    2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 12 * _HOUR, 24 * _HOUR,
)  # fmt: skip

Histogram = list[int]


def from_counts(counts: Mapping[int, int]) -> Histogram:
    """The histogram with these counts at these places."""
    return [counts.get(place, 0) for place in range(max(counts) + 1)] if counts else []


def added(first: Sequence[int], second: Sequence[int]) -> Histogram:
    """One histogram of both."""
    if not first or not second:
        return list(first or second)
    if len(first) == len(second):
        return list(map(operator.add, first, second))
    return [left + right for left, right in zip_longest(first, second, fillvalue=0)]


def percentile_ms(histogram: Sequence[int], share: float) -> float | None:
    """The duration that this share (0 to 1) of all does not pass; None when there is none.

    Within its step it is taken as evenly spread; above the last bound it is that bound.
    """
    count = sum(histogram)
    if not count:
        return None
    wanted, seen = share * count, 0
    for place, here in enumerate(histogram):
        if here and seen + here >= wanted:
            if place >= len(BUCKETS_MS):
                break
            lower = BUCKETS_MS[place - 1] if place else 0
            return lower + (BUCKETS_MS[place] - lower) * (wanted - seen) / here
        seen += here
    return float(BUCKETS_MS[-1])
