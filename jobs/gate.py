"""How many jobs of a queue go to Redis now, and which.

An ungated queue sends all it has. A gated one sends as many as may start: as many as it has free places, and starts
that its rate allows. What is in Redis unclaimed counts as started already, so that the order of what follows stays
open until the last moment: an organization that comes late is not behind all that another one asked for before.

The fairness bound: the next job to be sent is of an organization that has the fewest under way in that queue, and of
several such ones of the one that has waited longest. Before the job of an organization that has none under way there
are only those that run, those in Redis, and one of each organization that has none either and has waited longer.
In Redis are none on a queue whose places are all taken, as many as the rate still allows on one with a rate, and at
most OPEN_WINDOW on a queue with neither.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from jobs import admission, dispatch
from jobs.models import Job, JobStatus, RateSlot
from jobs.pauses import Pauses, live_lifts
from jobs.querysets import locked, update_returning
from jobs.queues import QueuePolicy, policy_of
from jobs.turns import Line, Tenant, next_ids

# Rows that are chosen, marked and pushed together.
BATCH_SIZE = 500
# What one look sends of a queue at most, so that no queue keeps the others waiting.
LONGEST_SENDING = 5000
# What may be in Redis of a gated queue that has neither places nor a rate to bound it: enough for the workers
# of the light lane to find the next hundred while the leader chooses.
OPEN_WINDOW = 200


@dataclass(frozen=True, slots=True)
class Sending:
    """What came of one look at a queue."""

    count: int
    # Redis did not take them.
    refused: bool = False
    # There may be more to send at once.
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What a queue has under way."""

    running: Counter[Tenant]
    # In Redis, and not claimed yet.
    sent: Counter[Tenant]

    @classmethod
    def of(cls, queue: str) -> "UnderWay":
        """What the rows say now."""
        jobs = Job.objects.filter(queue=queue).order_by().values_list("status", "tenant_id")
        running = jobs.filter(status=JobStatus.RUNNING).annotate(count=Count("pk"))
        sent = jobs.filter(status=JobStatus.QUEUED, sent_at__isnull=False).annotate(count=Count("pk"))
        under_way = cls(Counter(), Counter())
        # Asked together, each part by an index of its own.
        for status, tenant, count in running.union(sent, all=True):
            (under_way.running if status == JobStatus.RUNNING else under_way.sent)[tenant] = count
        return under_way


def send(queue: str, pauses: Pauses) -> Sending:
    """What was sent of the queue's rows now.

    Rows are marked first and their hints pushed after the commit, so that no lock is held while Redis is waited for.
    A leader that dies in between leaves rows that count as sent; the search for missing hints finds them.
    """
    if pauses.cover(queue):
        return Sending(0)
    policy = policy_of(queue)
    under_way = UnderWay.of(queue) if policy.is_gated else UnderWay(Counter(), Counter())
    room = room_of(policy, under_way) if policy.is_gated else LONGEST_SENDING
    busy, sent = under_way.running + under_way.sent, 0
    while sent < room:
        chosen = next_ids(
            Line.UNSENT, queue, min(room - sent, BATCH_SIZE), busy=busy, left_out=pauses.tenants_of(queue)
        )
        if not chosen:
            return Sending(sent)
        marked = _mark(chosen)
        if not marked:
            # Somebody else holds all of them: a later look finds them again.
            return Sending(sent)
        if not dispatch.push(marked):
            dispatch.hold(marked)
            return Sending(sent, refused=True)
        busy.update(job.tenant_id for job in marked)
        sent += len(marked)
    return Sending(sent, unfinished=not policy.is_gated)


def room_of(policy: QueuePolicy, under_way: UnderWay) -> int:
    """How many more jobs of the gated queue may be in Redis."""
    sent = under_way.sent.total()
    bounds = []
    if policy.concurrency is not None:
        bounds.append(policy.concurrency - under_way.running.total() - sent)
    if (starts := starts_left(policy)) is not None:
        bounds.append(starts - sent)
    return max(0, min(bounds, default=OPEN_WINDOW - sent))


def starts_left(policy: QueuePolicy) -> int | None:
    """How many starts the queue's rate allows now; None where no rate holds."""
    limit = policy.rate_limit
    if limit is None or live_lifts().filter(queue=policy.name).exists():
        return None
    free = admission.free_slots(policy.name, limit.window).values("pk")
    return limit.count - RateSlot.objects.filter(queue=policy.name).exclude(pk__in=free).count()


def _mark(ids: Sequence[UUID]) -> list[Job]:
    """Those of the rows that are still to be sent and nobody holds, now marked as sent, in the order given."""
    rows = Job.objects.filter(pk__in=ids, status=JobStatus.QUEUED, sent_at=None)
    with transaction.atomic():
        free = Job.objects.filter(pk__in=locked(rows, len(ids)))
        marked = {job.pk: job for job in update_returning(free, sent_at=Now())}
    return [marked[id_] for id_ in ids if id_ in marked]
