"""Rows of the platform as they are while a site runs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

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
