"""What pruning costs, and what others feel of it: `DATABASE_URL=… python -m benchmarks.retention`.

The database is one that `benchmarks.filling` filled; every ended job in it is deleted, with its attempts and its
timeline, while another connection enqueues a job each 50 ms and takes the time.
"""

import os
import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

INTERVAL_SECONDS = 0.05


def run() -> None:
    """Prune the database and print the figures."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.db import connection

    from jobs import pruning
    from jobs.models import Job

    settings.JOBS_QUEUES = tuple(replace(queue, keep_for=timedelta(0)) for queue in settings.JOBS_QUEUES)
    before = Job.objects.count()
    portions = [time.perf_counter()]
    over = threading.Event()
    waits: list[float] = []
    writer = threading.Thread(target=_enqueue_until, args=(over, waits))
    writer.start()
    try:
        deleted = pruning.prune(lambda: portions.append(time.perf_counter()))
    finally:
        over.set()
        writer.join()
    seconds = portions[-1] - portions[0]
    lengths = [b - a for a, b in pairwise(portions)]
    print(f"{connection.vendor}: {deleted['jobs']:,} of {before:,} jobs pruned in {seconds:.0f} s")
    print(f"  a portion with its pause ({len(lengths):,}): {_percentiles(lengths)}")
    print(f"  an enqueue meanwhile ({len(waits):,}): {_percentiles(waits)}")


def _enqueue_until(over: threading.Event, waits: list[float]) -> None:
    from django.db import connection, transaction

    from jobs import lifecycle
    from jobs.models import Job

    while not over.wait(INTERVAL_SECONDS):
        began = time.perf_counter()
        with transaction.atomic():
            job = Job(task="bench.nothing", queue="critical", timeout_seconds=9, max_attempts=1)
            lifecycle.create_many([lifecycle.Entry(job)])
        waits.append(time.perf_counter() - began)
    connection.close()


def _percentiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    at = {share: ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.99, 1.0)}
    return ", ".join(
        f"{name} {at[share] * 1000:.0f} ms" for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    )


if __name__ == "__main__":
    run()
