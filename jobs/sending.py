"""Ready jobs on their way after the commit, or what their tasks say to do when Redis is away."""

from collections.abc import Sequence

from jobs import dispatch, lifecycle, runner
from jobs.declarations import TASKS, declared
from jobs.lifecycle import Cause
from jobs.models import HoldReason, Job, JobStatus
from jobs.queues import policy_of
from jobs.waking import wake

# Whether a job whose task says so runs where it was asked for. Not in a dispatcher, which has all the others to see
# to: there one runs with each tick.
runs_at_once = True


def send(jobs: Sequence[Job]) -> None:
    """Put ready jobs, just committed, on their way; without Redis each waits or runs here, as its task says."""
    if not jobs or _is_on_its_way(jobs):
        return
    at_once = {
        job.pk
        for job in jobs
        if runs_at_once and (task := declared(job.task)) and task.without_redis == "run"
    }
    dispatch.hold([job for job in jobs if job.pk not in at_once])
    for job_id in at_once:
        runner.run(job_id)


def _is_on_its_way(jobs: Sequence[Job]) -> bool:
    """Whether the jobs of gated queues were left to the leader, which is woken, and the others pushed at once."""
    gated = {job.queue for job in jobs if policy_of(job.queue).is_gated}
    ungated = [job for job in jobs if job.queue not in gated]
    is_pushed = not ungated or dispatch.push(ungated)
    return is_pushed and (not gated or wake(*sorted(gated)))


def run_one_held() -> bool:
    """Whether a job was run here that was held back without Redis although its task needs none."""
    names = [name for name, task in TASKS.items() if task.without_redis == "run"]
    held = Job.objects.filter(status=JobStatus.HELD, hold_reason=HoldReason.REDIS_AWAY, task__in=names)
    first = held.order_by("due_at").values_list("pk", flat=True).first()
    if first is None or not lifecycle.release(held.filter(pk=first), JobStatus.HELD, Cause.DUE):
        return False
    return runner.run(first) is not None
