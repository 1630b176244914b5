"""The rows that are the truth of the platform: jobs, their attempts, and what happened to them when."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from jobs.querysets import AttemptQuerySet, JobEventQuerySet, JobQuerySet


class JobStatus(models.TextChoices):
    """Where a job stands; only `jobs.lifecycle` moves it (docs/job-lifecycle.md draws the moves)."""

    # Its time has not come: a delayed or postponed job.
    SCHEDULED = "scheduled", _("Scheduled")
    # Ready, but Redis is away (or the queue is paused): sent as soon as that ends.
    HELD = "held", _("Held")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    # An attempt failed; the next one starts when the back-off is over.
    RETRYING = "retrying", _("Retrying")
    # Waits for another job.
    BLOCKED = "blocked", _("Blocked")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


FINAL_STATUSES = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})
ACTIVE_STATUSES = frozenset(JobStatus) - FINAL_STATUSES
# Not started, and nothing of it runs: these are ended by changing the row alone.
WAITING_STATUSES = ACTIVE_STATUSES - {JobStatus.RUNNING}


class Job(models.Model):
    """One row asked to run; it outlives Redis, workers and deploys."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    task = models.CharField(_("task"), max_length=150)
    queue = models.CharField(_("queue"), max_length=50)
    status = models.CharField(_("status"), max_length=10, choices=JobStatus.choices, default=JobStatus.QUEUED)
    arguments = models.JSONField(_("arguments"), default=dict, blank=True)
    # Opaque to this app: stored, indexed, filtered by, never resolved.
    tenant_id = models.BigIntegerField(_("tenant"), null=True, blank=True)
    # Higher goes first within its queue.
    priority = models.SmallIntegerField(_("priority"), default=0)
    idempotency_key = models.CharField(_("idempotency key"), max_length=200, blank=True, default="")
    timeout_seconds = models.PositiveIntegerField(_("time limit in seconds"))

    # Attempts that started and count; a postponed or handed back one is taken off again.
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"))
    # Grows with every claim: whoever writes with an older number has lost the job.
    fence = models.PositiveIntegerField(_("fence"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    worker = models.CharField(_("worker"), max_length=100, blank=True, default="")

    created_at = models.DateTimeField(_("created at"))
    # When it should run, or should have: the waiting time of an attempt counts from here.
    due_at = models.DateTimeField(_("due at"))
    # When its id last went to Redis; empty means that the dispatcher still has to send it.
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    cancel_requested_at = models.DateTimeField(_("cancellation requested at"), null=True, blank=True)

    progress_done = models.BigIntegerField(_("progress"), default=0)
    progress_total = models.BigIntegerField(_("progress total"), default=0)
    progress_message = models.CharField(_("progress message"), max_length=200, blank=True, default="")

    # A stable word such as "too_long"; pages turn it and the parameters into a translated sentence.
    error_code = models.CharField(_("error code"), max_length=50, blank=True, default="")
    error_params = models.JSONField(_("error parameters"), default=dict, blank=True)
    error_class = models.CharField(_("error class"), max_length=200, blank=True, default="")
    error_message = models.CharField(_("error message"), max_length=500, blank=True, default="")
    result = models.JSONField(_("result"), null=True, blank=True)
    retry_of = models.ForeignKey(
        "self",
        verbose_name=_("retry of"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retries",
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at"]
        permissions = [
            ("cancel_job", "Can cancel jobs"),
            ("retry_job", "Can retry jobs"),
            ("view_queue_dashboard", "Can see the queues in Redis"),
            ("change_queue_dashboard", "Can act on the queues in Redis"),
        ]
        constraints = [
            models.UniqueConstraint(
                "task",
                Coalesce("tenant_id", -1),
                "idempotency_key",
                condition=Q(status__in=sorted(ACTIVE_STATUSES)) & ~Q(idempotency_key=""),
                name="jobs_job_one_active_per_key",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(JobStatus.values)), name="jobs_job_status_known"
            ),
        ]
        indexes = [
            # What dispatchers ask every second; each holds only the few rows that wait for that question.
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=[JobStatus.RETRYING, JobStatus.SCHEDULED]),
                name="jobs_job_due",
            ),
            models.Index(
                fields=["sent_at", "due_at"],
                condition=Q(status__in=[JobStatus.HELD, JobStatus.QUEUED]),
                name="jobs_job_unsent",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(status=JobStatus.RUNNING), name="jobs_job_lease"
            ),
            # What people ask: lists, newest first.
            models.Index(fields=["-created_at"], name="jobs_job_newest"),
            models.Index(fields=["status", "-created_at"], name="jobs_job_by_status"),
            models.Index(fields=["queue", "status", "-created_at"], name="jobs_job_by_queue"),
            models.Index(fields=["task", "-created_at"], name="jobs_job_by_task"),
            models.Index(fields=["tenant_id", "-created_at"], name="jobs_job_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to the job any more by itself."""
        return self.status in FINAL_STATUSES

    @property
    def progress_percent(self) -> int | None:
        """Whole percent done, or nothing while the total is not known."""
        if self.progress_total <= 0:
            return None
        return min(100, max(0, self.progress_done * 100 // self.progress_total))


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


class Attempt(models.Model):
    """One try of a job: who ran it, for how long, at what cost, and how it ended."""

    # Without an index of its own: the constraint below begins with the job.
    job = models.ForeignKey(
        Job, verbose_name=_("job"), on_delete=models.CASCADE, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField(_("number"))
    fence = models.PositiveIntegerField(_("fence"))
    outcome = models.CharField(
        _("outcome"), max_length=12, choices=AttemptOutcome.choices, default=AttemptOutcome.RUNNING
    )
    worker = models.CharField(_("worker"), max_length=100, blank=True, default="")
    host = models.CharField(_("host"), max_length=100, blank=True, default="")
    pid = models.PositiveIntegerField(_("process id"), default=0)
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    # From the moment the job was due until the claim.
    wait_ms = models.PositiveBigIntegerField(_("wait in milliseconds"), default=0)
    peak_memory_bytes = models.PositiveBigIntegerField(_("peak memory in bytes"), null=True, blank=True)
    cpu_seconds = models.FloatField(_("CPU time in seconds"), null=True, blank=True)
    error_class = models.CharField(_("error class"), max_length=200, blank=True, default="")
    error_message = models.CharField(_("error message"), max_length=500, blank=True, default="")
    # Frames only: file, line, function. Values never.
    traceback = models.TextField(_("traceback"), blank=True, default="")
    # [{"at": ..., "level": ..., "message": ..., further fields}]
    log = models.JSONField(_("log"), default=list, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["job", "fence"]
        constraints = [models.UniqueConstraint(fields=["job", "fence"], name="jobs_attempt_one_per_fence")]
        indexes = [models.Index(fields=["-started_at"], name="jobs_attempt_newest")]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.number}"

    @property
    def run_seconds(self) -> float | None:
        """How long the try lasted, once it has ended."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class JobEvent(models.Model):
    """One step in a job's timeline: from where to where, when, and because of what or whom."""

    job = models.ForeignKey(Job, verbose_name=_("job"), on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(_("at"))
    # Empty for the first event of a job.
    from_status = models.CharField(
        _("from"), max_length=10, blank=True, default="", choices=JobStatus.choices
    )
    to_status = models.CharField(_("to"), max_length=10, choices=JobStatus.choices)
    # A word of `jobs.lifecycle.Cause`.
    cause = models.CharField(_("cause"), max_length=50)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )

    objects = JobEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("job event")
        verbose_name_plural = _("job events")
        ordering = ["job", "id"]

    def __str__(self) -> str:
        return f"{self.job_id} {self.from_status} -> {self.to_status}"
