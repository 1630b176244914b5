"""Jobs that belong together: batches, dependencies, schedules."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class BatchStatus(models.TextChoices):
    """How a batch stands."""

    # Its jobs go on, or more may still be added.
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    # Some jobs succeeded, others did not.
    PARTIAL = "partial", _("Succeeded in part")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Batch(models.Model):
    """Jobs that are followed as one: one progress, one end, one task that runs after all of them."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    # Opaque to this app, as in `Job`.
    tenant_id = models.BigIntegerField(_("tenant"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=BatchStatus.choices, default=BatchStatus.RUNNING
    )
    # The jobs that were added; what became of them is counted from their rows.
    total = models.PositiveIntegerField(_("jobs"), default=0)
    # The task that is enqueued once, after the last job has ended; empty for none.
    completion_task = models.CharField(_("task at the end"), max_length=150, blank=True, default="")
    completion_arguments = models.JSONField(_("its arguments"), default=dict, blank=True)
    completion_job = models.ForeignKey(
        "jobs.Job",
        verbose_name=_("job at the end"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # From here on no job is added, and the batch ends with its last one.
    sealed_at = models.DateTimeField(_("sealed at"), null=True, blank=True)
    cancel_requested_at = models.DateTimeField(_("cancellation requested at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at"]
        permissions = [("cancel_batch", "Can cancel batches")]
        indexes = [
            models.Index(fields=["-created_at"], name="jobs_batch_newest"),
            models.Index(
                fields=["created_at"], condition=Q(status=BatchStatus.RUNNING), name="jobs_batch_running"
            ),
            models.Index(fields=["tenant_id", "-created_at"], name="jobs_batch_by_tenant"),
            # Asked for each job that is pruned, by the database itself.
            models.Index(
                fields=["completion_job"],
                condition=Q(completion_job__isnull=False),
                name="jobs_batch_by_completion",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OnParentFailure(models.TextChoices):
    """What becomes of a blocked job when one that it waits for fails or is cancelled."""

    CANCEL = "cancel", _("Cancel it too")
    RUN = "run", _("Run it all the same")


class JobDependency(models.Model):
    """One job waits for another."""

    job = models.ForeignKey(
        "jobs.Job",
        verbose_name=_("job"),
        on_delete=models.CASCADE,
        related_name="dependencies",
        db_index=False,
    )
    parent = models.ForeignKey(
        "jobs.Job", verbose_name=_("waits for"), on_delete=models.CASCADE, related_name="dependents"
    )
    on_failure = models.CharField(
        _("if that fails"), max_length=10, choices=OnParentFailure.choices, default=OnParentFailure.CANCEL
    )

    class Meta:
        verbose_name = _("dependency")
        verbose_name_plural = _("dependencies")
        constraints = [
            models.UniqueConstraint(fields=["job", "parent"], name="jobs_dependency_once"),
            models.CheckConstraint(condition=~Q(job=models.F("parent")), name="jobs_dependency_not_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} after {self.parent_id}"


class CatchUp(models.TextChoices):
    """What happens to slots that passed while nothing was there to fill them."""

    SKIP = "skip", _("Skip them")
    ONCE = "once", _("Run once for all of them")
    ALL = "all", _("Run each of them")


class Overlap(models.TextChoices):
    """What happens to a slot while the job of an earlier one still goes on."""

    ALLOW = "allow", _("Run both")
    SKIP = "skip", _("Skip the slot")


class Schedule(models.Model):
    """When a task is enqueued again and again; exactly one job for each slot."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    task = models.CharField(_("task"), max_length=150)
    arguments = models.JSONField(_("arguments"), default=dict, blank=True)
    # Opaque to this app, as in `Job`.
    tenant_id = models.BigIntegerField(_("tenant"), null=True, blank=True)
    # Five fields, read in the time zone below; empty where the interval says it.
    cron = models.CharField(_("cron expression"), max_length=100, blank=True, default="")
    interval_seconds = models.PositiveIntegerField(_("interval in seconds"), null=True, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    catch_up = models.CharField(
        _("missed slots"), max_length=10, choices=CatchUp.choices, default=CatchUp.ONCE
    )
    overlap = models.CharField(
        _("while the last one still runs"), max_length=10, choices=Overlap.choices, default=Overlap.SKIP
    )
    # Empty while it is paused or has no slot any more.
    next_at = models.DateTimeField(_("next run"), null=True, blank=True)
    last_slot_at = models.DateTimeField(_("last run"), null=True, blank=True)
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True)
    pause_reason = models.CharField(_("reason for the pause"), max_length=200, blank=True, default="")
    # Declared in config/schedules.py; such a row comes back when it is deleted.
    is_shipped = models.BooleanField(_("shipped with the site"), default=False, editable=False)
    # Why the last slot made no job: a word of `jobs.schedules.Trouble`, empty when all is well.
    trouble = models.CharField(_("trouble"), max_length=50, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("changed by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        editable=False,
    )

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["name"]
        permissions = [("run_schedule", "Can run schedules now"), ("pause_schedule", "Can pause schedules")]
        constraints = [
            models.CheckConstraint(
                condition=(~Q(cron="") & Q(interval_seconds=None))
                | (Q(cron="") & Q(interval_seconds__gte=1)),
                name="jobs_schedule_cron_or_interval",
            )
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="jobs_schedule_due")
        ]

    def __str__(self) -> str:
        return self.name
