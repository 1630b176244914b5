"""Ready jobs on their way after the commit, or what their tasks say to do when Redis is away."""

from collections.abc import Sequence

from jobs import dispatch, runner
from jobs.declarations import declared
from jobs.models import Job
from jobs.queues import policy_of
from jobs.waking import wake


def send(jobs: Sequence[Job]) -> None:
    """Put ready jobs, just committed, on their way; without Redis each waits or runs here, as its task says."""
    if not jobs or _is_on_its_way(jobs):
        return
    at_once = {job.pk for job in jobs if (task := declared(job.task)) and task.without_redis == "run"}
    dispatch.hold([job for job in jobs if job.pk not in at_once])
    for job_id in at_once:
        runner.run(job_id)


def _is_on_its_way(jobs: Sequence[Job]) -> bool:
    """Whether the jobs of gated queues were left to the leader, which is woken, and the others pushed at once."""
    gated = {job.queue for job in jobs if policy_of(job.queue).is_gated}
    ungated = [job for job in jobs if job.queue not in gated]
    is_pushed = not ungated or dispatch.push(ungated)
    return is_pushed and (not gated or wake(*sorted(gated)))
