"""The eight analyses of what happened lately, as the operations pages have them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router

from jobs import analyses, roles
from jobs.analyses import Period, Tally
from jobs.api.bodies import CamelSchema, ErrorBody, Text, example
from jobs.api.permissions import asks_for

router = Router(tags=["queue"], by_alias=True)

# Statistics are kept about as long.
LONGEST_HOURS = 400 * 24
_COUNTS = ("enqueued", "succeeded", "failed", "lost", "cancelled", "handed_back", "postponed", "retried")
_REFUSALS: dict[int, Any] = {401: ErrorBody, 403: ErrorBody, 422: ErrorBody}
_TALLY = {
    "enqueued": 840, "succeeded": 829, "failed": 3, "lost": 0, "cancelled": 1, "handedBack": 2, "postponed": 0,
    "retried": 2, "failurePercent": 0.4,
    "wait": {"meanMs": 41.0, "p50Ms": 12.0, "p95Ms": 180.0, "p99Ms": 950.0},
    "run": {"meanMs": 210.5, "p50Ms": 150.0, "p95Ms": 700.0, "p99Ms": 1400.0, "longestMs": 2103},
}  # fmt: skip


class Span(CamelSchema):
    """Which period: hours up to now; up to six are read by the minute, up to 192 by the hour, more by the day."""

    hours: float = Field(24, gt=0, le=LONGEST_HOURS)

    @property
    def period(self) -> Period:
        """The period that ends now."""
        return Period.last(max(timedelta(minutes=1), timedelta(hours=self.hours)))


class Narrowed(Span):
    """A period, of one queue or one task if asked."""

    queue: Text = ""
    task: Text = ""


class Limited(Span):
    """A period, and how many rows at most."""

    limit: int = Field(20, ge=1, le=100)


class OfGroup(Limited):
    """A period, an error group if asked, and how many rows at most."""

    group: Text = ""


class NarrowedAndLimited(Narrowed, Limited):
    """A period, of one queue or one task if asked, and how many rows at most."""


class DurationsBody(CamelSchema):
    """Durations in milliseconds; null when there were none."""

    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RunDurationsBody(DurationsBody):
    """How long attempts ran."""

    longest_ms: int


class TallyBody(CamelSchema):
    """Jobs enqueued, and attempts by how they ended; how long they waited and ran."""

    model_config = example(**_TALLY)

    enqueued: int
    succeeded: int
    failed: int
    lost: int
    cancelled: int
    handed_back: int
    postponed: int
    retried: int
    failure_percent: float | None = Field(
        description="Failed and lost, of those that succeeded, failed or were lost"
    )
    wait: DurationsBody
    run: RunDurationsBody


class NamedTallyBody(TallyBody):
    """What happened to one task or queue."""

    model_config = example(queue="emails", task="notifications.deliver", **_TALLY)

    queue: str
    task: str = ""


class PointBody(TallyBody):
    """What happened in one step of time."""

    model_config = example(at="2026-11-22T18:00:00Z", **_TALLY)

    at: datetime


class CourseBody(CamelSchema):
    """What happened over time, a point for each step."""

    model_config = example(
        since="2026-11-21T18:00:00Z", until="2026-11-22T18:00:00Z", stepSeconds=3600, points=[]
    )

    since: datetime
    until: datetime
    step_seconds: int
    points: list[PointBody]


class WorkerFiguresBody(CamelSchema):
    """What one worker did."""

    model_config = example(
        worker="worker-1", host="node-3", succeeded=412, failed=1, lost=0, meanRunMs=180.2,
        lastEndedAt="2026-11-22T18:00:00Z",
    )  # fmt: skip

    worker: str
    host: str
    succeeded: int
    failed: int
    lost: int
    mean_run_ms: float | None
    last_ended_at: datetime | None


class FailureBody(CamelSchema):
    """One job that failed for good."""

    job_id: UUID
    task: str
    queue: str
    tenant_id: int | None = Field(alias="tenant")
    failed_at: datetime
    attempts: int
    error_class: str
    error_code: str
    error_message: str
    error_group: str


class ErrorGroupBody(CamelSchema):
    """Failures of one kind: the same class raised from the same lines of our code."""

    group: str
    error_class: str
    error_code: str
    error_message: str
    count: int
    first_at: datetime
    last_at: datetime
    tasks: list[str]
    counts: list[int] = Field(description="How many in each of 24 equal parts of the period")
    job_id: UUID = Field(description="The newest job of it")


class SlowRunBody(CamelSchema):
    """One of the longest attempts."""

    job_id: UUID
    task: str
    queue: str
    tenant_id: int | None = Field(alias="tenant")
    number: int
    outcome: str
    worker: str
    started_at: datetime
    run_seconds: float
    timeout_seconds: int


@router.get("/totals", response={200: TallyBody, **_REFUSALS}, summary="Totals of a period")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_totals(request: HttpRequest, asked: Query[Narrowed]) -> dict[str, Any]:
    """Everything that happened, of one queue or task if asked, with percentiles of waiting and running."""
    return _tally(analyses.read(asked.period, queue=asked.queue, task=asked.task).totals())


@router.get("/tasks", response={200: list[NamedTallyBody], **_REFUSALS}, summary="By task")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_tasks(request: HttpRequest, asked: Query[Narrowed]) -> list[dict[str, Any]]:
    """What happened to each task, the most frequent first."""
    rows = analyses.read(asked.period, queue=asked.queue, task=asked.task).by_task()
    return [{"queue": queue, "task": task, **_tally(tally)} for queue, task, tally in rows]


@router.get(
    "/queues", response={200: list[NamedTallyBody], **_REFUSALS}, summary="By queue, with percentiles"
)
@asks_for(roles.VIEW_OPERATIONS)
def analysis_queues(request: HttpRequest, asked: Query[Span]) -> list[dict[str, Any]]:
    """What happened in each queue: the duration percentiles side by side."""
    rows = analyses.read(asked.period).by_queue()
    return [{"queue": queue, **_tally(tally)} for queue, tally in sorted(rows.items())]


@router.get("/course", response={200: CourseBody, **_REFUSALS}, summary="Over time")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_course(request: HttpRequest, asked: Query[Narrowed]) -> dict[str, Any]:
    """Throughput, waiting time and failures over time, at most 90 points."""
    period = asked.period
    points = analyses.read(period, queue=asked.queue, task=asked.task).course()
    return {
        "since": period.since,
        "until": period.until,
        "step_seconds": int(period.step.total_seconds()),
        "points": [{"at": point.at, **_tally(point.tally)} for point in points],
    }


@router.get("/workers", response={200: list[WorkerFiguresBody], **_REFUSALS}, summary="By worker")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_workers(request: HttpRequest, asked: Query[Limited]) -> Any:
    """What each worker did, the busiest first; no further back than a day."""
    return analyses.by_worker(asked.period, asked.limit)


@router.get("/failures", response={200: list[FailureBody], **_REFUSALS}, summary="Recent failures")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_failures(request: HttpRequest, asked: Query[OfGroup]) -> Any:
    """Jobs that failed for good, the last ones first; of one error group if asked."""
    return analyses.recent_failures(asked.period, asked.limit, group=asked.group)


@router.get("/errors", response={200: list[ErrorGroupBody], **_REFUSALS}, summary="Error groups")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_errors(request: HttpRequest, asked: Query[Limited]) -> Any:
    """The most frequent kinds of failure."""
    return analyses.error_groups(asked.period, asked.limit)


@router.get("/slow", response={200: list[SlowRunBody], **_REFUSALS}, summary="Slow jobs")
@asks_for(roles.VIEW_OPERATIONS)
def analysis_slow(request: HttpRequest, asked: Query[NarrowedAndLimited]) -> Any:
    """The longest attempts, the longest first."""
    return analyses.slow_runs(asked.period, asked.limit, queue=asked.queue, task=asked.task)


def _tally(tally: Tally) -> dict[str, Any]:
    share = tally.failure_share
    counts = {name: getattr(tally, name) for name in _COUNTS}
    return {
        **counts,
        "failure_percent": None if share is None else round(share * 100, 2),
        "wait": _durations(tally.mean_wait_ms, tally.wait_percentile_ms),
        "run": {
            **_durations(tally.mean_run_ms, tally.run_percentile_ms),
            "longest_ms": tally.longest_run_ms,
        },
    }


def _durations(mean: float | None, percentile: Callable[[float], float | None]) -> dict[str, Any]:
    return {
        "mean_ms": mean,
        "p50_ms": percentile(0.5),
        "p95_ms": percentile(0.95),
        "p99_ms": percentile(0.99),
    }
