"""The rows that are the truth of the platform: jobs, their attempts, and what happened to them when."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from jobs.querysets import JobQuerySet
from jobs.statuses import ACTIVE_STATUSES, FINAL_STATUSES, AttemptOutcome, HoldReason, JobStatus


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
    hold_reason = models.CharField(
        _("held because"), max_length=10, choices=HoldReason.choices, blank=True, default=""
    )

    # --- What it belongs to ---
    batch = models.ForeignKey(
        "jobs.Batch",
        verbose_name=_("batch"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="jobs",
        db_index=False,
    )
    schedule = models.ForeignKey(
        "jobs.Schedule",
        verbose_name=_("schedule"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="jobs",
        db_index=False,
    )
    # The slot of the schedule that it fills; empty for one that a person started.
    scheduled_for = models.DateTimeField(_("scheduled for"), null=True, blank=True)
    # Set together with the first row that depends on it: whoever ends the job then looks for those.
    has_dependents = models.BooleanField(_("has dependents"), default=False)
    # The result of the newest succeeded job of a key stands for the ones that follow, as long as they say.
    cache_key = models.CharField(_("cache key"), max_length=200, blank=True, default="")
    # A W3C `traceparent`, kept here so that Redis needs to carry none.
    trace_context = models.CharField(_("trace"), max_length=100, blank=True, default="")

    # Attempts that started and count; a postponed or handed back one is taken off again.
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"))
    # Grows with every claim: whoever writes with an older number has lost the job.
    fence = models.PositiveIntegerField(_("fence"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    worker = models.CharField(_("worker"), max_length=100, blank=True, default="")
    # Which of its queue's places it takes while it runs: no two running jobs share one, so that a queue never
    # runs more than it has places. Empty on queues without a limit.
    slot = models.PositiveSmallIntegerField(_("place"), null=True, blank=True)

    created_at = models.DateTimeField(_("created at"))
    # When it should run, or should have: its place in the queue, and the waiting time of an attempt counts from here. A
    # job that lost its attempt through no fault of its own keeps it.
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
    # The same for failures of one kind: the error's class and the frames of our own code, hashed.
    error_group = models.CharField(_("error group"), max_length=16, blank=True, default="")
    result = models.JSONField(_("result"), null=True, blank=True)
    retry_of = models.ForeignKey(
        "self",
        verbose_name=_("retry of"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="retries",
        db_index=False,
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at"]
        permissions = [
            ("cancel_job", "Can cancel jobs"),
            ("retry_job", "Can retry jobs"),
            ("edit_retry_job", "Can retry jobs with other arguments"),
            ("discard_job", "Can discard failed jobs"),
            ("run_job_now", "Can start jobs early"),
            ("view_job_arguments", "Can see the arguments and results of jobs"),
            ("bulk_job", "Can act on all jobs that match a filter"),
            ("view_operations", "Can see the operations page"),
            ("pause_queue", "Can pause and resume queues"),
            ("lift_rate_limit", "Can lift rate limits for a time"),
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
            models.UniqueConstraint(
                fields=["queue", "slot"], condition=Q(status=JobStatus.RUNNING), name="jobs_job_one_per_slot"
            ),
            models.UniqueConstraint(
                fields=["schedule", "scheduled_for"],
                condition=Q(scheduled_for__isnull=False),
                name="jobs_job_one_per_schedule_slot",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(JobStatus.values)), name="jobs_job_status_known"
            ),
        ]
        # Each change of a status writes into every index without a condition, and into those whose condition holds. So
        # there is none that no question needs, and none holds rows that its question is not about.
        indexes = [
            # What dispatchers ask every second; each holds only the few rows that wait for that question.
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=[JobStatus.RETRYING, JobStatus.SCHEDULED]),
                name="jobs_job_due",
            ),
            models.Index(
                "queue",
                F("priority").desc(),
                Coalesce("tenant_id", -1),
                "due_at",
                condition=Q(status=JobStatus.QUEUED, sent_at=None),
                name="jobs_job_unsent",
            ),
            models.Index(
                "queue",
                F("priority").desc(),
                Coalesce("tenant_id", -1),
                "due_at",
                condition=Q(status=JobStatus.HELD),
                name="jobs_job_held",
            ),
            models.Index(
                fields=["queue", "sent_at"],
                condition=Q(status=JobStatus.QUEUED, sent_at__isnull=False),
                name="jobs_job_sent",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(status=JobStatus.RUNNING), name="jobs_job_lease"
            ),
            models.Index(
                fields=["queue", "tenant_id", "due_at"],
                condition=Q(status=JobStatus.QUEUED),
                name="jobs_job_waiting",
            ),
            # Members of one batch; most jobs have none.
            models.Index(
                fields=["batch", "status"], condition=Q(batch__isnull=False), name="jobs_job_by_batch"
            ),
            models.Index(
                fields=["schedule", "-created_at"],
                condition=Q(schedule__isnull=False),
                name="jobs_job_by_schedule",
            ),
            models.Index(
                fields=["task", "cache_key", "-finished_at"],
                condition=Q(status=JobStatus.SUCCEEDED) & ~Q(cache_key=""),
                name="jobs_job_cached",
            ),
            models.Index(
                fields=["error_group", "-finished_at"],
                condition=Q(status=JobStatus.FAILED),
                name="jobs_job_by_error",
            ),
            # What went wrong lately, and how often: all of it is read from the index.
            models.Index(
                fields=["-finished_at", "error_group", "task"],
                condition=Q(status=JobStatus.FAILED),
                name="jobs_job_failures",
            ),
            # What pruning asks, queue by queue.
            models.Index(
                fields=["queue", "finished_at"],
                condition=Q(status__in=sorted(FINAL_STATUSES)),
                name="jobs_job_ended",
            ),
            # What people ask: lists, newest first.
            models.Index(fields=["-created_at"], name="jobs_job_newest"),
            models.Index(fields=["status", "-created_at"], name="jobs_job_by_status"),
            models.Index(fields=["queue", "status", "-created_at"], name="jobs_job_by_queue"),
            models.Index(fields=["task", "-created_at"], name="jobs_job_by_task"),
            models.Index(
                fields=["tenant_id", "-created_at"],
                condition=Q(tenant_id__isnull=False),
                name="jobs_job_by_tenant",
            ),
            models.Index(fields=["retry_of"], condition=Q(retry_of__isnull=False), name="jobs_job_by_origin"),
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

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["job", "fence"]
        constraints = [models.UniqueConstraint(fields=["job", "fence"], name="jobs_attempt_one_per_fence")]
        indexes = [
            models.Index(fields=["-started_at"], name="jobs_attempt_newest"),
            # Read minute by minute by the statistics.
            models.Index(fields=["ended_at"], name="jobs_attempt_by_end"),
        ]

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

    class Meta:
        verbose_name = _("job event")
        verbose_name_plural = _("job events")
        ordering = ["job", "id"]

    def __str__(self) -> str:
        return f"{self.job_id} {self.from_status} -> {self.to_status}"
