"""What an open page shows of runs that are not over: their state in words, numbers and stages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from jobs.models import Attempt, AttemptOutcome, Job, JobStatus
from validations.models import Phase, RunStatus, ValidationRun
from validations.progress import SPANS
from validations.querysets import queue_position

# Before this share of the work is done, an estimate of the rest says nothing.
_FIRST_ESTIMATE_PERCENT = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """One of the four stages: its name, how much of it is done, and whether it is the one at work."""

    name: str
    percent: int
    is_now: bool

    @property
    def is_done(self) -> bool:
        """Whether the stage is over."""
        return self.percent >= 100


@dataclass(frozen=True, slots=True)
class LiveState:
    """How far an active run is, ready to be shown."""

    title: str
    detail: str
    icon: str
    percent: int
    stages: tuple[Stage, ...]
    done: int
    total: int | None
    rows_per_second: int | None
    remaining: timedelta | None
    attempt: int
    max_attempts: int
    retry_reason: str
    waiting_before: int | None
    is_cancelling: bool


def live_state(run: ValidationRun) -> LiveState:
    """The state of a run that is queued or in progress."""
    job = run.job
    is_working = run.status == RunStatus.PROCESSING
    started_at = _attempt_started_at(job)
    title, detail, icon = _words(run, job)
    return LiveState(
        title=title,
        detail=detail,
        icon=icon,
        percent=run.progress_percent,
        stages=stages(run),
        # In its last phase a run counts findings, which says nothing to the reader of a bar.
        done=0 if run.phase == Phase.RESULTS else run.rows_done,
        total=None if run.phase == Phase.RESULTS else run.rows_total,
        rows_per_second=_rows_per_second(run, started_at) if is_working else None,
        remaining=_remaining(run, started_at) if is_working else None,
        attempt=job.attempt if job else 0,
        max_attempts=job.max_attempts if job else 0,
        retry_reason=_retry_reason(job),
        waiting_before=None if is_working else queue_position(run),
        is_cancelling=job is not None and job.cancel_requested_at is not None,
    )


def stages(run: ValidationRun) -> tuple[Stage, ...]:
    """The four stages with the part of each that is done."""
    return tuple(
        Stage(
            name=str(phase.label),
            percent=max(0, min(100, round((run.progress_percent - first) * 100 / (last - first)))),
            is_now=run.phase == phase,
        )
        for phase, (first, last) in SPANS.items()
    )


def _words(run: ValidationRun, job: Job | None) -> tuple[str, str, str]:
    """Title, one sentence, icon."""
    if job is not None and job.cancel_requested_at is not None:
        return _("Cancelling"), _("The check stops at its next step."), "stop"
    if run.status == RunStatus.PROCESSING:
        return str(run.get_phase_display() or _("Starting")), "", "spinner"
    if job is not None and job.status == JobStatus.RETRYING:
        return _("Waiting for the next attempt"), _("It starts by itself in a moment."), "clock"
    if job is not None and job.status == JobStatus.HELD:
        return _("Waiting for the queue"), _("Your file is safe. The check starts by itself."), "clock"
    return _("Waiting for its turn"), _("Your file is stored. The check starts by itself."), "clock"


def _attempt_started_at(job: Job | None) -> datetime | None:
    if job is None:
        return None
    attempt = job.attempts.order_by("-fence").first()
    return attempt.started_at if attempt else job.started_at


def _rows_per_second(run: ValidationRun, started_at: datetime | None) -> int | None:
    """Rows read a second; only reading counts rows from the start of the attempt."""
    if started_at is None or run.phase != Phase.PARSING or not run.rows_done:
        return None
    seconds = (timezone.now() - started_at).total_seconds()
    return round(run.rows_done / seconds) if seconds > 0 else None


def _remaining(run: ValidationRun, started_at: datetime | None) -> timedelta | None:
    if started_at is None or run.progress_percent < _FIRST_ESTIMATE_PERCENT:
        return None
    elapsed = timezone.now() - started_at
    return timedelta(
        seconds=round(elapsed.total_seconds() * (100 - run.progress_percent) / run.progress_percent)
    )


def _retry_reason(job: Job | None) -> str:
    """Why there is more than one attempt; empty during the first."""
    if job is None:
        return ""
    ended = job.attempts.exclude(outcome=AttemptOutcome.RUNNING).order_by("-fence").first()
    return attempt_reason(ended) if ended else ""


def attempt_reason(attempt: Attempt) -> str:
    """Why an attempt did not bring the run to its end."""
    reasons = {
        AttemptOutcome.LOST: _("The worker was restarted."),
        AttemptOutcome.FAILED: _("A passing problem interrupted the check."),
        AttemptOutcome.HANDED_BACK: _("The worker was updated and gave the file back."),
        AttemptOutcome.POSTPONED: _("The check was put off for a moment."),
    }
    return reasons.get(AttemptOutcome(attempt.outcome), "")
