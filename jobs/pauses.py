"""Pauses and lifted rate limits: what a person holds back, or lets through, for a time.

A pause of a queue, of an organization, or of one organization in one queue is a row. The claim asks for it, so
that it holds from its commit on, for workers that wait in Redis too; the leader then shows what it holds back as
held. An end time is kept by the database's clock: a pause that is over counts as none, whether or not its row
was removed by then.

Whoever calls these services has asked for the permission, and records the action in the same transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from jobs import live
from jobs.models import Job, JobStatus, Pause, RateLift
from jobs.waking import wake

# Open pages that show queues look again when this is announced.
TOPIC = "queues"


def pause(
    *,
    queue: str = "",
    tenant_id: int | None = None,
    reason: str,
    until: datetime | None = None,
    by: AbstractBaseUser | None = None,
) -> Pause:
    """The pause of a queue, of an organization in all queues, or of an organization in one queue.

    What is paused already gets the new reason and end. Running jobs go on.

    Raises: ValueError for a pause of neither a queue nor an organization.
    """
    if not queue and tenant_id is None:
        raise ValueError("a pause names a queue, an organization, or both")
    with transaction.atomic():
        paused, _is_new = Pause.objects.update_or_create(
            queue=queue, tenant_id=tenant_id, defaults={"reason": reason, "until": until, "by_id": _id_of(by)}
        )
        _announce()
    return paused


def resume(*, queue: str = "", tenant_id: int | None = None) -> bool:
    """Whether there was exactly this pause; what it held back is sent again, unless another pause covers it."""
    with transaction.atomic():
        ended, _by_model = Pause.objects.filter(queue=queue, tenant_id=tenant_id).delete()
        _announce()
    return bool(ended)


def lift_rate(*, queue: str, until: datetime, reason: str, by: AbstractBaseUser | None = None) -> RateLift:
    """The queue's rate limit does not hold until then; one that is lifted already gets the new reason and end."""
    with transaction.atomic():
        lift, _is_new = RateLift.objects.update_or_create(
            queue=queue, defaults={"until": until, "reason": reason, "by_id": _id_of(by)}
        )
        _announce()
    return lift


def restore_rate(*, queue: str) -> bool:
    """Whether the queue's rate limit was lifted; it holds again."""
    with transaction.atomic():
        ended, _by_model = RateLift.objects.filter(queue=queue).delete()
        _announce()
    return bool(ended)


def live_pauses() -> QuerySet[Pause]:
    """The pauses that hold now, by the database's clock."""
    return Pause.objects.filter(Q(until=None) | Q(until__gt=Now()))


def live_lifts() -> QuerySet[RateLift]:
    """The rate limits that are lifted now, by the database's clock."""
    return RateLift.objects.filter(until__gt=Now())


def pause_of(job: Job) -> Pause | None:
    """The pause that keeps this job from starting; of several the one that ends last."""
    covering = live_pauses().filter(Q(queue="") | Q(queue=job.queue))
    pauses = covering.filter(Q(tenant_id=None) | Q(tenant_id=job.tenant_id))
    # One without an end comes last, on both databases.
    return min(pauses, key=lambda paused: (paused.until is not None, paused.until), default=None)


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses that hold at one moment."""

    pairs: frozenset[tuple[str, int | None]]

    @classmethod
    def now(cls) -> "Pauses":
        """Those that hold now."""
        return cls(frozenset(live_pauses().values_list("queue", "tenant_id")))

    def cover(self, queue: str) -> bool:
        """Whether no job of the queue may start."""
        return (queue, None) in self.pairs

    def tenants_of(self, queue: str) -> frozenset[int | None]:
        """The organizations whose jobs of the queue may not start."""
        return frozenset(
            tenant for its_queue, tenant in self.pairs if tenant is not None and its_queue in ("", queue)
        )

    def rows(self) -> Iterator[QuerySet[Job]]:
        """The ready jobs that each of the pauses keeps from starting."""
        for queue, tenant in sorted(self.pairs, key=str):
            names = [queue] if queue else [policy.name for policy in settings.JOBS_QUEUES]
            rows = Job.objects.filter(status=JobStatus.QUEUED, queue__in=names)
            yield rows if tenant is None else rows.filter(tenant_id=tenant)


def _id_of(user: AbstractBaseUser | None) -> int | None:
    return user.pk if user else None


def _announce() -> None:
    """After the commit, have the leader look at once, and open pages too."""
    transaction.on_commit(wake, robust=True)
    transaction.on_commit(lambda: live.publish(TOPIC), robust=True)
