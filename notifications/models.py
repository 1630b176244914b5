"""What was told to whom, and how each telling went."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.tenancy import TenantModel


class NewsModel(TenantModel):
    """A row of an organization, or of the site itself."""

    # Empty: news of the site itself, which staff read.
    organization = models.ForeignKey(  # type: ignore[assignment]  # wider than the base on purpose
        "organizations.Organization",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("organization"),
    )

    class Meta:
        abstract = True


class Notification(NewsModel):
    """One thing told to one person; it stays in their inbox whatever other channels do."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notifications",
        verbose_name=_("person"),
    )
    # What happened: run_finished, run_failed, … ; the templates are found by it.
    kind = models.CharField(_("kind"), max_length=40)
    # Of the announcement: the same news is told once.
    key = models.CharField(max_length=120)
    path = models.CharField(_("leads to"), max_length=300, blank=True)
    # What the sentences need; they are made in the reader's language when they are read.
    parameters = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notifications_inbox"),
            # Staff look at those of everybody.
            models.Index(fields=["-created_at"], name="notifications_newest"),
            models.Index(fields=["user"], condition=models.Q(read_at=None), name="notifications_unread"),
        ]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="notifications_told_once")]

    def __str__(self) -> str:
        return f"{self.kind} {str(self.pk)[:8]}"


class DeliveryStatus(models.TextChoices):
    """How far one delivery is."""

    PENDING = "pending", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    # The reader may no longer see what it speaks of.
    WITHHELD = "withheld", _("Withheld")


class Delivery(NewsModel):
    """One notification on its way through one channel that leaves the site."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(_("channel"), max_length=20)
    status = models.CharField(
        _("status"), max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    tried_at = models.DateTimeField(_("last tried"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["-created_at"], name="notifications_delivery_newest")]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="notifications_one_delivery")
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.status}"


class DeliveryAttempt(NewsModel):
    """One try at a delivery: written before the message leaves, completed after it.

    An attempt without an end died in between: the receiver may have got that message, and the next one bears
    the same id.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_log")
    # The job and the attempt of the job that made it; jobs are pruned earlier than the log.
    job_id = models.UUIDField(_("job"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    # Empty when the message left; a code, never the answer of a server, which may hold an address.
    error_code = models.CharField(_("error"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("delivery attempt")
        verbose_name_plural = _("delivery attempts")
        ordering = ["started_at", "id"]

    def __str__(self) -> str:
        return f"{self.delivery_id} {self.started_at:%Y-%m-%d %H:%M:%S}"
