"""`@task`: one decorated function in an app's `tasks.py` is a task, and `enqueue` the only way to ask for it.

@task(queue="emails", attempts=5)
def send_mail(job: RunningJob, mail_id: int) -> None:
    '''Send one stored mail.'''

send_mail.enqueue(mail_id=mail.pk)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from django.apps import apps

from jobs import batches, bulk, enqueueing, pruning
from jobs.context import RunningJob
from jobs.declarations import TASKS, Declaration, WithoutRedis
from jobs.enqueueing import Options, Plan
from jobs.models import Batch, Job, OnParentFailure
from jobs.queues import policy_of
from jobs.registry import DuplicateNameError
from jobs.retries import Backoff

__all__ = ["Backoff", "Plan", "Task", "chain", "enqueue_many", "task"]


@dataclass(frozen=True, slots=True)
class Task:
    """A declared task, with the options of the next enqueue."""

    declaration: Declaration
    options: Options = field(default_factory=Options)

    @property
    def name(self) -> str:
        """The name under which its jobs are stored: `<app>.<function>`."""
        return self.declaration.name

    def __call__(self, *args: Any, **arguments: Any) -> dict[str, Any] | None:
        """What the function returns, called here and now without any job."""
        return self.declaration.function(*args, **arguments)

    def using(
        self,
        *,
        tenant_id: int | None = None,
        delay: timedelta | None = None,
        priority: int | None = None,
        idempotency_key: str = "",
        after: Iterable[Job | Plan] = (),
        on_parent_failure: Literal["cancel", "run"] = "cancel",
        batch: Batch | None = None,
        cache_key: str = "",
        cache_for: timedelta = timedelta(0),
    ) -> "Task":
        """The same task with other options for its next job.

        `after` names jobs, or plans enqueued with it, that have to end first; if one of them fails or is cancelled,
        the job is cancelled too, or runs all the same. The result of a run with the same cache key, not older than
        `cache_for`, stands for the job.
        """
        options = Options(
            tenant_id=tenant_id,
            delay=delay,
            priority=priority,
            idempotency_key=idempotency_key,
            after=tuple(after),
            on_parent_failure=OnParentFailure(on_parent_failure),
            batch=batch,
            cache_key=cache_key,
            cache_for=cache_for,
        )
        return replace(self, options=options)

    def plan(self, **arguments: Any) -> Plan:
        """A job that is not yet asked for: what `enqueue_many` and `chain` take."""
        return Plan(self.declaration, arguments, self.options)

    def enqueue(self, **arguments: Any) -> Job:
        """The job, recorded in the caller's transaction and sent after its commit.

        The same idempotency key gives the job that is still active under it.

        Raises: ArgumentsError when the arguments do not fit the task or are not plain JSON; BatchSealedError.
        """
        return enqueueing.enqueue(self.plan(**arguments))


def enqueue_many(plans: Iterable[Plan]) -> list[Job]:
    """A job for each plan, in their order, all of them or none; a plan may wait for those before it.

    Raises: what `Task.enqueue` raises.
    """
    return enqueueing.enqueue_many(plans)


def chain(*plans: Plan) -> list[Job]:
    """A job for each plan, each after the one before it.

    Raises: what `Task.enqueue` raises.
    """
    linked = list(plans[:1])
    for plan in plans[1:]:
        options = replace(plan.options, after=(*plan.options.after, linked[-1]))
        linked.append(replace(plan, options=options))
    return enqueueing.enqueue_many(linked)


def task(
    *,
    queue: str,
    timeout_seconds: int | None = None,
    attempts: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
    without_redis: WithoutRedis = "hold",
    aliases: tuple[str, ...] = (),
) -> Callable[[Callable[..., dict[str, Any] | None]], Task]:
    """A decorator that makes a function a task; what is not said here is as the queue's row says."""
    policy = policy_of(queue)

    def declared(function: Callable[..., dict[str, Any] | None]) -> Task:
        declaration = Declaration(
            name=_name_of(function),
            function=function,
            queue=queue,
            timeout_seconds=timeout_seconds or policy.timeout_seconds,
            attempts=attempts or policy.attempts,
            backoff=backoff or Backoff(),
            priority=priority,
            without_redis=without_redis,
            aliases=aliases,
        )
        _register(declaration)
        return Task(declaration)

    return declared


def _name_of(function: Callable[..., Any]) -> str:
    """`<app>.<function>`; outside of any app, as in tests, the package stands for the app."""
    app = apps.get_containing_app_config(function.__module__)
    package = app.label if app else function.__module__.removesuffix(".tasks").rpartition(".")[2]
    return f"{package}.{function.__name__}"


def _register(declaration: Declaration) -> None:
    """Make the task known under all of its names; a name that is taken is noted for the system check."""
    for name in (declaration.name, *declaration.aliases):
        try:
            TASKS.register(name, declaration)
        except DuplicateNameError as error:
            TASKS.broken[name] = str(error)


@task(queue="maintenance")
def prune(job: RunningJob) -> dict[str, Any]:
    """Delete jobs, statistics and alerts that are older than they are kept."""
    return {"deleted": pruning.prune(job.checkpoint)}


@task(queue="maintenance", timeout_seconds=1800, attempts=5)
def act_on_many(job: RunningJob, bulk_id: str) -> dict[str, Any] | None:
    """Do one action to every job that a person's filter found."""
    return bulk.carry_out(bulk_id, job)


@task(queue="maintenance", timeout_seconds=1800, attempts=5)
def cancel_jobs_of_batch(job: RunningJob, batch_id: str, by_id: int | None = None) -> dict[str, Any] | None:
    """Cancel the jobs of a large batch that somebody cancelled."""
    batch = Batch.objects.filter(pk=batch_id).first()
    return {"cancelled": batches.cancel_jobs(batch, by_id=by_id)} if batch else None
