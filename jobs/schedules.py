"""Schedules: rows that enqueue a task again and again, exactly one job for each slot.

Why a slot never makes two jobs: the row names its next slot; who fills it moves the row on in the same transaction, by
an update that names the slot it expects, and the job names schedule and slot, which no two jobs share. All times are
the database's. A schedule that cannot make its job says why and goes on with its next slot.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, InterfaceError, OperationalError, models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jobs import audit, enqueueing
from jobs.declarations import Declaration, declared
from jobs.enqueueing import Options, Plan
from jobs.errors import ArgumentsError, ScheduleError, TimingError
from jobs.lifecycle import Cause
from jobs.models import ActionKind, CatchUp, Job, OnParentFailure, Overlap, Schedule
from jobs.shipped import Shipped
from jobs.slots import Timing

logger = logging.getLogger(__name__)

# No more jobs than this are made for slots that were missed, the newest of them.
MOST_CAUGHT_UP = 100
# A slot is not missed while it is no older than this: leaders change hands in less.
GRACE = timedelta(minutes=1)
# Schedules of one look.
BATCH_SIZE = 500
# The columns that say when it is due.
_TIMING = ("cron", "interval_seconds", "time_zone")

Actor = AbstractBaseUser | HttpRequest | None


class Trouble(models.TextChoices):
    """Why the last slot of a schedule made no job."""

    UNKNOWN_TASK = "unknown_task", _("This version of the site does not know the task.")
    ARGUMENTS = "arguments", _("The arguments do not fit the task any more.")
    TIMING = "timing", _("When it is due cannot be read: look at the expression and the time zone.")
    OVERLAP = "overlap", _("The slot was skipped, because the last job still goes on.")
    ERROR = "error", _("An error occurred; the log of the dispatcher names it.")


def timing_of(schedule: Schedule) -> Timing:
    """When the schedule is due.

    Raises: TimingError when its row does not say it.
    """
    seconds = schedule.interval_seconds
    return Timing(schedule.cron, timedelta(seconds=seconds) if seconds else None, schedule.time_zone)


def fill_due() -> int:
    """The number of jobs made for slots that have come; for the leader, about once a second."""
    due = _due().order_by("next_at").values_list("pk", flat=True)
    return sum(_fill_safely(pk) for pk in list(due[:BATCH_SIZE]))


def run_now(schedule: Schedule, *, by: Actor, reason: str = "", job_id: UUID | None = None) -> Job:
    """A job of the schedule beside its slots, which stay as they are.

    Whoever asks twice with the same `job_id` gets one job.

    Raises: ScheduleError when its task is not known or its arguments do not fit.
    """
    person = audit.person_of(by)
    plan = replace(_plan(schedule, None), id=job_id or uuid4())
    try:
        with transaction.atomic():
            job = enqueueing.enqueue(plan, cause=Cause.RUN_NOW, by_id=person.pk if person else None)
            _record(by, ActionKind.RUN_SCHEDULE, schedule, reason)
    except ArgumentsError:
        raise ScheduleError(Trouble.ARGUMENTS) from None
    except IntegrityError:
        return Job.objects.get(pk=plan.id, schedule=schedule)
    return job


def pause(schedule: Schedule, *, by: Actor, reason: str) -> bool:
    """Whether the schedule went on until now; no slot of it is filled until it is resumed, nor made up for then."""
    person = audit.person_of(by)
    with transaction.atomic():
        going = Schedule.objects.filter(pk=schedule.pk, paused_at=None)
        paused = going.update(
            paused_at=Now(),
            pause_reason=reason[:200],
            next_at=None,
            changed_by_id=person.pk if person else None,
        )
        if paused:
            _record(by, ActionKind.PAUSE_SCHEDULE, schedule, reason)
    return bool(paused)


def resume(schedule: Schedule, *, by: Actor, reason: str = "") -> bool:
    """Whether the schedule was paused until now; it goes on with the next slot that comes.

    Raises: TimingError when its row does not say when that is.
    """
    person = audit.person_of(by)
    with transaction.atomic():
        row = _with_now(Schedule.objects.filter(pk=schedule.pk, paused_at__isnull=False)).first()
        if row is None:
            return False
        Schedule.objects.filter(pk=row.pk).update(
            paused_at=None,
            pause_reason="",
            trouble="",
            next_at=next(timing_of(row).after(row.now), None),
            changed_by_id=person.pk if person else None,
        )
        _record(by, ActionKind.RESUME_SCHEDULE, schedule, reason)
    return True


def save(schedule: Schedule, *, by: Actor, details: dict[str, Any]) -> Schedule:
    """The new or changed schedule, stored; unless it is paused, it goes on with the next slot that comes.

    While when it is due stays the same, so does its next slot: an interval counts from it.

    `details` say what changed, for the audit trail.

    Raises: TimingError when it does not say when it is due; ScheduleError for a task or arguments that do not fit.
    """
    plan = _plan(schedule, None)
    try:
        plan.declaration.check_arguments(plan.arguments)
    except ArgumentsError:
        raise ScheduleError(Trouble.ARGUMENTS) from None
    timing = timing_of(schedule)
    with transaction.atomic():
        schedule.changed_by_id = person.pk if (person := audit.person_of(by)) else None
        schedule.trouble = ""
        schedule.next_at = _kept_slot(schedule)
        schedule.save()
        if schedule.paused_at is None and schedule.next_at is None:
            row = _with_now(Schedule.objects.filter(pk=schedule.pk)).get()
            schedule.next_at = next(timing.after(row.now), None)
            schedule.save(update_fields=["next_at"])
        _record(by, ActionKind.CHANGE_SCHEDULE, schedule, "", details)
    return schedule


def delete(schedule: Schedule, *, by: Actor) -> None:
    """Remove the schedule; its jobs stay. One that is shipped with the site comes back with the next migration."""
    with transaction.atomic():
        _record(by, ActionKind.CHANGE_SCHEDULE, schedule, "", {"deleted": True})
        schedule.delete()


def sync_shipped(**_signal: Any) -> int:
    """The number of shipped schedules that were made, or brought up to date because nobody had changed them.

    A receiver of `post_migrate`.
    """
    return sum(_sync(shipped) for shipped in settings.JOBS_SCHEDULES)


def _kept_slot(schedule: Schedule) -> datetime | None:
    """The next slot of the stored schedule, if the changed one is due at the same times."""
    stored = Schedule.objects.select_for_update().filter(pk=schedule.pk).first()
    if stored is None or schedule.paused_at is not None:
        return None
    is_same = all(getattr(stored, name) == getattr(schedule, name) for name in _TIMING)
    return stored.next_at if is_same else None


def _due() -> QuerySet[Schedule]:
    return Schedule.objects.filter(next_at__lte=Now())


def _with_now(rows: QuerySet[Schedule]) -> QuerySet[Any]:
    """The rows, each with the time by the database's clock."""
    return rows.annotate(now=models.ExpressionWrapper(Now(), output_field=models.DateTimeField()))


