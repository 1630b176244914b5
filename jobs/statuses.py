"""The words for where a job stands and how an attempt ended: one source for models, queries and pages."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobStatus(models.TextChoices):
    """Where a job stands; only `jobs.lifecycle` moves it (docs/job-lifecycle.md draws the moves)."""

    # Its time has not come: a delayed or postponed job.
    SCHEDULED = "scheduled", _("Scheduled")
    # Ready, but kept back: Redis is away, or its queue or organization is paused. `hold_reason` says which.
    HELD = "held", _("Held")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    # An attempt failed; the next one starts when the back-off is over.
    RETRYING = "retrying", _("Retrying")
    # Waits for the jobs that it depends on.
    BLOCKED = "blocked", _("Blocked")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


# Queries take these sorted: a statement is the same each time, and the database sees that a partial index holds.
FINAL_STATUSES = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})
ACTIVE_STATUSES = frozenset(JobStatus) - FINAL_STATUSES
# Not started, and nothing of it runs: these are ended by changing the row alone.
WAITING_STATUSES = ACTIVE_STATUSES - {JobStatus.RUNNING}


class HoldReason(models.TextChoices):
    """Why a ready job is kept back."""

    REDIS_AWAY = "redis_away", _("Redis is away")
    PAUSED = "paused", _("Its queue or organization is paused")


class AttemptOutcome(models.TextChoices):
    """How one try ended."""

    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    # Its process or machine died.
    LOST = "lost", _("Lost")
    CANCELLED = "cancelled", _("Cancelled")
    # The worker was asked to stop; costs no attempt.
    HANDED_BACK = "handed_back", _("Handed back")
    # The task asked for a later time; costs no attempt.
    POSTPONED = "postponed", _("Postponed")
