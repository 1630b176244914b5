"""What the pages of schedules show of one: its time in words, its next slots, its last runs, its state."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from jobs import tenants
from jobs.admin.base import badge, seconds_text
from jobs.admin.states import STATUS_KINDS
from jobs.declarations import Declaration, declared
from jobs.errors import TimingError
from jobs.models import Job, Schedule
from jobs.schedules import Trouble, timing_of
from jobs.slots import Timing, first_slots, next_change, zone_named
from jobs.wording import describe, describe_change, describe_slot

# As many as a person takes in at a glance.
SLOTS_SHOWN = 5
LAST_RUNS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Run:
    """One of the last runs of a schedule."""

    job: Job
    kind: str
    text: str
    duration: str

    @property
    def by_hand(self) -> bool:
        """Whether a person started it, and no slot."""
        return self.job.scheduled_for is None


class ScheduleView:
    """One schedule, ready to be shown; everything is worked out when it is asked for."""

    def __init__(self, schedule: Schedule) -> None:
        self.row = schedule
        self.task: Declaration | None = declared(schedule.task)

    @cached_property
    def timing(self) -> Timing | None:
        """When it is due, if its row can be read."""
        try:
            return timing_of(self.row)
        except TimingError:
            return None

    @property
    def name(self) -> str:
        """Its name; that of one that comes with the site is in the language of the reader."""
        return _(self.row.name) if self.row.is_shipped else self.row.name

    @property
    def words(self) -> str:
        """When it is due, in words."""
        return describe(self.timing) if self.timing else self.row.cron or "–"

    @property
    def description(self) -> str:
        """What its task does."""
        return self.task.description if self.task else str(Trouble.UNKNOWN_TASK.label)

    @property
    def tenant(self) -> str:
        """The name of the organization that its jobs work for."""
        return tenants.name_of(self.row.tenant_id)

    @property
    def state(self) -> str:
        """Whether it goes on, as a badge."""
        if self.row.paused_at:
            return badge(_("Paused"), "warn")
        if self.row.trouble == Trouble.OVERLAP:
            return badge(_("Skipped its last slot"), "warn")
        if self.row.trouble or self.row.next_at is None:
            return badge(_("Makes no job"), "error")
        return badge(_("On"), "ok")

    @property
    def trouble_text(self) -> str:
        """Why its last slot made no job."""
        if not self.row.trouble:
            return ""
        known = self.row.trouble in Trouble.values
        return str(Trouble(self.row.trouble).label) if known else self.row.trouble

    @property
    def next_text(self) -> str:
        """Its next slot in its own zone, on one line."""
        if self.row.next_at is None:
            return "–"
        slot = self.row.next_at.astimezone(zone_named(self.timing.zone)) if self.timing else self.row.next_at
        return f"{date_format(slot, 'D')} {date_format(slot, 'SHORT_DATE_FORMAT')} {slot:%H:%M}"

    @property
    def next_in(self) -> str:
        """How long it is until then."""
        return waiting_text(self.row.next_at) if self.row.next_at else ""

    @cached_property
    def runs(self) -> list[Run]:
        """Its last runs, the newest first."""
        jobs = Job.objects.filter(schedule=self.row).order_by("-created_at").only(*_SHOWN)[:LAST_RUNS_SHOWN]
        return [_run(job) for job in jobs]

    @property
    def oldest_first(self) -> Iterator[Run]:
        """Its last runs, the newest at the end, as one draws them."""
        return reversed(self.runs)


def preview_of(timing: Timing, first: datetime | None = None) -> dict[str, Any]:
    """What a preview shows of a timing: words, next slots, and what the next change of the clocks does.

    `first` is the next slot of a schedule that has this timing already; without it the slots count from now.
    """
    now = timezone.now()
    begun = [first.astimezone(zone_named(timing.zone))] if first else []
    slots = begun + first_slots(timing, first or now, SLOTS_SHOWN - len(begun))
    change = next_change(timing, now)
    return {
        "words": describe(timing),
        "zone": timing.zone,
        "slots": [
            {"text": describe_slot(slot), "offset": offset_text(slot), "in": waiting_text(slot)}
            for slot in slots
        ],
        "change": describe_change(change, timing) if change else "",
    }


def offset_text(slot: datetime) -> str:
    """How far the slot's clock is from UTC."""
    return f"UTC{slot:%z}"[:6] + ":" + f"{slot:%z}"[3:5] if slot.utcoffset() else "UTC"


def waiting_text(moment: datetime) -> str:
    """How long it is until then, from now."""
    seconds = (moment - timezone.now()).total_seconds()
    if seconds <= 0:
        return _("now")
    days = int(seconds // 86400)
    if days >= 2:
        return _("in %(count)s days") % {"count": days}
    return _("in %(time)s") % {"time": seconds_text(max(1, round(seconds)))}


_SHOWN = (
    "pk",
    "status",
    "created_at",
    "started_at",
    "finished_at",
    "scheduled_for",
    "error_code",
    "error_class",
    "schedule_id",
)


def _run(job: Job) -> Run:
    ended = job.finished_at
    duration = (ended - job.started_at).total_seconds() if ended and job.started_at else None
    return Run(job, STATUS_KINDS[job.status], job.get_status_display(), seconds_text(duration))
