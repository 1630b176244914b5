"""Jobs that wait for jobs: who waits for whom, and what becomes of them when the last one ends.

Why none is forgotten: after its commit, whoever made a dependency marks the row of the parent and then looks whether
the parent has ended. The end of the parent comes either before the mark, and is seen by that look, or after it, and
sees the mark: whoever ends a marked job looks for its dependents after the commit. Of two parents that end at once, the
later one sees both ends. The leader looks again for what a crash between a commit and a look left behind. No lock on
a parent is held for longer than one statement, since its worker has a lease to renew.
"""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from jobs import lifecycle
from jobs.errors import ArgumentsError
from jobs.lifecycle import Cause
from jobs.models import ACTIVE_STATUSES, FINAL_STATUSES, Job, JobDependency, JobStatus, OnParentFailure
from jobs.sending import send

logger = logging.getLogger(__name__)

# Rows of one transaction: few enough not to keep others waiting, many enough to be quick.
BATCH_SIZE = 500
# Dependents that the end of their parents moves itself, within a second: a worker has leases to renew. The leader
# finds the others.
MOST_AT_ONCE = 1000
# What the leader spends on those in one look, so that it stays the leader.
LONGEST_LOOK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Link:
    """One job waits for another; neither needs to be a row yet."""

    job: Job
    parent: Job
    on_failure: OnParentFailure


def ended_parents(links: Sequence[Link], *, new: Collection[UUID]) -> set[UUID]:
    """The ids of those parents that have ended; parents that become rows with their dependents are marked.

    `new` are the ids of jobs that become rows in the same transaction.

    Raises: ArgumentsError for a parent that is no row.
    """
    for link in links:
        if link.parent.pk in new:
            link.parent.has_dependents = True
    wanted = _earlier(links, new)
    statuses = dict(Job.objects.filter(pk__in=wanted).values_list("pk", "status")) if wanted else {}
    if len(statuses) < len(wanted):
        raise ArgumentsError("a job cannot wait for one that is not there any more")
    return {job_id for job_id, status in statuses.items() if status in FINAL_STATUSES}


def watch(links: Sequence[Link], *, new: Collection[UUID]) -> None:
    """After the caller's commit, mark the parents that were there before, and look whether they have ended."""
    parents = sorted(_earlier(links, new))
    waiting = {link.job.pk for link in links if link.parent.pk not in new}
    if parents:
        transaction.on_commit(lambda: _mark_and_look(parents, waiting), robust=True)


def store(links: Sequence[Link]) -> None:
    """Write the dependencies of jobs that are rows by now."""
    if links:
        JobDependency.objects.bulk_create(
            JobDependency(job=link.job, parent=link.parent, on_failure=link.on_failure) for link in links
        )


def settle(job_ids: Collection[UUID]) -> list[Job]:
    """The blocked jobs among these that need not wait any more: ready now, or cancelled with a parent."""
    return [job for chunk in _chunks(list(job_ids)) for job in _settle_chunk(chunk)]


def settle_dependents(parent_ids: Collection[UUID]) -> list[Job]:
    """The jobs that waited for these ended ones and need not wait any more, MOST_AT_ONCE of them at most."""
    waiting = JobDependency.objects.filter(parent_id__in=parent_ids, job__status=JobStatus.BLOCKED)
    return settle(set(waiting.values_list("job_id", flat=True)[:MOST_AT_ONCE]))


def reconcile() -> int:
    """The number of blocked jobs that nobody had told of the end of their parents; some wait for the next look."""
    blocked, count = Job.objects.filter(status=JobStatus.BLOCKED), 0
    ends_at = time.monotonic() + LONGEST_LOOK_SECONDS
    while forgotten := list(blocked.filter(_may_go() | _must_go()).values_list("pk", flat=True)[:BATCH_SIZE]):
        settled = len(settle(forgotten))
        count += settled
        if not settled or len(forgotten) < BATCH_SIZE or time.monotonic() > ends_at:
            break
    return count


def _earlier(links: Sequence[Link], new: Collection[UUID]) -> set[UUID]:
    return {link.parent.pk for link in links if link.parent.pk not in new}


def _mark_and_look(parents: Sequence[UUID], waiting: Collection[UUID]) -> None:
    try:
        for parent_id in parents:
            # One by one: who holds a single lock at a time cannot wait in a circle.
            Job.objects.filter(pk=parent_id, has_dependents=False).update(has_dependents=True)
        settle(waiting)
    except DatabaseError as error:
        logger.warning("New dependents are left to the leader: %s", type(error).__name__)


def _settle_chunk(job_ids: Sequence[UUID]) -> list[Job]:
    rows = Job.objects.filter(pk__in=job_ids, status=JobStatus.BLOCKED)
    with transaction.atomic():
        # Not skipped but waited for: whoever holds the row may have looked before the last parent ended.
        held = list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        if not held:
            return []
        rows = Job.objects.filter(pk__in=held)
        cancelled = lifecycle.cancel_waiting(_only(rows, _must_go()), Cause.PARENT_ENDED)
        released = lifecycle.unblock(_only(rows, _may_go()), Cause.UNBLOCKED)
        ready = [job for job in released if job.status == JobStatus.QUEUED]
        transaction.on_commit(lambda: send(ready), robust=True)
    return cancelled + released


def _only(rows: QuerySet[Job], condition: Q) -> QuerySet[Job]:
    return rows.filter(
        pk__in=list(rows.filter(status=JobStatus.BLOCKED).filter(condition).values_list("pk", flat=True))
    )


def _may_go() -> Q:
    """No parent goes on any more."""
    parents = JobDependency.objects.filter(job=OuterRef("pk"))
    return Q(~Exists(parents.filter(parent__status__in=sorted(ACTIVE_STATUSES))))


def _must_go() -> Q:
    """A parent failed or was cancelled with whom the job is to be cancelled."""
    parents = JobDependency.objects.filter(job=OuterRef("pk"), on_failure=OnParentFailure.CANCEL)
    return Q(Exists(parents.filter(parent__status__in=[JobStatus.FAILED, JobStatus.CANCELLED])))


def _chunks(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE))
