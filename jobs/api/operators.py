"""The operators' API: how the queues are, what one job did, and cancelling it.

Each operation asks for the permission that its page in the admin asks for. A refusal says nothing of what exists.
"""

import platform
from datetime import timedelta
from importlib.metadata import version
from uuid import UUID

import django
from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.http import Http404, HttpRequest
from ninja import Query, Router, Status

from jobs import census, control, health, redis_state, roles
from jobs.alerts import headline
from jobs.api.bodies import (
    AlertBody,
    AttemptBody,
    CancelledBody,
    ErrorBody,
    EventBody,
    HealthBody,
    InfoBody,
    JobBody,
    ProblemBody,
    QueueBody,
    Reason,
    StatsBody,
    WorkerBody,
)
from jobs.api.permissions import asks_for
from jobs.census import QueueCensus
from jobs.errors import RefusedError
from jobs.models import ActionKind, Alert, Job, JobStatus, MinuteStat
from jobs.queues import policy_of
from jobs.why_waiting import why_waits

router = Router(tags=["queue"], by_alias=True)

# A page of a timeline; a job that was postponed all day has thousands of steps.
LONGEST_HISTORY = 200
_STATES = ("ready", "running", "scheduled", "retrying", "blocked")
_HOUR_COUNTS = ("enqueued", "succeeded", "failed", "lost", "retried")


@router.get("/stats", response={200: StatsBody, 401: ErrorBody, 403: ErrorBody}, summary="Counts by queue")
@asks_for(roles.VIEW_OPERATIONS)
def queue_stats(request: HttpRequest) -> StatsBody:
    """How many jobs stand where in each queue, and what became of those of the last hour."""
    now = census.take()
    queues = list(now.queues.values())
    totals = {state: sum(getattr(queue, state) for queue in queues) for state in _STATES}
    totals["held"] = sum(sum(queue.held.values()) for queue in queues)
    hour = MinuteStat.objects.filter(minute__gte=now.at - timedelta(hours=1))
    sums = hour.aggregate(**{name: Sum(name, default=0) for name in _HOUR_COUNTS})
    return StatsBody(
        at=now.at,
        workers=len(now.workers),
        totals=totals,
        last_hour=sums,
        queues=[_queue_body(queue) for queue in queues],
    )


@router.get(
    "/health",
    response={200: HealthBody, 401: ErrorBody, 403: ErrorBody},
    summary="What is wrong, and what to do",
)
@asks_for(roles.VIEW_OPERATIONS)
def queue_health(request: HttpRequest) -> HealthBody:
    """One word, and a sentence with advice for each thing that is wrong; with the alerts that stand."""
    found = health.look()
    leader = found.census.leader if found.census else None
    return HealthBody(
        status=found.status,
        redis=found.redis.word if found.redis else None,
        leader=leader.holder if leader else None,
        problems=[
            ProblemBody(
                kind=problem.kind, subject=problem.subject, message=problem.sentence, advice=problem.advice
            )
            for problem in found.problems
        ],
        alerts=[_alert_body(alert) for alert in _standing_alerts()] if found.census else [],
    )


@router.get("/info", response={200: InfoBody, 401: ErrorBody, 403: ErrorBody}, summary="Versions and workers")
# Of the roles, administrators alone have it.
@asks_for(roles.CHANGE_QUEUE_DASHBOARD)
def queue_info(request: HttpRequest) -> InfoBody:
    """What the platform is made of, for administrators: versions, settings, Redis, every worker."""
    redis = redis_state.look()
    return InfoBody(
        versions={
            "python": platform.python_version(),
            "django": django.get_version(),
            "rq": version("rq"),
            "database": f"{connection.vendor} {'.'.join(map(str, connection.get_database_version()))}",
            "redis": redis.version,
        },
        settings={
            "leaseSeconds": settings.JOBS_LEASE_SECONDS,
            "tickSeconds": settings.JOBS_TICK_SECONDS,
            "stopSeconds": settings.JOBS_STOP_SECONDS,
        },
        redis={
            "state": redis.word,
            "policy": redis.policy,
            "persists": redis.persists,
            "usedBytes": redis.used_bytes,
            "limitBytes": redis.limit_bytes,
        },
        workers=[
            WorkerBody(
                name=worker.name,
                host=worker.host,
                pid=worker.pid,
                queues=worker.queues,
                version=worker.version,
                started_at=worker.started_at,
                seen_at=worker.seen_at,
                stopping=worker.stopping_at is not None,
                jobs_done=worker.jobs_done,
                memory_bytes=worker.memory_bytes,
            )
            for worker in census.living_workers()
        ],
    )


