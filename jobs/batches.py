"""Jobs that are followed as one: opened, added to, sealed, and ended once with the last of its jobs.

Why a batch ends exactly once: whoever ends a job of it looks after the commit whether that was the last one (of two
jobs that end at once, the later one sees both ends), and ends the batch under a lock on its row; who comes second
finds that it has ended. The task at the end is enqueued in the same transaction.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Exists, OuterRef
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest

from jobs import audit, dispatch, enqueueing, lifecycle
from jobs.declarations import TASKS, Declaration, declared
from jobs.enqueueing import Options, Plan
from jobs.errors import ArgumentsError
from jobs.models import ACTIVE_STATUSES, FINAL_STATUSES, ActionKind, Batch, BatchStatus, Job, JobStatus

logger = logging.getLogger(__name__)

# Batches of one look of the leader, and jobs of one transaction of a cancellation.
BATCH_SIZE = 500
# A request cancels so many jobs in about a second; those of a larger batch are cancelled by a job.
CANCELLED_AT_ONCE = 1_000
_CANCELLING = "jobs.cancel_jobs_of_batch"


class Declared(Protocol):
    """A task, as `jobs.tasks` makes it."""

    @property
    def declaration(self) -> Declaration: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, counted from the rows of its jobs."""

    total: int
    by_status: dict[str, int]

    @property
    def done(self) -> int:
        """The jobs that have ended, those included whose rows are not kept any more."""
        return self.total - self.active

    @property
    def active(self) -> int:
        """The jobs that go on."""
        return sum(self.by_status.get(status, 0) for status in ACTIVE_STATUSES)

    @property
    def unkept(self) -> int:
        """The jobs whose rows are not kept any more."""
        return max(0, self.total - sum(self.by_status.values()))

    @property
    def percent(self) -> int:
        """Whole percent done; an empty batch is done."""
        return self.done * 100 // self.total if self.total else 100


def open_batch(
    name: str, *, tenant_id: int | None = None, then: Declared | None = None, **arguments: Any
) -> Batch:
    """A batch that jobs can be added to with `task.using(batch=...)`, until it is sealed.

    The task `then` runs once after all of them, however they ended, with these arguments and `batch_id`.

    Raises: ArgumentsError when they do not fit that task.
    """
    batch = Batch(pk=uuid4(), name=name[:200], tenant_id=tenant_id)
    if then is not None:
        then.declaration.check_arguments({**arguments, "batch_id": str(batch.pk)})
        batch.completion_task, batch.completion_arguments = then.declaration.name, arguments
    elif arguments:
        raise ArgumentsError("arguments without a task at the end")
    batch.save(force_insert=True)
    return batch


def seal_batch(batch: Batch) -> None:
    """Take no more jobs from here on; the batch ends with its last one, or at once when it has none left."""
    rows = Batch.objects.filter(pk=batch.pk, sealed_at=None)
    with transaction.atomic():
        if rows.update(sealed_at=Now()):
            transaction.on_commit(lambda: settle([batch.pk]), robust=True)


def discard_batch(batch: Batch) -> bool:
    """Whether the batch is gone: nothing was ever added to it, and nothing will come of it."""
    return bool(Batch.objects.filter(pk=batch.pk, total=0, sealed_at=None).delete()[0])


def cancel_batch(*, batch: Batch, by: AbstractBaseUser | HttpRequest | None, reason: str = "") -> bool:
    """Whether the batch still went on: its waiting jobs are cancelled, its running ones asked to stop.

    Now, or of a large batch by a job of its own, a part after the other: nobody waits for it, nor for its locks.
    """
    with transaction.atomic():
        going = Batch.objects.filter(pk=batch.pk, status=BatchStatus.RUNNING, cancel_requested_at=None)
        if not going.update(cancel_requested_at=Now(), sealed_at=Coalesce("sealed_at", Now())):
            return False
        person = audit.person_of(by)
        by_id = person.pk if person else None
        count = batch.jobs.filter(status__in=ACTIVE_STATUSES).count()
        if count > CANCELLED_AT_ONCE:
            enqueueing.enqueue(
                Plan(TASKS[_CANCELLING], {"batch_id": str(batch.pk), "by_id": by_id}, Options())
            )
        else:
            count = sum(_cancel(ids, by_id) for ids in _active_ids(batch))
        audit.record(
            by, ActionKind.CANCEL, "batch", batch.pk, tenant_id=batch.tenant_id, count=count, reason=reason
        )
        transaction.on_commit(lambda: settle([batch.pk]), robust=True)
    return True


