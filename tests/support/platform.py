"""Rows of the platform as they are while a site runs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from jobs import leadership
from jobs.models import Job, Leadership, WorkerProcess
from jobs.moments import database_now


def living_worker(name: str, queues: Sequence[str], **fields: Any) -> WorkerProcess:
    """A worker that was just seen."""
    now = database_now()
    defaults: dict[str, Any] = {"host": "here", "pid": 1, "started_at": now, "seen_at": now}
    return WorkerProcess.objects.create(name=name, queues=list(queues), **defaults | fields)


def waiting_job(queue: str, *, waited: timedelta = timedelta(0), **fields: Any) -> Job:
    """A ready job that was due so long ago."""
    due_at = database_now() - waited
    defaults: dict[str, Any] = {
        "task": "tests.nothing",
        "timeout_seconds": 60,
        "max_attempts": 3,
        "created_at": due_at,
        "due_at": due_at,
        "sent_at": due_at,
    }
    return Job.objects.create(queue=queue, **defaults | fields)


def leading_dispatcher(holder: str = "here:1") -> Leadership:
    """A dispatcher that leads for the next minute."""
    now = database_now()
    return Leadership.objects.update_or_create(
        name=leadership.DISPATCHER,
        defaults={"holder": holder, "since": now, "until": now + timedelta(minutes=1)},
    )[0]


@contextmanager
def locked_elsewhere(job: Job) -> Iterator[None]:
    """For the block, another connection holds the job's row in an open transaction."""
    is_locked, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=job.pk)
                is_locked.set()
                may_end.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_locked.wait(30)
        yield
    finally:
        may_end.set()
        thread.join()
