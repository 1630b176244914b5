"""`python -m benchmarks.peers celery|procrastinate COUNT`: durable jobs a second on two processes, as one line of JSON.

All jobs are enqueued before the workers start. The rate is taken from the first to the last end of a job, by the rows
that the queue keeps, so that starting the workers costs nobody anything.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import django

PROCESSES = 2
PATIENCE_SECONDS = 300


def main() -> None:
    """Print the rate of the named queue."""
    name, count = sys.argv[1], int(sys.argv[2])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    rate = {"celery": celery_rate, "procrastinate": procrastinate_rate}[name](count)
    print(json.dumps({"jobs_per_second": round(rate, 1)}))


def celery_rate(count: int) -> float:
    """Jobs a second of one worker with two processes, results in the database."""
    from django_celery_results.models import TaskResult

    from benchmarks.peers.celery_app import empty

    TaskResult.objects.all().delete()
    for _number in range(count):
        empty.delay()
    command = ["-m", "celery", "-A", "benchmarks.peers.celery_app", "worker", "--loglevel", "ERROR"]
    done = TaskResult.objects.filter(status="SUCCESS")
    return _drained([[*command, "--concurrency", str(PROCESSES)]], count, done.count, lambda: _ends(done))


def _ends(rows: Any) -> tuple[Any, Any]:
    from django.db.models import Max, Min

    ends = rows.aggregate(first=Min("date_done"), last=Max("date_done"))
    return ends["first"], ends["last"]


def procrastinate_rate(count: int) -> float:
    """Jobs a second of two workers; the better of one and of ten jobs at a time in each."""
    return max(_procrastinate_rate(count, at_once) for at_once in (1, 10))


def _procrastinate_rate(count: int, at_once: int) -> float:
    from django.db import connection
    from procrastinate.contrib.django.models import ProcrastinateJob

    from benchmarks.peers.tasks import empty

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    empty.batch_defer(*({} for _number in range(count)))
    command = ["-m", "django", "procrastinate", "worker", "--concurrency", str(at_once)]
    done = ProcrastinateJob.objects.filter(status="succeeded")
    return _drained([command] * PROCESSES, count, done.count, _procrastinate_ends)


def _procrastinate_ends() -> tuple[Any, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT min(at), max(at) FROM procrastinate_events WHERE type = 'succeeded'")
        first, last = cursor.fetchone()
    return first, last


def _drained(
    commands: list[list[str]], count: int, done: Callable[[], int], ends: Callable[[], tuple[Any, Any]]
) -> float:
    """The rate at which these workers finished so many jobs.

    Raises: RuntimeError when they do not in time.
    """
    workers = [
        subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        gives_up_at = time.monotonic() + PATIENCE_SECONDS
        while done() < count:
            if time.monotonic() > gives_up_at:
                raise RuntimeError(f"{done()} of {count} jobs were done in {PATIENCE_SECONDS} s")
            time.sleep(0.5)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    first, last = ends()
    return (count - 1) / (last - first).total_seconds()


if __name__ == "__main__":
    main()
