"""What goes wrong, one fault at a time, in an order that the seed decides."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from redis import RedisError

from tests.soak.servers import PostgresServer
from tests.support.processes import RedisServer, Site, WorkerProcess

WORKERS = 3
# Between two faults.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.3, 1.5


@dataclass
class Chaos:
    """Workers that are kept alive, and everything that happens to them and to what they stand on."""

    site: Site
    redis: RedisServer
    postgres: PostgresServer | None
    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    workers: list[WorkerProcess] = field(default_factory=list)
    _frozen: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 -- has to be repeatable

    def run(self, seconds: float, stop: threading.Event) -> None:
        """Make faults for so long, then have everything whole again."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at and not stop.is_set():
            self.keep_workers()
            fault = self._chance.choice(self._possible())
            # A fault that could not be made, such as a lock that the workers leave to nobody, is not counted.
            with suppress(psutil.Error, ProcessLookupError, RedisError, OSError, sqlite3.OperationalError):
                fault()
                self.faults[fault.__name__] += 1
            self._wake_due()
            time.sleep(self._chance.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS))
        self._wake_due(all_of_them=True)
        self.keep_workers()

    def keep_workers(self) -> None:
        """Start as many workers as are missing, as a service manager does."""
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        while len(self.workers) < WORKERS:
            self.workers.append(self.site.worker())

    def _possible(self) -> list[Callable[[], None]]:
        on_workers = [
            self.kill_machine,
            self.kill_parent,
            self.kill_child,
            self.stop_worker,
            self.freeze_worker,
        ]
        on_redis = [self.kill_redis, self.freeze_redis, self.empty_redis, self.delete_hints, self.send_twice]
        on_database = [self.crash_database] if self.postgres else [self.lock_database]
        return [*on_workers, *on_workers, *on_redis, *on_database]

    def _any_worker(self) -> WorkerProcess:
        return self._chance.choice(self.workers)

    # --- Workers --------------------------------------------------------------------------------------------

    def kill_machine(self) -> None:
        """A worker with all its processes."""
        self._any_worker().kill_all()

    def kill_parent(self) -> None:
        """A worker's parent alone."""
        os.kill(self._any_worker().pid, signal.SIGKILL)

    def kill_child(self) -> None:
        """A dispatcher or a work-horse."""
        children = self._any_worker().children()
        if children:
            os.kill(self._chance.choice(children), signal.SIGKILL)

    def stop_worker(self) -> None:
        """A worker is asked to stop, as at a deploy."""
        os.kill(self._any_worker().pid, signal.SIGTERM)

    def freeze_worker(self) -> None:
        """A whole worker stands still for longer than its lease, then goes on as if nothing had been."""
        worker = self._any_worker()
        until = time.monotonic() + self.site.lease_seconds * self._chance.uniform(0.5, 2)
        for pid in (worker.pid, *worker.children()):
            os.kill(pid, signal.SIGSTOP)
            self._frozen.append((until, pid))

    def _wake_due(self, *, all_of_them: bool = False) -> None:
        now = time.monotonic()
        for until, pid in self._frozen:
            if all_of_them or until <= now:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        self._frozen = [] if all_of_them else [(until, pid) for until, pid in self._frozen if until > now]

    # --- Redis ----------------------------------------------------------------------------------------------

    def kill_redis(self) -> None:
        """Redis dies and comes back empty."""
        self.redis.stop()
        time.sleep(self._chance.uniform(0.2, 2))
        self.redis.start()

    def freeze_redis(self) -> None:
        """Redis takes connections and does not answer."""
        self.redis.send(signal.SIGSTOP)
        time.sleep(self._chance.uniform(0.5, 3))
        self.redis.send(signal.SIGCONT)

    def empty_redis(self) -> None:
        """Everything in Redis is deleted."""
        self.redis.client.flushall()

    def delete_hints(self) -> None:
        """Some entries are deleted by hand, half of a hint among them."""
        keys = self.redis.client.keys("rq:*")
        for key in self._chance.sample(keys, min(5, len(keys))):
            self.redis.client.delete(key)

    def send_twice(self) -> None:
        """The ids that wait are in their queues several times."""
        client = self.redis.client
        for key in client.keys("rq:queue:*"):
            for raw_id in client.lrange(key, 0, 20):
                client.rpush(key, raw_id, raw_id)

    # --- Database -------------------------------------------------------------------------------------------

    def crash_database(self) -> None:
        """PostgreSQL loses power and recovers."""
        if self.postgres:
            self.postgres.crash()
            time.sleep(self._chance.uniform(0.1, 2))
            self.postgres.start()

    def lock_database(self) -> None:
        """Somebody holds SQLite's only write lock."""
        path = Path(self.site.database_url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(path, isolation_level=None, timeout=20)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            time.sleep(self._chance.uniform(0.5, 3))
            holder.execute("ROLLBACK")
