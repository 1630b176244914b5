"""Why a job has not started: one plain sentence for pages and the API."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs import census
from jobs.gate import UnderWay, starts_left
from jobs.models import (
    ACTIVE_STATUSES,
    WAITING_STATUSES,
    HoldReason,
    Job,
    JobDependency,
    JobStatus,
    RateSlot,
)
from jobs.moments import earliest
from jobs.pauses import pause_of
from jobs.queues import QueuePolicy, policy_of

# More jobs than this before a job are not counted.
MOST_AHEAD = 1000


@dataclass(frozen=True, slots=True)
class WaitReason:
    """What a waiting job waits for."""

    # A stable word: "due", "retry", "jobs", "paused", "redis", "no_worker", "place", "rate", "turn" or "worker".
    code: str
    # In the reader's language, without a capital at its beginning and a stop at its end.
    text: str
    # When that is over, as far as it is known.
    until: datetime | None = None
    # Jobs that start before it, MOST_AHEAD at most: of its organization on a gated queue, of all on another one.
    ahead: int | None = None


def why_waits(job: Job) -> WaitReason | None:
    """What the job waits for; None for one that runs or has ended."""
    if job.status not in WAITING_STATUSES:
        return None
    return next(_reasons(job, policy_of(job.queue)))


def _reasons(job: Job, policy: QueuePolicy) -> Iterator[WaitReason]:
    """What keeps the job back, what lasts longest first."""
    match job.status:
        case JobStatus.SCHEDULED:
            yield WaitReason("due", _("waits for its time"), job.due_at)
        case JobStatus.RETRYING:
            yield WaitReason("retry", _("waits until the next attempt is due"), job.due_at)
        case JobStatus.BLOCKED:
            yield _blocked(job)
    if pause := pause_of(job):
        yield WaitReason("paused", _paused(pause.reason, pause.until), pause.until)
    if job.status == JobStatus.HELD and job.hold_reason != HoldReason.PAUSED:
        yield WaitReason("redis", _("waits for Redis to come back"))
    if not _is_served(job.queue):
        yield WaitReason("no_worker", _("no worker serves its queue"))
    if policy.is_gated and job.sent_at is None:
        yield from _at_the_gate(job, policy)
    else:
        yield WaitReason("worker", _("waits for a free worker"), ahead=_count(_sent_before(job)))


def _at_the_gate(job: Job, policy: QueuePolicy) -> Iterator[WaitReason]:
    under_way, ahead = UnderWay.of(job.queue), _count(_unsent_before(job))
    taken = under_way.running.total() + under_way.sent.total()
    if policy.concurrency is not None and taken >= policy.concurrency:
        text = _("waits for a free place: %(taken)d of %(places)d taken")
        numbers = {"taken": min(taken, policy.concurrency), "places": policy.concurrency}
        yield WaitReason("place", text % numbers, ahead=ahead)
    starts = starts_left(policy)
    if starts is not None and starts <= under_way.sent.total():
        yield _at_its_rate(job.queue, ahead)
    yield WaitReason("turn", _("waits for its turn"), ahead=ahead)


def _at_its_rate(queue: str, ahead: int) -> WaitReason:
    slots = RateSlot.objects.filter(queue=queue, free_at__gt=Now()).order_by("free_at")
    until = slots.values_list("free_at", flat=True).first()
    if until is None:
        return WaitReason("rate", _("waits for the rate limit of its queue"), ahead=ahead)
    time = formats.time_format(timezone.localtime(until), "H:i:s")
    return WaitReason("rate", _("rate limit: next start at %(time)s") % {"time": time}, until, ahead)


def _blocked(job: Job) -> WaitReason:
    unfinished = JobDependency.objects.filter(job=job.pk, parent__status__in=sorted(ACTIVE_STATUSES)).count()
    text = ngettext("waits for %(count)d other job", "waits for %(count)d other jobs", unfinished)
    return WaitReason("jobs", text % {"count": unfinished}, ahead=unfinished)


def _paused(reason: str, until: datetime | None) -> str:
    if until is None:
        return _("paused: %(reason)s") % {"reason": reason}
    time = formats.date_format(timezone.localtime(until), "SHORT_DATETIME_FORMAT")
    return _("paused until %(time)s: %(reason)s") % {"time": time, "reason": reason}


def _is_served(queue: str) -> bool:
    """Whether a worker that lives takes jobs of the queue."""
    return any(queue in worker.queues for worker in census.living_workers())


def _unsent_before(job: Job) -> list[QuerySet[Job]]:
    """Jobs of the same organization that have their turn before this one."""
    same = Job.objects.filter(queue=job.queue, status=JobStatus.QUEUED, sent_at=None, tenant_id=job.tenant_id)
    # Two questions, each of which one look into the index answers.
    return [
        same.filter(priority__gt=job.priority),
        same.filter(priority=job.priority, due_at__lt=earliest(job.due_at)),
    ]


def _sent_before(job: Job) -> list[QuerySet[Job]]:
    """Jobs that went to Redis before this one."""
    sent = Job.objects.filter(queue=job.queue, status=JobStatus.QUEUED)
    return [sent.filter(sent_at__lt=earliest(job.sent_at))] if job.sent_at else []


def _count(parts: list[QuerySet[Job]]) -> int:
    return min(MOST_AHEAD, sum(rows.order_by()[:MOST_AHEAD].count() for rows in parts))
