"""Which queue a worker takes from next, and how many jobs of it at a time."""

from collections.abc import Sequence
from typing import TypeVar

from jobs.queues import policy_of
from jobs.workers.horse import MOST_JOBS

Q = TypeVar("Q")

# Of as many takes, one begins with another queue each time: none waits for ever behind busy ones.
TAKES_PER_TURN = 8
# Jobs of the light lane that are claimed together at most.
LARGEST_LOAD = 100
# Of a queue of which nothing is known yet; the next load may be this many times as large as the last.
FIRST_LOAD = 10
GROWTH = 4
# A load is to last about so long: the jobs of it wait for one another.
LOAD_SECONDS = 1.0

assert LARGEST_LOAD <= MOST_JOBS  # noqa: S101 -- of two modules


class Taking:
    """The memory of one worker: how often it took, and how long the jobs of each queue lasted."""

    def __init__(self) -> None:
        self._loads: dict[str, int] = {}
        self._takes = 0

    def order(self, queues: Sequence[Q]) -> Sequence[Q]:
        """The queues, given from the most urgent down, in the order in which to look at them now."""
        turn, place = divmod(self._takes, TAKES_PER_TURN)
        if place < TAKES_PER_TURN - 1:
            return queues
        first = turn % len(queues)
        return [*queues[first:], *queues[:first]]

    def took(self) -> None:
        """Count a take that found something."""
        self._takes += 1

    def load_of(self, queue_name: str) -> int:
        """How many jobs of the queue to claim together."""
        policy = policy_of(queue_name)
        # One start at a time where starts are counted: a load that is refused in part would go back and forth.
        if not policy.is_light or policy.rate is not None:
            return 1
        return self._loads.get(queue_name, FIRST_LOAD)

    def learn(self, queue_name: str, jobs: int, seconds: float) -> None:
        """Fit the next load to how long so many jobs lasted."""
        fitting = int(jobs * LOAD_SECONDS / max(seconds, 0.001))
        self._loads[queue_name] = max(1, min(fitting, jobs * GROWTH, LARGEST_LOAD))
