"""What the database does for a job: enqueue, claim and end, one by one and a hundred at a time.

`python -m benchmarks.claims [COUNT]`: COUNT jobs (10,000) on SQLite, and on PostgreSQL where it answers. The floor
beside them is two statements of one row each, committed each by itself. Beside each time stands the CPU time of this
process and of the server's: on a busy machine it says more than the clock.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import django
import psutil

from benchmarks.jobs import percentiles, postgresql_database
from tests.support.processes import WORKER_SETTINGS, redis_server

if TYPE_CHECKING:
    from jobs.models import Job

T = TypeVar("T")

COUNT = 10_000
AT_ONCE = 100
QUEUE = "critical"


def main() -> None:
    """Print the figures of each database, in a process of its own."""
    count = sys.argv[1] if len(sys.argv) > 1 else str(COUNT)
    with tempfile.TemporaryDirectory(prefix="bench-claims-") as folder:
        _measure_in_child(f"sqlite:///{folder}/db.sqlite3", count)
    with postgresql_database() as url:
        if url:
            _measure_in_child(url, count)
        else:
            print("PostgreSQL does not answer: not measured")


def _measure_in_child(url: str, count: str) -> None:
    settings = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": WORKER_SETTINGS, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "benchmarks.claims", "--here", count]
    subprocess.run(command, env={**os.environ, **settings}, check=True)


def measure_here(count: int) -> None:
    """Print the figures of the database that the environment names."""
    with tempfile.TemporaryDirectory(prefix="bench-claims-") as name, redis_server(Path(name)) as redis:
        os.environ["REDIS_URL"] = redis.url
        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        print(f"\n{connection.vendor}, {count} jobs")
        _enqueue(count)
        cpu = _Cpu()
        ids = _created(count)
        cpu.print_each(count)
        _many(ids)
        _one_by_one(_created(count // 10))
        _floor(count // 10)


def _created(count: int) -> list[UUID]:
    """So many queued jobs, enqueued by one call."""
    from jobs.tasks import enqueue_many
    from tests.support.probe import tasks

    jobs, spent = _timed(lambda: enqueue_many([tasks.empty.plan() for _ in range(count)]))
    print(f"  {count} jobs enqueued by one call: {spent / 1000:.2f} s")
    return [job.pk for job in jobs]


def _enqueue(count: int) -> None:
    from django.db import transaction

    from tests.support.probe import tasks

    def once() -> None:
        with transaction.atomic():
            tasks.empty.enqueue()

    once()
    cpu = _Cpu()
    spent = [_timed(once)[1] for _ in range(count // 10)]
    print(f"  enqueue in a transaction, its commit and its push: {percentiles(spent, 50, 99)}")
    cpu.print_each(len(spent))


def _many(ids: Sequence[UUID]) -> None:
    """Print what a hundred jobs at a time cost."""
    claims, ends, cpu = 0.0, 0.0, _Cpu()
    for first in range(0, len(ids), AT_ONCE):
        running, spent = _timed(_claim, ids[first : first + AT_ONCE])
        claims += spent
        ends += _timed(_end, running)[1]
    each = f"claim {claims / len(ids):.3f} ms, end {ends / len(ids):.3f} ms"
    print(f"  {AT_ONCE} at a time: {len(ids) / (claims + ends) * 1000:.0f} jobs a second ({each} each)")
    cpu.print_each(len(ids))


def _one_by_one(ids: Sequence[UUID]) -> None:
    """Print what jobs cost that come alone."""
    claims, ends, cpu = [], [], _Cpu()
    for job_id in ids:
        running, spent = _timed(_claim, [job_id])
        claims.append(spent)
        ends.append(_timed(_end, running)[1])
    print(f"  claim of one: {percentiles(claims, 50, 99)}; its end: {percentiles(ends, 50, 99)}")
    cpu.print_each(len(ids))


def _floor(count: int) -> None:
    """Print what two statements cost that change one row each."""
    from django.db.models import F

    from jobs.models import RateSlot

    def change() -> None:
        RateSlot.objects.filter(queue="emails", number=1).update(number=F("number"))

    spent = [_timed(change)[1] + _timed(change)[1] for _ in range(count)]
    print(f"  floor, two statements of one row: {percentiles(spent, 50, 99)}")


def _claim(ids: Sequence[UUID]) -> "list[Job]":
    from jobs import lifecycle
    from jobs.admission import Seat

    return lifecycle.claim_many(ids, Seat("bench", "here", os.getpid()), QUEUE)


def _end(running: "Sequence[Job]") -> None:
    from jobs import lifecycle

    lifecycle.succeed_many([(job, lifecycle.Record(cpu_seconds=0.01), {"result": None}) for job in running])


class _Cpu:
    """CPU time from now on: of this process, and of PostgreSQL's process for its connection."""

    def __init__(self) -> None:
        self._own, self._server = time.process_time(), self._server_seconds()

    def print_each(self, count: int) -> None:
        """Print the CPU time since then, as that of each of so many jobs."""
        own, server = time.process_time() - self._own, self._server_seconds() - self._server
        print(
            f"    CPU of each: {own * 1000 / count:.2f} ms here, {server * 1000 / count:.2f} ms in the server"
        )

    @staticmethod
    def _server_seconds() -> float:
        from django.db import connection

        if connection.vendor != "postgresql":
            return 0.0
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            used = psutil.Process(cursor.fetchone()[0]).cpu_times()
        return used.user + used.system


def _timed(call: Callable[..., T], *arguments: Any) -> tuple[T, float]:
    """What the call returns, and its milliseconds."""
    began = time.perf_counter()
    result = call(*arguments)
    return result, (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        measure_here(int(sys.argv[2]))
    else:
        main()