def _fill_safely(pk: int) -> int:
    """The number of jobs made for one schedule; whatever is wrong with it harms no other."""
    try:
        with transaction.atomic():
            row = _with_now(_due().filter(pk=pk).select_for_update(skip_locked=True, no_key=True)).first()
            return _fill(row, row.now) if row else 0
    except (OperationalError, InterfaceError):
        # The database is away, for every schedule.
        raise
    except Exception as error:  # noqa: BLE001 -- one schedule must not stop the others
        logger.error("The schedule %s met an error: %s", pk, type(error).__qualname__)  # noqa: TRY400 -- no values
        _move_on(pk, Trouble.ERROR)
        return 0


def _fill(schedule: Schedule, now: datetime) -> int:
    first = schedule.next_at
    if first is None:
        return 0
    try:
        slots, following = timing_of(schedule).until(first, now, MOST_CAUGHT_UP)
    except TimingError:
        _note(schedule, Trouble.TIMING)
        # There is no next slot until somebody mends it.
        Schedule.objects.filter(pk=schedule.pk).update(next_at=None)
        return 0
    # Of two schedulers one alone moves the row on from this slot.
    if not Schedule.objects.filter(pk=schedule.pk, next_at=first).update(next_at=following):
        return 0
    chosen = _chosen(schedule, slots, now)
    try:
        made = _enqueue(schedule, chosen)
    except ScheduleError as error:
        _note(schedule, Trouble(error.trouble))
        return 0
    if made:
        Schedule.objects.filter(pk=schedule.pk).update(last_slot_at=chosen[-1], trouble="")
    return made


