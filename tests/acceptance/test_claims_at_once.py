"""Claims of several processes at once: however they meet, no job starts twice and no limit is passed."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection

from jobs import lifecycle
from jobs.admission import Seat
from jobs.lifecycle import Record
from jobs.models import Attempt, Job, JobStatus
from tests.support.probe import tasks
from tests.support.processes import Site

pytestmark = pytest.mark.acceptance

PROCESSES = 4
# Long enough for a loaded machine; nothing waits for it when all goes well.
LONGEST_SECONDS = 60.0


def new_jobs(count: int, queue: str) -> list[UUID]:
    rows = [Job(task=tasks.empty.name, queue=queue, timeout_seconds=60, max_attempts=3) for _ in range(count)]
    return [job.pk for job in lifecycle.create_many([lifecycle.Entry(row) for row in rows])]


def at_once(step: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What each of several processes returned that did the same at the same time."""
    # An open file of SQLite may not be shared with a fork.
    connection.close()
    context = multiprocessing.get_context("fork")
    begin_at = time.monotonic() + 1
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        done = [pool.submit(_from, begin_at, step, *arguments) for _ in range(PROCESSES)]
        return [future.result() for future in done]


def _from(begin_at: float, step: Callable[..., Any], *arguments: Any) -> Any:
    time.sleep(max(0.0, begin_at - time.monotonic()))
    try:
        return step(*arguments)
    finally:
        connection.close()


def seat() -> Seat:
    return Seat(worker=f"worker-{os.getpid()}", host="here", pid=os.getpid())


def claim_again_and_again(job_id: UUID) -> int:
    return sum(lifecycle.claim(job_id, seat(), "critical") is not None for _ in range(5))


def test_x16_one_job_delivered_twenty_times_at_once_to_four_processes_starts_once(site: Site) -> None:
    (job_id,) = new_jobs(1, "critical")
    assert sum(at_once(claim_again_and_again, job_id)) == 1
    assert Attempt.objects.filter(job_id=job_id).count() == 1


def claim_the_same(ids: Sequence[UUID]) -> list[UUID]:
    # Each from its own end, so that the processes meet in the middle.
    mine = sorted(ids, reverse=os.getpid() % 2 == 0)
    return [
        job.pk
        for first in range(0, 100, 10)
        for job in lifecycle.claim_many(mine[first : first + 10], seat())
    ]


def test_x16_many_jobs_that_each_process_asks_for_start_once(site: Site) -> None:
    ids = new_jobs(100, "critical")
    claimed = [job_id for some in at_once(claim_the_same, ids) for job_id in some]
    assert sorted(claimed) == sorted(ids)


def run_all(ids: Sequence[UUID], queue: str) -> int:
    """The most jobs that this process saw running at once, while it helped to run all of them."""
    most, ends_at = 0, time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < ends_at:
        left = Job.objects.filter(pk__in=ids).exclude(status=JobStatus.SUCCEEDED)
        for job_id in list(left.values_list("pk", flat=True)):
            if running := lifecycle.claim(job_id, seat(), queue):
                most = max(most, Job.objects.filter(queue=queue, status=JobStatus.RUNNING).count())
                lifecycle.succeed(running, Record())
        if not left.exists():
            return most
    raise OperationalError("the jobs did not end")


def test_no_more_jobs_run_at_once_than_the_queue_has_places(site: Site) -> None:
    ids = new_jobs(40, "validations")
    assert 1 <= max(at_once(run_all, ids, "validations")) <= 2
    assert Attempt.objects.filter(job__in=ids).count() == 40


def claim_all(ids: Sequence[UUID]) -> int:
    # Each in an order of its own, so that the processes meet at the starts and not at the jobs.
    mine = random.Random(os.getpid()).sample(ids, len(ids))  # noqa: S311 -- an order, not a secret
    return sum(len(lifecycle.claim_many(mine[first : first + 5], seat())) for first in range(0, len(mine), 5))


def test_no_more_jobs_start_in_a_window_than_the_rate_says(site: Site) -> None:
    ids = new_jobs(150, "emails")
    assert sum(at_once(claim_all, ids)) <= 100
    # What one process passed by while another one had it is found the next time.
    claim_all(ids)
    assert Job.objects.filter(pk__in=ids, status=JobStatus.RUNNING).count() == 100
    starts = sorted(Attempt.objects.filter(job__in=ids).values_list("started_at", flat=True))
    assert starts[-1] - starts[0] < timedelta(minutes=1)
