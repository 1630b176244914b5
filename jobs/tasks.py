"""`@task`: one decorated function in an app's `tasks.py` is a task, and `enqueue` the only way to ask for it.

@task(queue="emails", attempts=5)
def send_mail(job: RunningJob, mail_id: int) -> None:
    '''Send one stored mail.'''

send_mail.enqueue(mail_id=mail.pk)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from jobs import dispatch, lifecycle, runner
from jobs.declarations import TASKS, Declaration, WithoutRedis
from jobs.models import Job
from jobs.queues import QueuePolicy
from jobs.registry import DuplicateNameError
from jobs.retries import Backoff

__all__ = ["Backoff", "Task", "task"]


@dataclass(frozen=True, slots=True)
class Task:
    """A declared task, with the options of the next enqueue."""

    declaration: Declaration
    tenant_id: int | None = None
    delay: timedelta | None = None
    priority: int | None = None
    idempotency_key: str = ""

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
    ) -> "Task":
        """The same task with other options for its next job."""
        return replace(
            self, tenant_id=tenant_id, delay=delay, priority=priority, idempotency_key=idempotency_key
        )

    def enqueue(self, **arguments: Any) -> Job:
        """The job, recorded in the caller's transaction and sent after its commit.

        The same idempotency key gives the job that is still active under it.

        Raises: ArgumentsError when the arguments do not fit the task or are not plain JSON.
        """
        self.declaration.check_arguments(arguments)
        if self.idempotency_key:
            return self._enqueue_once(arguments)
        return self._enqueue(arguments)

    def _enqueue(self, arguments: dict[str, Any]) -> Job:
        job = lifecycle.create(self._row(arguments), delay=self.delay)
        if job.status == "queued":
            transaction.on_commit(lambda: _send(self.declaration, job), robust=True)
        return job

    def _enqueue_once(self, arguments: dict[str, Any]) -> Job:
        """The active job of the key, or a new one; a unique index decides between two at once."""
        same_key = Job.objects.active().filter(
            task=self.name, tenant_id=self.tenant_id, idempotency_key=self.idempotency_key
        )
        while True:
            if earlier := same_key.first():
                return earlier
            try:
                with transaction.atomic():
                    return self._enqueue(arguments)
            except IntegrityError:
                if not same_key.exists():
                    raise

    def _row(self, arguments: dict[str, Any]) -> Job:
        policy = self.declaration
        return Job(
            task=policy.name,
            queue=policy.queue,
            arguments=arguments,
            tenant_id=self.tenant_id,
            priority=policy.priority if self.priority is None else self.priority,
            idempotency_key=self.idempotency_key,
            timeout_seconds=policy.timeout_seconds,
            max_attempts=policy.attempts,
        )


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
    policy = _policy(queue)

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


def _policy(queue: str) -> QueuePolicy:
    """The queue's row; for an unknown queue a stand-in, which the system check reports."""
    known = {policy.name: policy for policy in settings.JOBS_QUEUES}
    return known.get(queue) or QueuePolicy(queue, priority=0, concurrency=1, timeout_seconds=60, attempts=1)


def _name_of(function: Callable[..., Any]) -> str:
    package = function.__module__.removesuffix(".tasks").rpartition(".")[2]
    return f"{package}.{function.__name__}"


def _register(declaration: Declaration) -> None:
    """Make the task known under all of its names; a name that is taken is noted for the system check."""
    for name in (declaration.name, *declaration.aliases):
        try:
            TASKS.register(name, declaration)
        except DuplicateNameError as error:
            TASKS.broken[name] = str(error)


def _send(declaration: Declaration, job: Job) -> None:
    if dispatch.push([job]):
        return
    if declaration.without_redis == "run":
        runner.run(job.pk)
    else:
        dispatch.hold([job])
