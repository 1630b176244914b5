"""Tasks that misbehave on purpose; what they did is read from the files that they leave."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from jobs.context import RunningJob
from jobs.errors import PermanentError, PostponeError
from jobs.models import Job
from jobs.tasks import Backoff, task

QUICK = Backoff(first_seconds=0.1, factor=1, longest_seconds=0.1, jitter=0)


@task(queue="critical", backoff=QUICK)
def note(job: RunningJob, path: str, text: str = "x") -> dict[str, Any] | None:
    """Add one line to a file."""
    _append(path, text)
    return {"text": text}


@task(queue="critical", backoff=QUICK)
def empty(job: RunningJob) -> None:
    """Do nothing."""


@task(queue="critical", attempts=2, backoff=QUICK)
def count_too_far(job: RunningJob) -> None:
    """Report, too soon to be written at once, what no column holds, and end well."""
    job.progress(1, 2)
    job.progress(10**30, 10**30)


@task(queue="critical", backoff=QUICK)
def look_into_the_database(job: RunningJob, path: str) -> None:
    """Note what the job's own row says, read on a connection of this process."""
    _append(path, Job.objects.get(pk=job.id).status)


@task(queue="validations", timeout_seconds=120, attempts=3, backoff=QUICK)
def dawdle(job: RunningJob, path: str, seconds: float) -> None:
    """Note the start, work in small steps with checkpoints, note the end."""
    _append(path, f"start {job.attempt} {os.getpid()}")
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        job.progress(int(100 - 100 * (ends_at - time.monotonic()) / seconds), 100)
        time.sleep(0.02)
    with job.completing():
        pass
    _append(path, f"end {job.attempt}")


@task(queue="validations", timeout_seconds=120, attempts=3, backoff=QUICK)
def be_deaf(job: RunningJob, path: str, seconds: float) -> None:
    """Note the start, sleep without any checkpoint, note the end."""
    _append(path, f"start {job.attempt} {os.getpid()}")
    time.sleep(seconds)
    _append(path, f"end {job.attempt}")


@task(queue="critical", attempts=3, backoff=QUICK)
def fail_until(job: RunningJob, path: str, attempt: int) -> None:
    """Raise with a planted value until that attempt."""
    _append(path, f"attempt {job.attempt}")
    if job.attempt < attempt:
        raise ValueError("TREMBLAY")


@task(queue="critical", attempts=3, backoff=QUICK)
def refuse(job: RunningJob) -> None:
    """Fail for good."""
    raise PermanentError("not-a-table", line=3)


@task(queue="critical", attempts=3, backoff=QUICK)
def postpone_once(job: RunningJob, path: str) -> None:
    """Ask for a later time at the first try."""
    _append(path, f"attempt {job.attempt}")
    if len(Path(path).read_text().splitlines()) == 1:
        raise PostponeError(timedelta(milliseconds=100))


@task(queue="critical", attempts=3, backoff=QUICK)
def kill_itself(job: RunningJob, path: str) -> None:
    """Die as if the kernel had killed it for its memory."""
    _append(path, f"attempt {job.attempt}")
    os.kill(os.getpid(), signal.SIGKILL)


@task(queue="critical", attempts=3, backoff=QUICK)
def leave(job: RunningJob) -> None:
    """Leave the process with exit status 0 and no word."""
    os._exit(0)


@task(queue="critical", timeout_seconds=1, attempts=3, backoff=QUICK)
def swallow_errors(job: RunningJob) -> None:
    """Loop for ever and catch whatever it can."""
    while True:
        try:
            time.sleep(0.05)
        except Exception:  # noqa: BLE001, S112 -- what the time limit has to get past
            continue


@task(queue="critical", attempts=3, backoff=QUICK)
def lose_the_database(job: RunningJob, path: str) -> None:
    """Have its database connection reset at the first try, inside of a transaction."""
    _append(path, f"attempt {job.attempt}")
    if job.attempt == 1:
        connection.ensure_connection()
        with job.completing():
            connection.connection.close()
    else:
        job.progress(1, 1)


@task(queue="critical", without_redis="run")
def run_anyway(job: RunningJob, path: str) -> None:
    """Add one line to a file, with or without Redis."""
    _append(path, f"pid {os.getpid()}")


def _append(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text + "\n")
