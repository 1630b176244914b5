"""What the job platform costs: over bare RQ, at enqueue, in database statements, and until an idle worker wakes.

`python -m benchmarks.jobs [COUNT]`: COUNT empty jobs (200) on SQLite, and on PostgreSQL where it answers, each with a
Redis server and worker processes of its own. Bare RQ is the stock worker, job and queue classes, started by the same
command in the same project, so that both fork the same process; both drain the same number of jobs in turns, three
times. Times are taken from the first start to the last end of a job, by the workers' own records.
"""

import math
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import django
import psycopg
from psycopg import sql

from tests.support.processes import WORKER_SETTINGS, RedisServer, Site, redis_server, wait_until

COUNT = 200
ROUNDS = 3
PICK_UPS = 40
# With a frozen Redis the first enqueue waits for its time-out; those of the next two seconds do not.
FEW = 20
HEAVY_SETTINGS = "benchmarks.heavy_settings"
STOCK = ("--worker-class", "rq.Worker", "--job-class", "rq.job.Job", "--queue-class", "rq.Queue")
# Milliseconds of each job and CPU seconds of the worker that drained so many.
Drain = Callable[[Site, RedisServer, int], tuple[float, float]]
POSTGRESQL = os.environ.get("TEST_DATABASE_URL", "postgresql:///postgres?host=/var/run/postgresql")


def main() -> None:
    """Print the figures of each database, in a process of its own."""
    count = sys.argv[1] if len(sys.argv) > 1 else str(COUNT)
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder:
        _measure_in_child(f"sqlite:///{folder}/db.sqlite3", count)
    with postgresql_database() as url:
        if url:
            _measure_in_child(url, count)
        else:
            print("PostgreSQL does not answer: not measured")


def _measure_in_child(url: str, count: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": WORKER_SETTINGS,
        "LOG_LEVEL": "ERROR",
    }
    subprocess.run([sys.executable, "-m", "benchmarks.jobs", "--here", count], env=environment, check=True)


def measure_here(count: int) -> None:
    """Print the figures of the database that the environment names."""
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as name, redis_server(Path(name)) as redis:
        os.environ["REDIS_URL"] = redis.url
        django.setup()
        # Models and tasks can be imported only now.
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        print(f"\n{connection.vendor}, {count} jobs")
        site = Site(redis.url, os.environ["DATABASE_URL"], Path(name), lease_seconds=30, tick_seconds=1)
        try:
            _statements()
            _against_bare_rq(site, redis, count)
            site.settings_module = WORKER_SETTINGS
            for queue in ("critical", "validations"):
                _pick_up(site, queue)
            _enqueue(redis, count)
        finally:
            site.close()


def _statements() -> None:
    """Print what one empty job asks of the database."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from jobs import runner
    from tests.support.probe import tasks

    with CaptureQueriesContext(connection) as enqueue:
        job = tasks.empty.enqueue()
    with CaptureQueriesContext(connection) as run:
        runner.run(job.pk)
    for name, captured in (("enqueue", enqueue), ("claim and settle", run)):
        words = [str(query["sql"]).split()[0] for query in captured.captured_queries]
        print(f"  statements of {name}: {len(words)} ({' '.join(words)})")


def _against_bare_rq(site: Site, redis: RedisServer, count: int) -> None:
    """Print the time and the CPU time of an empty job in the heavy lane, on RQ's worker, and the difference."""
    site.settings_module = HEAVY_SETTINGS
    start_seconds = {drain: drain(site, redis, 1)[1] for drain in (_drain_bare, _drain_ours)}
    walls: dict[Drain, list[float]] = {drain: [] for drain in start_seconds}
    cpus: dict[Drain, list[float]] = {drain: [] for drain in start_seconds}
    for _round in range(ROUNDS):
        for drain, start in start_seconds.items():
            wall_ms, cpu_seconds = drain(site, redis, count + 1)
            walls[drain].append(wall_ms)
            # What is left is that of `count` jobs: starting the process and its first job are taken off.
            cpus[drain].append((cpu_seconds - start) * 1000 / count)
    for name, values in (("time", walls), ("CPU time", cpus)):
        bare, ours = (statistics.median(values[drain]) for drain in (_drain_bare, _drain_ours))
        rounds = f"bare {_listed(values[_drain_bare])}, on rows {_listed(values[_drain_ours])}"
        print(
            f"  {name} of a job on bare RQ {bare:.1f} ms, on rows {ours:.1f} ms: {ours - bare:+.1f} ms ({rounds})"
        )


