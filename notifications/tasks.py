"""The background work of telling people."""

from jobs.context import RunningJob
from jobs.tasks import Backoff, task
from notifications import delivering

# Half a minute at first, an hour at most: thirty attempts last a day, after which the news is stale.
ATTEMPTS = 30
BACKOFF = Backoff(first_seconds=30, factor=3, longest_seconds=3600, jitter=0.2)


@task(queue="emails", timeout_seconds=60, attempts=ATTEMPTS, backoff=BACKOFF, without_redis="hold")
def deliver(job: RunningJob, delivery_id: str) -> None:
    """Send one notification to one person through one channel."""
    delivering.deliver(job, delivery_id)


# Without Redis it is done where it was asked for: the news may be that Redis is away.
@task(queue="critical", timeout_seconds=60, attempts=ATTEMPTS, backoff=BACKOFF, without_redis="run")
def deliver_to_staff(job: RunningJob, delivery_id: str) -> None:
    """Send one notification about the site itself to one of its staff."""
    delivering.deliver(job, delivery_id)
