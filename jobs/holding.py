"""Rows on their way into a queue and out of it again: due, held back, let go.

Each function does some of what there is to do and says how much that was; what is left comes with the next look.
"""

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs import lifecycle
from jobs.lifecycle import Cause
from jobs.models import HoldReason, Job, JobStatus, Pause
from jobs.pauses import Pauses
from jobs.querysets import locked
from jobs.queues import policy_of
from jobs.turns import Line, next_ids, queues_of

# Rows of one transaction: SQLite's other writers wait meanwhile.
BATCH_SIZE = 500
# Rows of one kind in one look, so that none keeps the others waiting.
LONGEST_MOVING = 5000
# Nobody waits for a row to be shown as held: it does not start in any case.
LONGEST_HOLDING = 2 * BATCH_SIZE


def release_due() -> int:
    """The number of delayed and retrying jobs whose time had come."""
    return sum(
        _release_due(Job.objects.due().filter(status=status).order_by("due_at"), status)
        for status in (JobStatus.SCHEDULED, JobStatus.RETRYING)
    )


def release_held(pauses: Pauses) -> int:
    """The number of jobs that were held back and are not any more, in the order in which they are to start."""
    return sum(_release_held(queue, pauses) for queue in queues_of(Line.HELD) if not pauses.cover(queue))


def hold_paused(pauses: Pauses) -> int:
    """The number of ready jobs that are shown as held now, since they are paused."""
    held = 0
    for rows in pauses.rows():
        held += _hold(rows, HoldReason.PAUSED, Cause.PAUSED, LONGEST_HOLDING - held)
    return held


def hold_unsent() -> int:
    """The number of ready jobs that are shown as held now, since Redis is away.

    Those of gated queues are not: most of them wait for their turn, whatever Redis does.
    """
    held = 0
    for queue in queues_of(Line.UNSENT):
        if not policy_of(queue).is_gated:
            rows = Job.objects.filter(queue=queue, status=JobStatus.QUEUED, sent_at=None)
            held += _hold(rows, HoldReason.REDIS_AWAY, Cause.REDIS_AWAY, LONGEST_HOLDING - held)
    return held


def end_pauses() -> int:
    """The number of pauses that were over and are gone now."""
    over = Pause.objects.filter(until__lte=Now())
    return over.delete()[0] if over.exists() else 0


def _release_due(rows: QuerySet[Job], status: JobStatus) -> int:
    moved = 0
    # Asked without a lock first: on SQLite an empty look would otherwise keep all writers waiting.
    while moved < LONGEST_MOVING and rows.exists():
        with transaction.atomic():
            ids = locked(rows, BATCH_SIZE)
            released = lifecycle.release(Job.objects.filter(pk__in=ids), status, Cause.DUE)
        if not released:
            break
        moved += len(released)
    return moved


def _release_held(queue: str, pauses: Pauses) -> int:
    moved = 0
    while moved < LONGEST_MOVING:
        ids = next_ids(Line.HELD, queue, BATCH_SIZE, left_out=pauses.tenants_of(queue))
        if not ids:
            break
        was_paused = Q(hold_reason=HoldReason.PAUSED)
        with transaction.atomic():
            held = Job.objects.filter(pk__in=ids, status=JobStatus.HELD)
            rows = Job.objects.filter(pk__in=locked(held, BATCH_SIZE))
            released = len(lifecycle.release(rows.filter(was_paused), JobStatus.HELD, Cause.RESUMED))
            released += len(lifecycle.release(rows.exclude(was_paused), JobStatus.HELD, Cause.REDIS_BACK))
        if not released:
            break
        moved += released
    return moved


def _hold(rows: QuerySet[Job], reason: HoldReason, cause: Cause, at_most: int) -> int:
    held = 0
    while held < at_most and rows.exists():
        with transaction.atomic():
            ids = locked(rows, min(BATCH_SIZE, at_most - held))
            moved = lifecycle.hold(Job.objects.filter(pk__in=ids), reason, cause)
        if not moved:
            break
        held += len(moved)
    return held
