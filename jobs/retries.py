"""When to try again: pure functions over a policy."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: growing by a factor, up to a limit, never all at once."""

    first_seconds: float = 10
    factor: float = 3
    longest_seconds: float = 600
    # The part of the delay by which chance moves it: jobs that failed together are not to return together.
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.first_seconds < 0 or self.longest_seconds < 0 or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise ValueError(f"not a back-off that can be kept: {self}")


def delay_after(attempt: int, backoff: Backoff, *, chance: float | None = None) -> timedelta:
    """The wait between this attempt, the first being 1, and the next one.

    Units: `chance` is from 0 to 1 and moves the delay by the policy's jitter; without it, it is drawn.
    """
    # The exponent is bounded, since a float overflows long before anybody waits that long.
    seconds = min(backoff.longest_seconds, backoff.first_seconds * backoff.factor ** min(attempt - 1, 60))
    moved = 1 + backoff.jitter * (2 * _drawn(chance) - 1)
    return timedelta(seconds=seconds * moved)


def delay_after_loss(attempt: int, backoff: Backoff, *, chance: float | None = None) -> timedelta:
    """The wait after an attempt whose process died: none at first, since the next machine may well be sound.

    From the second time on the policy's back-off applies: the task itself may be what kills its process.
    """
    return timedelta(0) if attempt <= 1 else delay_after(attempt - 1, backoff, chance=chance)


def _drawn(chance: float | None) -> float:
    return random.random() if chance is None else chance  # noqa: S311 -- spreads load, keeps no secret
