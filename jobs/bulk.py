"""One action on every job that a filter finds: previewed, bounded, and done by a job of its own in small batches.

Only jobs that were there at the preview are touched. Each batch is committed with the place that it reached, so that
an attempt which dies goes on where it stopped, and touches no job twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import control, listing, roles, search
from jobs.context import RunningJob
from jobs.control import Control
from jobs.errors import FencedError, PermanentError, RefusedError
from jobs.listing import Place
from jobs.models import BulkAction, Job
from jobs.search import Filters
from jobs.signals import job_restarted
from jobs.slots import zone_named

# A transaction holds the rows of this many jobs, for a fraction of a second.
BATCH = 100
# Counting for a preview may take this long; what it has not seen by then it says.
PREVIEW_SECONDS = 1.5
# More jobs than this are confirmed by typing their number.
TYPED_FROM = 100
SAMPLE = 10
# Beside the filters of an address: the time zone in which their times were meant.
ZONE = "zone"
TASK = "jobs.act_on_many"
# Looking for the next batch is not the part that takes time; it ends when the batch is full.
_NO_LIMIT = float("inf")
# From the last id to the first: no job has one in between.
_NO_IDS = (UUID(int=2**128 - 1), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a bulk action would touch."""

    count: int
    # Whether these are all: else the cap or the time was reached first.
    is_all: bool
    sample: Sequence[Job]


def filters_for(
    parameters: Mapping[str, str], one: Control, *, before: datetime, may_see_arguments: bool
) -> Filters:
    """The jobs that the filters find, were there at that moment, and have a status that the action is for.

    A word that is not understood, or not this person's to ask, would widen the action: it is for no job then.
    Times are in the zone that the parameters name, which is that of who asked and not of the worker that acts.
    """
    zone = zone_named(parameters[ZONE]) if ZONE in parameters else timezone.get_current_timezone()
    with timezone.override(zone):
        filters = search.parse(parameters, may_see_arguments=may_see_arguments, now=before)
    if filters.unknown:
        return replace(filters, ids=_NO_IDS)
    until = min(filters.until, before) if filters.until else before
    statuses = tuple(sorted(one.statuses))
    status = filters.status or (statuses[0] if len(statuses) == 1 else "")
    # One status is answered by an index; a status that the action is not for finds nothing.
    return replace(filters, until=until, status=status, among=() if status in statuses else statuses)


def preview(filters: Filters) -> Preview:
    """How many jobs would be touched, up to the cap, and the newest of them."""
    count, is_all = listing.count(filters, settings.JOBS_BULK_CAP, PREVIEW_SECONDS)
    sample = listing.page(filters, size=SAMPLE).jobs
    return Preview(max(count, len(sample)), is_all, sample)


def carry_out(bulk_id: str, job: RunningJob) -> dict[str, Any] | None:
    """What was done, once every job that the filter finds was acted on; None when there is nothing to do any more.

    Raises: PermanentError when that person may no longer do it; FencedError when another attempt got ahead.
    """
    row = BulkAction.objects.select_related("by").filter(pk=bulk_id).first()
    if row is None or row.finished_at is not None:
        return None
    by, one = _authorized(row)
    filters = filters_for(
        row.filters, one, before=row.created_before, may_see_arguments=by.has_perm(roles.VIEW_JOB_ARGUMENTS)
    )
    total = min(row.matched, row.cap)
    while row.done + row.skipped < row.cap:
        size = min(BATCH, row.cap - row.done - row.skipped)
        page = listing.page(filters, after=_place(row), size=size, budget_seconds=_NO_LIMIT)
        if page.jobs:
            _act_on_batch(row, one, by, page.jobs)
        seen = row.done + row.skipped
        job.progress(seen, max(total, seen))
        if page.after is None:
            break
    seen = row.done + row.skipped
    job.progress(seen, seen)
    BulkAction.objects.filter(pk=row.pk).update(finished_at=Now())
    return {"done": row.done, "skipped": row.skipped}


def _authorized(row: BulkAction) -> tuple[Any, Control]:
    """Who acts, and what is done.

    Raises: PermanentError when that person may no longer do it.
    """
    one = control.CONTROLS[row.action]
    by: Any = row.by
    if by is None or not (by.is_active and by.is_staff and by.has_perm(roles.BULK_JOB) and one.may(by)):
        raise PermanentError("not-allowed")
    return by, one


@receiver(job_restarted, dispatch_uid="jobs.bulk.check_restart")
def check_restart(job: Job, by: AbstractBaseUser | None, **_kwargs: Any) -> None:
    """Nothing, unless a bulk action is given another chance by somebody who may start none.

    Raises: RefusedError.
    """
    person: Any = by
    if job.task == TASK and (person is None or not person.has_perm(roles.BULK_JOB)):
        raise RefusedError(_("Only who may act on many jobs at once restarts such an action."))


def _act_on_batch(row: BulkAction, one: Control, by: AbstractBaseUser, jobs: Sequence[Job]) -> None:
    """Do it to these jobs, and keep how far that is, together.

    Raises: FencedError when another attempt got as far meanwhile.
    """
    before = row.last_id
    with transaction.atomic():
        done = sum(_acted(one, by, job) for job in jobs)
        row.done += done
        row.skipped += len(jobs) - done
        row.last_created_at, row.last_id = jobs[-1].created_at, jobs[-1].pk
        kept = {name: getattr(row, name) for name in ("done", "skipped", "last_created_at", "last_id")}
        if not BulkAction.objects.filter(pk=row.pk, last_id=before).update(**kept):
            raise FencedError


def _acted(one: Control, by: AbstractBaseUser, job: Job) -> bool:
    try:
        with transaction.atomic():
            return control.act(by, one, job)
    except RefusedError:
        return False


def _place(row: BulkAction) -> Place | None:
    return Place(row.last_created_at, row.last_id) if row.last_created_at and row.last_id else None
