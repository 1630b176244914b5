"""How the state of a job looks: its word, its colour, and the few words that say more."""

from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from jobs.admin.base import badge
from jobs.models import AttemptOutcome, Job, JobStatus

STATUS_KINDS: dict[str, str] = {
    JobStatus.SCHEDULED: "muted",
    JobStatus.HELD: "warn",
    JobStatus.QUEUED: "muted",
    JobStatus.RUNNING: "info",
    JobStatus.RETRYING: "warn",
    JobStatus.BLOCKED: "warn",
    JobStatus.SUCCEEDED: "ok",
    JobStatus.FAILED: "error",
    JobStatus.CANCELLED: "muted",
}
OUTCOME_KINDS: dict[str, str] = {
    AttemptOutcome.RUNNING: "info",
    AttemptOutcome.SUCCEEDED: "ok",
    AttemptOutcome.FAILED: "error",
    AttemptOutcome.LOST: "error",
    AttemptOutcome.CANCELLED: "muted",
    AttemptOutcome.HANDED_BACK: "warn",
    AttemptOutcome.POSTPONED: "muted",
}


@dataclass(frozen=True, slots=True)
class State:
    """The state of one job, for a list."""

    badge: str
    # Why it waits or failed, or how far it is; empty where the badge says all.
    note: str
    percent: int | None


def state_of(job: Job) -> State:
    """The state of a job, from its row alone."""
    percent = job.progress_percent if job.status == JobStatus.RUNNING else None
    return State(status_badge(job), _note_of(job), percent)


def status_badge(job: Job) -> str:
    """The status, and whether the running job was asked to stop."""
    if job.status == JobStatus.RUNNING and job.cancel_requested_at:
        return badge(_("Stopping"), "warn")
    return badge(job.get_status_display(), STATUS_KINDS[job.status])


def _note_of(job: Job) -> str:
    if job.status in (JobStatus.SCHEDULED, JobStatus.RETRYING):
        due = localtime(job.due_at)
        shown = f"{due:%H:%M:%S}" if due.date() == localtime().date() else f"{due:%Y-%m-%d %H:%M}"
        return _("due %(time)s") % {"time": shown}
    if job.status == JobStatus.HELD:
        return str(job.get_hold_reason_display())
    if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        return format_html("<code>{}</code>", reason) if (reason := job.error_code or job.error_class) else ""
    return ""
