"""What has to be true of the settings and the declared tasks before anything starts."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from jobs.declarations import TASKS, Declaration
from jobs.errors import ArgumentsError, TimingError
from jobs.shipped import Shipped
from jobs.slots import Timing

JSON_SERIALIZERS = ("rq.serializers.JSONSerializer", "json")
CLASSES = {
    "WORKER_CLASS": "jobs.workers.Worker",
    "JOB_CLASS": "jobs.transport.HintJob",
    "QUEUE_CLASS": "jobs.transport.HintQueue",
}


@register()
def check_tasks(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """What is wrong with the declared tasks."""
    duplicates = [
        Error(f"Two tasks claim one name: {text}.", hint="Rename one of the functions.", id="jobs.E001")
        for text in TASKS.broken.values()
    ]
    return duplicates + [message for task in set(TASKS.values()) for message in _task_problems(task)]


@register()
def check_queues(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """What is wrong with the table of queues and RQ's settings."""
    return [*_queue_problems(), *_class_problems()]


@register()
def check_schedules(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """What is wrong with the table of schedules."""
    return [message for shipped in settings.JOBS_SCHEDULES for message in _schedule_problems(shipped)]


@register()
def check_timing(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """What is wrong with the intervals."""
    if settings.JOBS_TICK_SECONDS <= 0 or settings.JOBS_LEASE_SECONDS < 3 * settings.JOBS_TICK_SECONDS:
        return [
            Error(
                "JOBS_LEASE_SECONDS must be at least three times JOBS_TICK_SECONDS, and both above zero.",
                hint="A lease is renewed three times before it runs out; give it time for that.",
                id="jobs.E006",
            )
        ]
    return []


@register(Tags.database)
def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """What is wrong with a SQLite database that several processes write."""
    problems: list[CheckMessage] = []
    for alias in databases or ():
        database = connections[alias]
        mode = database.settings_dict["OPTIONS"].get("transaction_mode")
        if database.vendor == "sqlite" and mode != "IMMEDIATE":
            problems.append(
                Error(
                    f"The SQLite database {alias!r} is not in transaction mode IMMEDIATE.",
                    hint='Set OPTIONS["transaction_mode"] = "IMMEDIATE": otherwise two writers fail at once.',
                    id="jobs.E007",
                )
            )
    return problems


def _task_problems(task: Declaration) -> Iterator[CheckMessage]:
    if task.queue not in {queue.name for queue in settings.JOBS_QUEUES}:
        yield Error(
            f"The task {task.name} is on the unknown queue {task.queue!r}.",
            hint="Choose one from config/queues.py.",
            id="jobs.E002",
        )
    if not task.description:
        yield Error(
            f"The task {task.name} has no docstring.",
            hint="Its first line tells operators what the task does.",
            id="jobs.E003",
        )


def _schedule_problems(shipped: Shipped) -> Iterator[CheckMessage]:
    hint = "Correct its row in config/schedules.py."
    task = TASKS.get(shipped.task)
    try:
        if task is None:
            yield Error(
                f"The schedule {shipped.name!r} names the unknown task {shipped.task!r}.",
                hint=hint,
                id="jobs.E020",
            )
        else:
            task.check_arguments(shipped.arguments)
        Timing(shipped.cron, shipped.every, shipped.time_zone or settings.TIME_ZONE)
    except ArgumentsError as error:
        yield Error(f"The schedule {shipped.name!r}: {error}.", hint=hint, id="jobs.E021")
    except TimingError as error:
        yield Error(f"The schedule {shipped.name!r} has a wrong {error.part}.", hint=hint, id="jobs.E022")


def _queue_problems() -> Iterator[CheckMessage]:
    for queue in settings.JOBS_QUEUES:
        config = settings.RQ_QUEUES.get(queue.name)
        if config is None or config.get("SERIALIZER") not in JSON_SERIALIZERS:
            yield Error(
                f"RQ_QUEUES has no queue {queue.name!r} with the JSON serializer.",
                hint='Set SERIALIZER to "rq.serializers.JSONSerializer": pickle runs whatever it reads.',
                id="jobs.E004",
            )


def _class_problems() -> Iterator[CheckMessage]:
    for name, path in CLASSES.items():
        if settings.RQ.get(name) != path:
            yield Error(
                f"RQ[{name!r}] is not {path}.",
                hint="The stock class runs any function that stands in Redis.",
                id="jobs.E005",
            )