@router.get(
    "/{str:queue}/jobs/{uuid:job_id}",
    response={200: JobBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody},
    summary="One job",
)
@asks_for(roles.VIEW_JOB)
def get_job(request: HttpRequest, queue: str, job_id: UUID) -> JobBody:
    """Where the job is, its attempts and its timeline, the newest at most 200 of each."""
    job = _job(queue, job_id)
    waits = why_waits(job)
    failed = job.error_class or job.error_code
    return JobBody(
        **{name: getattr(job, name) for name in _JOB_FIELDS},
        id=job.pk,
        tenant=job.tenant_id,
        waits_for=waits.text if waits else None,
        progress={"done": job.progress_done, "total": job.progress_total, "message": job.progress_message},
        error=(
            {"code": job.error_code, "class": job.error_class, "message": job.error_message}
            if failed
            else None
        ),
        arguments=job.arguments if request.user.has_perm(roles.VIEW_JOB_ARGUMENTS) else None,
        attempts=[
            AttemptBody(**{name: getattr(row, name) for name in AttemptBody.model_fields})
            for row in reversed(job.attempts.defer("log", "traceback").order_by("-fence")[:LONGEST_HISTORY])
        ],
        events=[
            EventBody(at=row.at, from_status=row.from_status, to_status=row.to_status, cause=row.cause)
            for row in reversed(job.events.order_by("-id")[:LONGEST_HISTORY])
        ],
    )


@router.delete(
    "/{str:queue}/jobs/{uuid:job_id}",
    response={202: CancelledBody, 401: ErrorBody, 403: ErrorBody, 404: ErrorBody, 409: ErrorBody},
    summary="Cancel a job",
)
def cancel_job(
    request: HttpRequest, queue: str, job_id: UUID, asked: Query[Reason]
) -> Status[CancelledBody] | Status[ErrorBody]:
    """End a waiting job at once, or ask a running one to stop; the audit trail keeps who did, and the reason.

    A job that has ended answers 409 and stays as it is.
    """
    cancel = control.CONTROLS[ActionKind.CANCEL]
    control.require(request, cancel, job_id)
    job = _job(queue, job_id)
    try:
        control.perform(request, cancel, job, reason=asked.reason)
    except RefusedError as refusal:
        return Status(409, ErrorBody(code="not-possible", message=str(refusal)))
    job.refresh_from_db(fields=["status"])
    word = "cancelled" if job.status == JobStatus.CANCELLED else "stopping"
    return Status(202, CancelledBody(id=job.pk, status=word))


_JOB_FIELDS = (
    "task",
    "queue",
    "status",
    "priority",
    "attempt",
    "max_attempts",
    "created_at",
    "due_at",
    "started_at",
    "finished_at",
    "cancel_requested_at",
    "worker",
)


def _job(queue: str, job_id: UUID) -> Job:
    # PostgreSQL takes no NUL, and would raise.
    job = Job.objects.filter(pk=job_id, queue=queue).first() if "\x00" not in queue else None
    if job is None:
        raise Http404
    return job


def _queue_body(queue: QueueCensus) -> QueueBody:
    policy = policy_of(queue.name)
    return QueueBody(
        name=queue.name,
        priority=policy.priority,
        concurrency=policy.concurrency,
        rate=policy.rate,
        held=queue.held,
        oldest_seconds=round(queue.oldest_seconds, 3),
        workers=queue.workers,
        paused=queue.is_paused,
        **{state: getattr(queue, state) for state in _STATES},
    )


def _standing_alerts() -> list[Alert]:
    return list(Alert.objects.standing().order_by("raised_at"))


def _alert_body(alert: Alert) -> AlertBody:
    assert alert.raised_at is not None  # noqa: S101 -- asked for above
    return AlertBody(
        id=alert.pk,
        kind=alert.kind,
        subject=alert.subject,
        message=headline(alert.kind, alert.subject, alert.params),
        raised_at=alert.raised_at,
        acknowledged_at=alert.acknowledged_at,
    )
