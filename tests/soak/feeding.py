"""Jobs that keep coming while the faults happen; what was confirmed to the caller is remembered."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from jobs import services
from jobs.batches import open_batch, seal_batch
from jobs.models import Job
from jobs.tasks import chain, enqueue_many
from tests.soak import tasks

# Of one hundred jobs, how many are of each kind.
MIX: dict[str, int] = {
    "short": 46,
    "long": 15,
    "deaf": 5,
    "flaky": 10,
    "hopeless": 5,
    "deadly": 2,
    "later": 6,
    "asked": 5,
    # Several jobs each.
    "chain": 3,
    "batch": 2,
    "orphan": 1,
}


@dataclass
class Feeder:
    """Enqueues jobs of all kinds until it is stopped."""

    seed: int
    # Seconds between two jobs.
    gap_seconds: float
    # How many jobs wait at most: a machine that cannot keep up gets fewer, not an ever longer queue.
    backlog: int
    # What was committed, with its kind; a job that is not in here was never promised to anybody.
    accepted: dict[UUID, str] = field(default_factory=dict)
    refused: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 -- has to be repeatable
        self._makers: dict[str, Callable[[], list[Job]]] = {
            "short": lambda: [tasks.short.enqueue()],
            "long": lambda: [self._long()],
            "deaf": lambda: [tasks.deaf.enqueue(seconds=self._chance.uniform(0.05, 0.5))],
            "flaky": lambda: [tasks.flaky.enqueue()],
            "hopeless": lambda: [tasks.hopeless.enqueue()],
            "deadly": lambda: [tasks.deadly.enqueue()],
            "later": lambda: [self._later()],
            "asked": lambda: [self._long()],
            "chain": lambda: chain(tasks.short.plan(), tasks.deaf.plan(seconds=0.1), tasks.short.plan()),
            "batch": self._batch,
            "orphan": self._orphan,
        }

    def run(self, stop: threading.Event) -> None:
        """Enqueue one job after the other."""
        kinds = list(MIX)
        while not stop.wait(self.gap_seconds):
            try:
                if Job.objects.active().count() >= self.backlog:
                    continue
                kind = self._chance.choices(kinds, weights=list(MIX.values()))[0]
                with transaction.atomic():
                    jobs = self._makers[kind]()
            except (DatabaseError, InterfaceError):
                self.refused += 1
                close_old_connections()
                connection.close()
                continue
            self.accepted.update({job.pk: kind for job in jobs})
            if kind == "asked":
                self._cancel(jobs[0])
            if kind == "orphan":
                self.accepted[jobs[0].pk] = "hopeless"
        connection.close()

    def _long(self) -> Job:
        return tasks.long.enqueue(seconds=self._chance.uniform(0.05, 1.5))

    def _batch(self) -> list[Job]:
        batch = open_batch("soak", then=tasks.close)
        members = enqueue_many([tasks.short.using(batch=batch).plan() for _number in range(4)])
        seal_batch(batch)
        return members

    def _orphan(self) -> list[Job]:
        parent = tasks.hopeless.enqueue()
        return [parent, tasks.short.using(after=[parent]).enqueue()]

    def _later(self) -> Job:
        delay = timedelta(seconds=self._chance.uniform(0.5, 5))
        return tasks.short.using(delay=delay, priority=self._chance.randrange(3)).enqueue()

    def _cancel(self, job: Job) -> None:
        with suppress(DatabaseError, InterfaceError):
            services.cancel_job(job=job, by=None)
