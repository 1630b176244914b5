"""Jobs in tests: what was enqueued, and running it here through the same runner that workers use."""

from datetime import timedelta
from typing import Any

from jobs import followups, holding, lifecycle, runner
from jobs.lifecycle import Entry
from jobs.models import WAITING_STATUSES, Job, JobStatus
from jobs.pauses import Pauses
from jobs.runner import Outcome
from jobs.tasks import Task


def enqueued(task: Task, **arguments: Any) -> list[Job]:
    """The waiting jobs of the task that have these arguments among theirs, the oldest first."""
    jobs = Job.objects.filter(task=task.name, status__in=sorted(WAITING_STATUSES)).order_by("created_at")
    return [job for job in jobs if arguments.items() <= job.arguments.items()]


def created(job: Job, *, delay: timedelta | None = None, blocked: bool = False) -> Job:
    """The job, now a row: ready to be sent, scheduled for later, or blocked."""
    return lifecycle.create_many([Entry(job, delay, blocked)])[0]


def assert_enqueued(task: Task, **arguments: Any) -> Job:
    """The one waiting job of the task with these arguments.

    Raises: AssertionError when there is none, or more than one.
    """
    found = enqueued(task, **arguments)
    waiting = list(Job.objects.filter(status__in=sorted(WAITING_STATUSES)).values_list("task", "arguments"))
    assert len(found) == 1, f"{len(found)} jobs of {task.name} with {arguments}; waiting are {waiting}"
    return found[0]


def assert_not_enqueued(task: Task, **arguments: Any) -> None:
    """Pass when no job of the task with these arguments waits.

    Raises: AssertionError when one does.
    """
    found = enqueued(task, **arguments)
    assert not found, f"{len(found)} jobs of {task.name} wait with {[job.arguments for job in found]}"


def drain(*, raising: bool = True, limit: int = 1000) -> list[Outcome]:
    """How each due job ended, those included that the jobs themselves enqueued.

    A job that waits for a back-off or a delay stays where it is.

    Raises: what a task raised, once its job is settled, unless `raising` is false; AssertionError when there is
    no end to the jobs.
    """
    outcomes: list[Outcome] = []
    while job := _next_due():
        assert len(outcomes) < limit, f"more than {limit} jobs: do they enqueue each other?"
        outcome = runner.run(job.pk)
        assert outcome is not None, f"{job} is queued and could not be claimed"
        outcomes.append(outcome)
        if raising and outcome.error is not None:
            raise outcome.error
    return outcomes


def _next_due() -> Job | None:
    # In a test's transaction nothing is ever committed, so that no follow-up has run by itself.
    while followups.reconcile():
        pass
    holding.release_held(Pauses.now())
    holding.release_due()
    return Job.objects.filter(status=JobStatus.QUEUED).order_by("-priority", "due_at", "created_at").first()
