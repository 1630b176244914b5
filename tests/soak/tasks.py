"""Tasks of each kind that a site has; those that succeed leave exactly one effect, the others none."""

import os
import signal
import time

from jobs.context import RunningJob
from jobs.errors import PermanentError
from jobs.tasks import Backoff, task
from tests.soak.models import Effect, Execution

QUICK = Backoff(first_seconds=0.2, factor=1.5, longest_seconds=2)
# Many more than chaos can use up: what is killed again and again still has to succeed.
MANY = 100


@task(queue="critical", attempts=MANY, backoff=QUICK)
def short(job: RunningJob) -> None:
    """Leave an effect at once."""
    _leave_effect(job)


@task(queue="validations", attempts=MANY, backoff=QUICK, timeout_seconds=60)
def long(job: RunningJob, seconds: float) -> None:
    """Work in steps that can be interrupted, then leave an effect."""
    Execution.objects.create(job_id=job.id)
    _step(job, seconds)
    _leave_effect(job)


@task(queue="integrations", attempts=MANY, backoff=QUICK, timeout_seconds=60)
def deaf(job: RunningJob, seconds: float) -> None:
    """Work without any checkpoint, then leave an effect."""
    Execution.objects.create(job_id=job.id)
    time.sleep(seconds)
    _leave_effect(job)


@task(queue="integrations", attempts=MANY, backoff=QUICK)
def flaky(job: RunningJob) -> None:
    """Fail at the first two tries, then leave an effect."""
    Execution.objects.create(job_id=job.id)
    if Execution.objects.filter(job_id=job.id).count() <= 2:
        raise ConnectionError
    _leave_effect(job)


@task(queue="critical", attempts=MANY, backoff=QUICK)
def close(job: RunningJob, batch_id: str) -> None:
    """Leave an effect once all jobs of a batch have ended."""
    _leave_effect(job)


@task(queue="critical", attempts=3, backoff=QUICK)
def hopeless(job: RunningJob) -> None:
    """Fail for good."""
    raise PermanentError("not-a-table")


@task(queue="integrations", attempts=3, backoff=QUICK)
def deadly(job: RunningJob) -> None:
    """Kill its process every time."""
    os.kill(os.getpid(), signal.SIGKILL)


def _step(job: RunningJob, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        job.progress(int(100 - 100 * (ends_at - time.monotonic()) / seconds), 100)
        time.sleep(0.02)


def _leave_effect(job: RunningJob) -> None:
    with job.completing():
        Effect.objects.create(job_id=job.id, fence=job.fence)