def _chosen(schedule: Schedule, slots: Sequence[datetime], now: datetime) -> Sequence[datetime]:
    """The slots that get a job, of those that have come since the last look."""
    match CatchUp(schedule.catch_up):
        case CatchUp.ALL:
            return slots
        case CatchUp.ONCE:
            return slots[-1:]
        case CatchUp.SKIP:
            return [slot for slot in slots[-1:] if now - slot <= GRACE]


def _enqueue(schedule: Schedule, slots: Sequence[datetime]) -> int:
    """The number of jobs made for the slots.

    Raises: ScheduleError.
    """
    alone = schedule.overlap == Overlap.SKIP
    if alone and slots and Job.objects.active().filter(schedule=schedule).exists():
        raise ScheduleError(Trouble.OVERLAP)
    plans: list[Plan] = []
    for slot in slots:
        # Slots that are made up for together run one after the other where they are not to overlap.
        plans.append(_plan(schedule, slot, plans[-1:] if alone else []))
    try:
        with transaction.atomic():
            return len(enqueueing.enqueue_many(plans, cause=Cause.SCHEDULE))
    except ArgumentsError:
        raise ScheduleError(Trouble.ARGUMENTS) from None
    except IntegrityError:
        # One of the slots has its job: the row was set back to it.
        return sum(_enqueue_once(plan) for plan in plans)


def _enqueue_once(plan: Plan) -> bool:
    alone = replace(plan, options=replace(plan.options, after=()))
    try:
        with transaction.atomic():
            enqueueing.enqueue(alone, cause=Cause.SCHEDULE)
    except IntegrityError:
        return False
    return True


def _plan(schedule: Schedule, slot: datetime | None, after: Sequence[Plan] = ()) -> Plan:
    options = Options(
        tenant_id=schedule.tenant_id,
        after=tuple(after),
        on_parent_failure=OnParentFailure.RUN,
        schedule=schedule,
        scheduled_for=slot,
    )
    return Plan(_task_of(schedule), schedule.arguments, options)


def _task_of(schedule: Schedule) -> Declaration:
    task = declared(schedule.task)
    if task is None:
        raise ScheduleError(Trouble.UNKNOWN_TASK)
    return task


def _move_on(pk: int, trouble: Trouble) -> None:
    """Go on with the next slot, if it can be known, after an error that took back everything."""
    with transaction.atomic():
        row = _with_now(_due().filter(pk=pk).select_for_update(skip_locked=True, no_key=True)).first()
        if row is None:
            return
        try:
            following = next(timing_of(row).after(row.now), None)
        except Exception:  # noqa: BLE001 -- it may be the very error that brought us here
            following = None
        Schedule.objects.filter(pk=pk).update(next_at=following)
        _note(row, trouble)


def _note(schedule: Schedule, trouble: Trouble) -> None:
    level = logging.INFO if trouble == Trouble.OVERLAP else logging.WARNING
    logger.log(level, "The schedule %s made no job: %s", schedule.pk, trouble.value)
    Schedule.objects.filter(pk=schedule.pk).update(trouble=trouble)


def _sync(shipped: Shipped) -> bool:
    with transaction.atomic():
        row = Schedule.objects.select_for_update().filter(name=shipped.name).first()
        values = shipped.columns()
        is_theirs = row is not None and (row.changed_by_id is not None or not row.is_shipped)
        if is_theirs or (row and all(getattr(row, name) == value for name, value in values.items())):
            return False
        row = row or Schedule(name=shipped.name, is_shipped=True)
        for name, value in values.items():
            setattr(row, name, value)
        row.next_at = None
        row.save()
        if row.paused_at is None:
            now = _with_now(Schedule.objects.filter(pk=row.pk)).get().now
            Schedule.objects.filter(pk=row.pk).update(next_at=next(timing_of(row).after(now), None))
    return True


def _record(
    by: Actor, action: ActionKind, schedule: Schedule, reason: str, details: dict[str, Any] | None = None
) -> None:
    audit.record(
        by, action, "schedule", schedule.name, tenant_id=schedule.tenant_id, reason=reason, details=details
    )
