"""Retention: what is older than its queue's policy says leaves, in portions that keep nobody waiting.

Rows are deleted with what belongs to them by one statement for each table: the ORM would load every one. Kept for
longer are jobs that a waiting job depends on, and jobs of a batch that still goes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from jobs import dispatch, statistics
from jobs.models import (
    ACTIVE_STATUSES,
    Alert,
    AuditEntry,
    Batch,
    BatchStatus,
    Job,
    JobDependency,
    WorkerProcess,
)
from jobs.moments import database_now, earliest
from jobs.querysets import locked
from jobs.queues import policy_of
from jobs.transport import HintJob, HintQueue
from jobs.turns import Line, queues_of

# Jobs of one transaction.
PORTION = 1000
# On SQLite all other writers wait for its end.
PORTION_ALONE = 200
# Between two portions the others have their turn for as long as the last one took, up to this.
LONGEST_PAUSE_SECONDS = 0.2
# More of RQ's entries than this are dropped at the next look.
LONGEST_TRIM = 5000

HOURS_KEPT = timedelta(days=400)
ALERTS_KEPT = timedelta(days=400)
# Every start of a worker leaves a row.
WORKERS_KEPT = timedelta(days=7)
# RQ's lists are for a glance at what happened just now: newest so many, for as long as `jobs.transport` says.
FINISHED_HINTS_KEPT = 100
FAILED_HINTS_KEPT = 1000


def prune(checkpoint: Callable[[], None]) -> dict[str, int]:
    """How many rows of each kind were deleted; `checkpoint` is called between two portions."""
    jobs = sum(_prune_jobs(queue, checkpoint) for queue in queues_of(Line.ENDED))
    now = database_now()
    figures = statistics.prune(minutes_before=now - statistics.MINUTES_KEPT, hours_before=now - HOURS_KEPT)
    return {"jobs": jobs, "batches": _prune_batches(now), "statistics": figures, **_prune_sightings(now)}


def trim_lists() -> int:
    """The number of ended jobs that were taken out of RQ's lists, since newer ones fill these.

    Raises: RedisError when Redis does not answer.
    """
    trimmed = 0
    for policy in settings.JOBS_QUEUES:
        queue = HintQueue(policy.name, connection=dispatch.connection())
        trimmed += _trim(queue.finished_job_registry.key, FINISHED_HINTS_KEPT)
        trimmed += _trim(queue.failed_job_registry.key, FAILED_HINTS_KEPT)
    return trimmed


def _prune_jobs(queue: str, checkpoint: Callable[[], None]) -> int:
    deleted = 0
    for ids in _portions(queue, policy_of(queue).keep_for):
        began = time.monotonic()
        with transaction.atomic():
            # Asked again under the lock: somebody may have given one of them another chance meanwhile.
            ended = locked(Job.objects.final().filter(pk__in=ids), PORTION)
            _delete(ended)
        deleted += len(ended)
        checkpoint()
        time.sleep(min(LONGEST_PAUSE_SECONDS, time.monotonic() - began))
    return deleted


def _portions(queue: str, keep_for: timedelta) -> Iterator[Sequence[UUID]]:
    """Ids of the queue's jobs that ended longer ago, the oldest first."""
    waits = JobDependency.objects.filter(parent=OuterRef("pk"), job__status__in=sorted(ACTIVE_STATUSES))
    goes_on = Batch.objects.filter(pk=OuterRef("batch"), status=BatchStatus.RUNNING)
    old = Job.objects.final().filter(queue=queue, finished_at__lte=Now() - keep_for)
    old = old.filter(Q(has_dependents=False) | ~Exists(waits), Q(batch=None) | ~Exists(goes_on))
    after: datetime | None = None
    size = PORTION_ALONE if connection.vendor == "sqlite" else PORTION
    while True:
        # From where the last portion ended: what is kept for longer is not looked at again each time.
        rows = old if after is None else old.filter(finished_at__gte=earliest(after))
        portion = list(rows.order_by("finished_at").values_list("pk", "finished_at")[:size])
        if not portion:
            return
        after = portion[-1][1]
        yield [pk for pk, _finished_at in portion]


def _delete(ids: Sequence[UUID]) -> None:
    """Delete these jobs and what belongs to them; what only names them goes on without a name."""
    for relation in Job._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ForeignObjectRel):
            continue
        rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": ids})
        if relation.on_delete is models.CASCADE:
            rows._raw_delete(rows.db)
        else:
            rows.update(**{relation.field.name: None})
    jobs = Job.objects.filter(pk__in=ids)
    jobs._raw_delete(jobs.db)


def _prune_batches(now: datetime) -> int:
    """Batches whose jobs have all left."""
    longest = max(policy.keep_for for policy in settings.JOBS_QUEUES)
    members = Job.objects.filter(batch=OuterRef("pk"))
    return Batch.objects.filter(~Exists(members), finished_at__lte=now - longest).delete()[0]


def _prune_sightings(now: datetime) -> dict[str, int]:
    return {
        "alerts": Alert.objects.filter(resolved_at__lte=now - ALERTS_KEPT).delete()[0],
        "workers": WorkerProcess.objects.filter(seen_at__lte=now - WORKERS_KEPT).delete()[0],
        "audit": _prune_audit(now),
    }


def _prune_audit(now: datetime) -> int:
    old = AuditEntry.objects.filter(at__lte=now - timedelta(days=settings.AUDIT_KEEP_DAYS))
    return int(old._raw_delete(old.db))


def _trim(key: str, kept: int) -> int:
    redis = dispatch.connection()
    excess = min(redis.zcard(key) - kept, LONGEST_TRIM)
    if excess <= 0:
        return 0
    # The lists are ordered by when each entry would leave by itself.
    raw_ids = cast(list[bytes], redis.zrange(key, 0, excess - 1))
    with redis.pipeline(transaction=False) as pipeline:
        pipeline.zrem(key, *raw_ids)
        pipeline.unlink(*(HintJob.key_for(raw_id.decode(errors="replace")) for raw_id in raw_ids))
        pipeline.execute()
    return len(raw_ids)