def _drain_ours(site: Site, _redis: RedisServer, count: int) -> tuple[float, float]:
    """Milliseconds of each job, and CPU seconds of the whole worker."""
    from jobs.models import Attempt
    from tests.support.probe import tasks

    mine = [tasks.empty.enqueue().pk for _ in range(count)]
    cpu_seconds = _cpu_of_burst(site)
    attempts = Attempt.objects.filter(job__in=mine)
    started = min(attempts.values_list("started_at", flat=True))
    ended = max(at for at in attempts.values_list("ended_at", flat=True) if at)
    return _ms_each(started, ended, count), cpu_seconds


def _drain_bare(site: Site, redis: RedisServer, count: int) -> tuple[float, float]:
    """Milliseconds of each job, and CPU seconds of the whole worker."""
    from rq import Queue

    queue = Queue("critical", connection=redis.client)
    # Loaded in every process already: an import in each work-horse would be charged to RQ.
    jobs = [queue.enqueue("os.getpid", result_ttl=500) for _ in range(count)]
    cpu_seconds = _cpu_of_burst(site, *STOCK)
    for job in jobs:
        job.refresh()  # type: ignore[no-untyped-call]  # RQ is typed in part
    started = min(job.started_at for job in jobs if job.started_at)
    ended = max(job.ended_at for job in jobs if job.ended_at)
    return _ms_each(started, ended, count), cpu_seconds


def _cpu_of_burst(site: Site, *options: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    site.burst("critical", "--verbosity", "0", *options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _pick_up(site: Site, queue: str) -> None:
    """Print how long a job waits while a worker is idle: one that is pushed at enqueue, or sent by the leader."""
    from jobs.models import Attempt, Job, JobStatus
    from jobs.queues import policy_of
    from tests.support.probe import tasks

    worker = site.worker(queue)
    waits = []
    for _number in range(PICK_UPS + 1):
        job = (
            tasks.dawdle.enqueue(path=str(site.folder / "out"), seconds=0)
            if policy_of(queue).is_gated
            else tasks.empty.enqueue()
        )
        wait_until(lambda: Job.objects.filter(pk=job.pk, status=JobStatus.SUCCEEDED).exists())  # noqa: B023 -- at once
        waits.append(float(Attempt.objects.get(job=job).wait_ms))
        time.sleep(0.1)
    worker.process.terminate()
    worker.process.wait()
    # The first one waited for the worker to start.
    kind = "gated" if policy_of(queue).is_gated else "ungated"
    print(f"  pick-up by an idle worker, {kind} queue: {percentiles(waits[1:], 50, 95)}")


def _enqueue(redis: RedisServer, count: int) -> None:
    """Print what an enqueue in a transaction takes with Redis there, frozen and refusing."""
    from jobs import failfast

    _timed(1)
    print(f"  enqueue, Redis there: {percentiles(_timed(count), 50, 99)}")
    redis.send(signal.SIGSTOP)
    _print_first_and_following("frozen")
    redis.send(signal.SIGCONT)
    redis.stop()
    # By then the pause that the frozen Redis caused is over, and the next enqueue tries Redis again.
    time.sleep(failfast.PAUSE_SECONDS + 0.5)
    _print_first_and_following("refusing")


def _print_first_and_following(state: str) -> None:
    """Print what the enqueue takes that meets the state, and what the next ones take, which do not even try."""
    first, *following = _timed(FEW)
    print(
        f"  enqueue, Redis {state}: the first {first:.1f} ms, the following {percentiles(following, 50, 100)}"
    )


def _timed(count: int) -> list[float]:
    from django.db import transaction

    from tests.support.probe import tasks

    def once() -> None:
        with transaction.atomic():
            tasks.empty.enqueue()

    return [_milliseconds(once) for _ in range(count)]


def _milliseconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def percentiles(values: list[float], *percents: int) -> str:
    """These percentiles of milliseconds, in words."""
    ordered = sorted(values)
    shown = (
        f"p{percent} {ordered[math.ceil(len(ordered) * percent / 100) - 1]:.1f} ms" for percent in percents
    )
    return ", ".join(shown)


def _listed(values: list[float]) -> str:
    return "/".join(f"{value:.1f}" for value in values)


def _ms_each(started: datetime, ended: datetime, count: int) -> float:
    return (ended - started).total_seconds() * 1000 / count


@contextmanager
def postgresql_database() -> Iterator[str]:
    """The address of a new database, or nothing where there is no PostgreSQL."""
    try:
        admin = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        yield ""
        return
    name = f"bench_jobs_{uuid4().hex[:8]}"
    with admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield POSTGRESQL.replace(f"/{admin.info.dbname}", f"/{name}", 1)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        measure_here(int(sys.argv[2]))
    else:
        main()
