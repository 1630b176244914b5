"""Ready jobs on their way after the commit, or what their tasks say to do when Redis is away."""

from collections.abc import Sequence

from jobs import dispatch, runner
from jobs.declarations import declared
from jobs.models import Job


def send(jobs: Sequence[Job]) -> None:
    """Put ready jobs on their way; without Redis each waits or runs here, as its task says."""
    if not jobs or dispatch.send(jobs):
        return
    at_once = {job.pk for job in jobs if (task := declared(job.task)) and task.without_redis == "run"}
    dispatch.hold([job for job in jobs if job.pk not in at_once])
    for job_id in at_once:
        runner.run(job_id)
