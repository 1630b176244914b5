"""What people steer with, and what they did: pauses, lifted limits, bulk actions, the audit trail."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _


class Pause(models.Model):
    """No job of this queue, of this organization, or of this organization in this queue is started."""

    # Empty: every queue.
    queue = models.CharField(_("queue"), max_length=50, blank=True, default="")
    # Empty: every organization.
    tenant_id = models.BigIntegerField(_("tenant"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    # Empty: until somebody resumes it.
    until = models.DateTimeField(_("until"), null=True, blank=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        ordering = ["queue", "tenant_id"]
        constraints = [
            models.UniqueConstraint("queue", Coalesce("tenant_id", -1), name="jobs_pause_once"),
            models.CheckConstraint(
                condition=~Q(queue="") | Q(tenant_id__isnull=False), name="jobs_pause_of_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue or '*'} / {self.tenant_id or '*'}"


class RateLift(models.Model):
    """The rate limit of a queue does not hold until then."""

    queue = models.CharField(_("queue"), max_length=50, unique=True)
    until = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("lifted rate limit")
        verbose_name_plural = _("lifted rate limits")
        ordering = ["queue"]

    def __str__(self) -> str:
        return self.queue


class RateSlot(models.Model):
    """One of the starts that a queue has in each time window.

    A start takes a free slot and makes it free again one window later: with N slots there are at most N starts in
    any window, wherever it begins, however many workers there are, and whatever Redis forgets.
    """

    queue = models.CharField(_("queue"), max_length=50)
    number = models.PositiveIntegerField(_("number"))
    free_at = models.DateTimeField(_("free at"))

    class Meta:
        verbose_name = _("rate slot")
        verbose_name_plural = _("rate slots")
        constraints = [models.UniqueConstraint(fields=["queue", "number"], name="jobs_rateslot_once")]
        indexes = [models.Index(fields=["queue", "free_at"], name="jobs_rateslot_free")]

    def __str__(self) -> str:
        return f"{self.queue} {self.number}"


class ActionKind(models.TextChoices):
    """What somebody did."""

    CANCEL = "cancel", _("Cancelled")
    RETRY = "retry", _("Retried")
    RETRY_EDITED = "retry_edited", _("Retried with other arguments")
    DISCARD = "discard", _("Discarded")
    RUN_NOW = "run_now", _("Started early")
    BULK = "bulk", _("Acted on many jobs")
    PAUSE = "pause", _("Paused")
    RESUME = "resume", _("Resumed")
    LIFT_RATE = "lift_rate", _("Lifted a rate limit")
    RESTORE_RATE = "restore_rate", _("Restored a rate limit")
    RUN_SCHEDULE = "run_schedule", _("Ran a schedule")
    PAUSE_SCHEDULE = "pause_schedule", _("Paused a schedule")
    RESUME_SCHEDULE = "resume_schedule", _("Resumed a schedule")
    CHANGE_SCHEDULE = "change_schedule", _("Changed a schedule")
    CLEAR_HINTS = "clear_hints", _("Took ids out of Redis")
    SEND_AGAIN = "send_again", _("Sent to Redis again")
    ACKNOWLEDGE = "acknowledge", _("Acknowledged an alert")
    SIGN_IN = "sign_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Failed to sign in")
    SIGN_OUT = "sign_out", _("Signed out")
    CHANGE_PASSWORD = "change_password", _("Changed the password")
    CHANGE_FACTOR = "change_factor", _("Changed a second factor")
    END_SESSION = "end_session", _("Ended a session")
    INVITE = "invite", _("Invited somebody")
    JOIN = "join", _("Joined")
    CHANGE_MEMBER = "change_member", _("Changed a member's role")
    REMOVE_MEMBER = "remove_member", _("Removed a member")
    CHANGE_ROLE = "change_role", _("Changed a role")
    SEED_ROLES = "seed_roles", _("Seeded roles")
    ISSUE_KEY = "issue_key", _("Issued an API key")
    REVOKE_KEY = "revoke_key", _("Revoked an API key")
    SEND_FILE = "send_file", _("Sent a file")
    EXPORT = "export", _("Downloaded")
    VIEW_PATIENT = "view_patient", _("Saw patient data")
    DELETE_RUN = "delete_run", _("Deleted a run")
    CHANGE_ORGANIZATION = "change_organization", _("Changed an organization")
    QUARANTINE = "quarantine", _("Quarantined a file")
    CROSSED_BORDER = "crossed_border", _("A job named another organization than its row")
    STAFF_CHANGE = "staff_change", _("Changed in the administration")
    REFUSED = "refused", _("Tried what is not allowed")


class AuditEntry(models.Model):
    """One line of the audit trail: who did what, when, to how many, from where, and why. It is never changed.

    The database refuses it too (migration 0015); there a line goes only with its person's row, or once it is old.
    """

    at = models.DateTimeField(_("at"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # As it was then: people are renamed and removed.
    by_name = models.CharField(_("name"), max_length=254, blank=True, default="")
    address = models.GenericIPAddressField(_("from"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=20, choices=ActionKind.choices)
    # What it was done to: "job", "queue", "run", "member", "role", "key", "person" … and its id or name.
    target_kind = models.CharField(_("kind of target"), max_length=20)
    target = models.CharField(_("target"), max_length=150, blank=True, default="")
    # Opaque to this app, as in `Job`.
    tenant_id = models.BigIntegerField(_("tenant"), null=True, blank=True)
    count = models.PositiveIntegerField(_("how many"), default=1)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    # A filter, an end time, a former value; never an argument of a job.
    details = models.JSONField(_("details"), default=dict, blank=True)

    class Meta:
        verbose_name = _("line of the audit trail")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["target_kind", "target"], name="jobs_action_by_target"),
            # What an organization has sent lately, which is limited.
            models.Index(
                fields=["tenant_id", "at"],
                condition=Q(action=ActionKind.SEND_FILE),
                name="jobs_audit_sent",
            ),
            # What one organization reads, from the newest on.
            models.Index(fields=["tenant_id", "-id"], name="jobs_audit_of_tenant"),
            # Dispatchers ask for the newest of these every few seconds.
            models.Index(
                fields=["action", "at"],
                condition=Q(action__in=[ActionKind.CROSSED_BORDER, ActionKind.QUARANTINE]),
                name="jobs_audit_alarming",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_kind} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the line, once.

        Raises: TypeError for one that stands already.
        """
        if not self._state.adding:
            raise TypeError("a line of the audit trail is never changed")
        super().save(*args, **kwargs)


class BulkAction(models.Model):
    """One action on every job that matches a filter, done by a job of its own."""

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(_("action"), max_length=20, choices=ActionKind.choices)
    # The filters of the job list, as its address has them.
    filters = models.JSONField(_("filters"), default=dict)
    # Jobs that matched when it was previewed, and the most that it may touch.
    matched = models.PositiveIntegerField(_("matched"), default=0)
    cap = models.PositiveIntegerField(_("at most"))
    # Later jobs than this are left alone: only what was previewed is acted on.
    created_before = models.DateTimeField(_("created before"))
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    job = models.ForeignKey(
        "jobs.Job", verbose_name=_("job"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    # Jobs that had moved on meanwhile.
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    # The job that was acted on last, committed with the act: whoever goes on, goes on after it.
    last_created_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_id = models.UUIDField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"
