"""What the operators' API answers, with an example of each for its documentation."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

# PostgreSQL takes no NUL, and would raise.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=200)]


class CamelSchema(Schema):
    """Python names inside, JSON names outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


def example(**values: Any) -> ConfigDict:
    """The configuration of a body with an example, named as in JSON."""
    return ConfigDict(alias_generator=to_camel, populate_by_name=True, json_schema_extra={"example": values})


class ErrorBody(CamelSchema):
    """What every refusal answers: a stable code and a sentence in the language of the request."""

    model_config = example(code="not-found", message="There is nothing here.")

    code: str
    message: str


class Reason(CamelSchema):
    """Why somebody acts, for the audit trail."""

    reason: Text = ""


class QueueBody(CamelSchema):
    """One queue right now; counts are of jobs."""

    name: str
    priority: int = Field(description="Higher is served first")
    concurrency: int | None = Field(
        description="Jobs that may run at once over all workers; null is no limit"
    )
    rate: str | None = Field(description="Starts in a time window, such as 100/minute; null is no limit")
    ready: int
    running: int
    held: dict[str, int] = Field(description="Ready jobs that are kept back, by reason")
    scheduled: int
    retrying: int
    blocked: int
    oldest_seconds: float = Field(description="How long the oldest ready job has waited")
    workers: int = Field(description="Living workers that serve it")
    paused: bool


class StatsBody(CamelSchema):
    """How many jobs stand where, and what became of those of the last hour."""

    model_config = example(
        at="2026-11-22T18:00:00Z",
        workers=2,
        totals={"ready": 12, "running": 2, "held": 0, "scheduled": 3, "retrying": 1, "blocked": 0},
        lastHour={"enqueued": 840, "succeeded": 829, "failed": 3, "lost": 0, "retried": 2},
        queues=[
            {
                "name": "emails",
                "priority": 70,
                "concurrency": None,
                "rate": "100/minute",
                "ready": 12,
                "running": 1,
                "held": {},
                "scheduled": 0,
                "retrying": 1,
                "blocked": 0,
                "oldestSeconds": 4.2,
                "workers": 2,
                "paused": False,
            }
        ],
    )

    at: datetime
    workers: int
    totals: dict[str, int]
    last_hour: dict[str, int] = Field(description="Jobs enqueued, and attempts by how they ended")
    queues: list[QueueBody]


class ProblemBody(CamelSchema):
    """One thing that is wrong now, and what to do about it."""

    kind: str
    subject: str = Field(description="The queue, task or schedule; empty for the whole site")
    message: str
    advice: str


class AlertBody(CamelSchema):
    """One alert that stands: something was wrong for long enough to tell people."""

    id: int
    kind: str
    subject: str
    message: str
    raised_at: datetime
    acknowledged_at: datetime | None


class HealthBody(CamelSchema):
    """How well the platform is: `ok`, `degraded` (jobs run late) or `down` (none run)."""

    model_config = example(
        status="degraded",
        redis="ok",
        leader="worker-1@node-3",
        problems=[
            {
                "kind": "no_worker",
                "subject": "ai",
                "message": "No worker serves the queue “ai”.",
                "advice": "Start a worker for it: manage.py rqworker. Its jobs wait and are not lost.",
            }
        ],
        alerts=[],
    )

    status: str
    redis: str | None = Field(description="ok, read_only or away")
    leader: str | None
    problems: list[ProblemBody]
    alerts: list[AlertBody]


class WorkerBody(CamelSchema):
    """One living worker."""

    name: str
    host: str
    pid: int
    queues: list[str]
    version: str
    started_at: datetime
    seen_at: datetime
    stopping: bool
    jobs_done: int
    memory_bytes: int | None


class InfoBody(CamelSchema):
    """What the platform is made of; no address, name or password of a service is in it."""

    model_config = example(
        versions={"python": "3.13.1", "django": "5.2.19", "rq": "3.0.0", "database": "postgresql 17.2"},
        settings={"leaseSeconds": 20, "tickSeconds": 1, "stopSeconds": 25},
        redis={"state": "ok", "policy": "noeviction", "persists": True, "usedBytes": 1843200, "limitBytes": 0},
        workers=[],
    )  # fmt: skip

    versions: dict[str, str]
    settings: dict[str, float]
    redis: dict[str, Any]
    workers: list[WorkerBody]


class AttemptBody(CamelSchema):
    """One try of a job."""

    number: int
    outcome: str
    worker: str
    host: str
    started_at: datetime
    ended_at: datetime | None
    wait_ms: int
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    error_class: str
    error_message: str


class EventBody(CamelSchema):
    """One step in a job's timeline."""

    at: datetime
    from_status: str
    to_status: str
    cause: str


class JobBody(CamelSchema):
    """One job with its attempts and its timeline."""

    model_config = example(
        id="0f8fad5b-d9cb-469f-a165-70867728950e",
        task="validations.validate_run",
        queue="validations",
        status="running",
        waitsFor=None,
        priority=0,
        attempt=1,
        maxAttempts=3,
        tenant=7,
        createdAt="2026-11-22T18:00:00Z",
        dueAt="2026-11-22T18:00:00Z",
        startedAt="2026-11-22T18:00:01Z",
        finishedAt=None,
        cancelRequestedAt=None,
        worker="worker-1",
        progress={"done": 1200, "total": 48120, "message": "rules"},
        error=None,
        arguments={"run_id": "3f2a91c0-0000-4000-8000-000000000001"},
        attempts=[],
        events=[],
    )

    id: UUID
    task: str
    queue: str
    status: str
    waits_for: str | None = Field(description="Why it has not started, in the language of the request")
    priority: int
    attempt: int
    max_attempts: int
    tenant: int | None
    created_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    worker: str
    progress: dict[str, Any]
    error: dict[str, Any] | None
    arguments: dict[str, Any] | None = Field(description="Null for who may not see arguments")
    attempts: list[AttemptBody]
    events: list[EventBody]


class CancelledBody(CamelSchema):
    """What became of a cancelled job: a waiting one is `cancelled`, a running one is `stopping`."""

    model_config = example(id="0f8fad5b-d9cb-469f-a165-70867728950e", status="stopping")

    id: UUID
    status: str


class PublicHealthBody(CamelSchema):
    """How well the queues are, in numbers alone: no name of a queue, a person or an organization."""

    model_config = example(
        status="ok", redis="ok", leader=True, workers=2, queues=12, queuesWithoutWorker=0, queuesLate=0,
        ready=12, running=2, oldestSeconds=4.2,
    )  # fmt: skip

    status: str
    redis: str
    leader: bool
    workers: int
    queues: int
    queues_without_worker: int
    queues_late: int
    ready: int
    running: int
    oldest_seconds: float
