"""Tasks that misbehave on purpose; what they did is read from the files that they leave."""

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation

from jobs.context import RunningJob
from jobs.errors import PermanentError, PostponeError
from jobs.models import Job
from jobs.tasks import Backoff, Task, task


def on(queue: str, task: Task) -> Task:
    """The same task on another queue, and so perhaps in the other lane."""
    return replace(task, declaration=replace(task.declaration, queue=queue))


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


@task(queue="integrations", timeout_seconds=120, attempts=3, backoff=QUICK)
def outlast(job: RunningJob, path: str, seconds: float) -> None:
    """Note the time of each start; the first one works for so long."""
    _append(path, str(time.time()))
    if job.attempt == 1:
        time.sleep(seconds)


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
def eat_memory(job: RunningJob, mib: int) -> None:
    """Take so much memory, in small steps, and keep it for a while."""
    eaten = []
    for _number in range(mib):
        eaten.append(bytearray(b"x") * 2**20)
        time.sleep(0.001)
    time.sleep(20)


@task(queue="critical", timeout_seconds=1, attempts=3, backoff=QUICK)
def hang_in_c(job: RunningJob, path: str) -> None:
    """Spend minutes in one call that no signal handler of Python gets into."""
    _append(path, f"start {job.attempt} {os.getpid()}")
    sum(range(10**11))


@task(queue="critical", timeout_seconds=120, attempts=3, backoff=QUICK)
def swallow_interruptions(job: RunningJob, path: str) -> None:
    """Note the start, then go on whatever happens."""
    _append(path, f"start {job.attempt} {os.getpid()}")
    while True:
        try:
            time.sleep(0.05)
        except BaseException:  # noqa: BLE001, S112 -- what only the end of the process gets past
            continue


@task(queue="critical", backoff=QUICK)
def leave_traces(job: RunningJob, kind: str) -> None:
    """Change what belongs to the process, and leave it so."""
    match kind:
        case "transaction":
            transaction.atomic().__enter__()
            Job.objects.count()
        case "broken transaction":
            transaction.atomic().__enter__()
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
        case "session":
            _change_session()
        case "language":
            translation.activate("fr")
            timezone.activate("Asia/Tokyo")
        case "locale":
            os.environ["TZ"] = "Asia/Tokyo"
            time.tzset()
        case "handlers":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        case "alarm":
            signal.setitimer(signal.ITIMER_REAL, 0.05)
        case "folder":
            os.chdir("/")
        case "thread":
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def _change_session() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET search_path TO pg_catalog; SELECT pg_advisory_lock(4711)")
        else:
            cursor.execute("PRAGMA query_only = 1")


@task(queue="critical", backoff=QUICK)
def look_around(job: RunningJob, path: str) -> None:
    """Note what of its process a task can see, without the numbers that differ from one process to the next."""
    Job.objects.filter(pk=job.id).update(progress_message="seen")
    seen = [
        translation.get_language(),
        timezone.get_current_timezone_name(),
        time.tzname,
        os.environ.get("TZ"),
        str(Path.cwd()),
        threading.active_count(),
        connection.in_atomic_block,
        signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN,
        signal.getitimer(signal.ITIMER_REAL)[0] > 1,
    ]
    _append(path, f"{job.attempt} {seen}")


@task(queue="critical", attempts=3, backoff=QUICK)
def complete(job: RunningJob, path: str) -> None:
    """Settle itself together with a write of its own."""
    with job.completing():
        Job.objects.filter(pk=job.id).update(progress_message="completed")
    _append(path, "completed")


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


@task(queue="critical", attempts=3, backoff=QUICK)
def sum_up(job: RunningJob, batch_id: str, path: str) -> None:
    """Note which batch is over."""
    _append(path, batch_id)