def cancel_jobs(batch: Batch, *, by_id: int | None) -> int:
    """The number of the batch's jobs that are cancelled now or were asked to stop, each part in its own transaction."""
    count = 0
    for ids in _active_ids(batch):
        with transaction.atomic():
            count += _cancel(ids, by_id)
    settle([batch.pk])
    return count


def progress_of(batch: Batch) -> Progress:
    """How far the batch is."""
    counts = batch.jobs.order_by().values_list("status").annotate(count=Count("pk"))
    return Progress(batch.total, dict(counts))


def settle(batch_ids: Collection[UUID]) -> int:
    """The number of these batches that have ended now, since they are sealed and their last job has ended."""
    return sum(_settle(batch_id) for batch_id in batch_ids)


def reconcile() -> int:
    """The number of batches whose end nobody had noticed."""
    active = Job.objects.active().filter(batch=OuterRef("pk"))
    over = Batch.objects.filter(status=BatchStatus.RUNNING, sealed_at__isnull=False).exclude(Exists(active))
    return settle(list(over.values_list("pk", flat=True)[:BATCH_SIZE]))


def _settle(batch_id: UUID) -> bool:
    going = Batch.objects.filter(pk=batch_id, status=BatchStatus.RUNNING, sealed_at__isnull=False)
    if not going.exists():
        return False
    with transaction.atomic():
        batch = going.select_for_update(no_key=True).first()
        if batch is None or batch.jobs.active().exists():
            return False
        if batch.completion_task and declared(batch.completion_task) is None:
            # A deployment that knows the task ends the batch.
            logger.info("A batch waits for a deployment that knows %s", batch.completion_task)
            return False
        going.update(
            status=outcome(progress_of(batch), is_cancelled=batch.cancel_requested_at is not None),
            finished_at=Now(),
            completion_job=_completion(batch),
        )
    return True


def outcome(progress: Progress, *, is_cancelled: bool) -> BatchStatus:
    """What a batch came to whose jobs have all ended."""
    ends = {status for status in FINAL_STATUSES if progress.by_status.get(status)}
    if ends <= {JobStatus.SUCCEEDED}:
        return BatchStatus.CANCELLED if is_cancelled and not ends else BatchStatus.SUCCEEDED
    if is_cancelled or ends == {JobStatus.CANCELLED}:
        return BatchStatus.CANCELLED
    return BatchStatus.PARTIAL if JobStatus.SUCCEEDED in ends else BatchStatus.FAILED


def _completion(batch: Batch) -> Job | None:
    """The job of the batch's last task, enqueued with the end of the batch."""
    task = declared(batch.completion_task) if batch.completion_task else None
    if task is None:
        return None
    arguments = {**batch.completion_arguments, "batch_id": str(batch.pk)}
    try:
        return enqueueing.enqueue(Plan(task, arguments, Options(tenant_id=batch.tenant_id)))
    except ArgumentsError as error:
        # They fitted when the batch was opened; the task has changed since.
        logger.error("A batch has no last job: %s", error)  # noqa: TRY400 -- names of parameters alone
        return None


def _active_ids(batch: Batch) -> Iterator[list[UUID]]:
    ids = list(batch.jobs.active().order_by("pk").values_list("pk", flat=True))
    return (ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE))


def _cancel(ids: list[UUID], by_id: int | None) -> int:
    """The number of these jobs that are cancelled now or were asked to stop."""
    cancelled, asked = lifecycle.cancel(Job.objects.filter(pk__in=ids), by_id=by_id)
    transaction.on_commit(lambda: dispatch.forget(cancelled), robust=True)
    return len(cancelled) + len(asked)
