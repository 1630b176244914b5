"""What was told to whom, and how each telling went: to read."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy, pgettext
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from jobs.admin.base import ReadOnlyAdmin, as_json, badge, link, link_to, time_text
from notifications.kinds import KIND_NAMES
from notifications.models import Delivery, DeliveryAttempt, DeliveryStatus, Notification

STATUS_KINDS: dict[str, str] = {
    DeliveryStatus.PENDING: "info",
    DeliveryStatus.SENT: "ok",
    DeliveryStatus.FAILED: "error",
    DeliveryStatus.WITHHELD: "muted",
}


class HistoryInline(TabularInline):
    """Rows shown under another one, to read."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class DeliveryInline(HistoryInline):
    """The ways that one notification took."""

    model = Delivery
    fields = ("channel", "display_status", "attempts", "tried_at", "sent_at", "error_code")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("status"))
    def display_status(self, delivery: Delivery) -> str:
        """How far it is."""
        return status_badge(delivery)


class DeliveryAttemptInline(HistoryInline):
    """The tries of one delivery."""

    model = DeliveryAttempt
    fields = ("started_at", "ended_at", "error_code", "job_id")
    readonly_fields = fields


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """One thing told to one person."""

    list_display = ("display_time", "display_kind", "user", "display_organization", "display_read")
    list_filter = (("created_at", RangeDateTimeFilter), ("read_at", admin.EmptyFieldListFilter))
    list_filter_submit = True
    list_select_related = ("user", "organization")
    list_defer = ("parameters",)
    search_exact = {"id": UUID, "user__email": str.lower}
    search_help_text = gettext_lazy("Id of a notification, or address of a person")
    inlines = (DeliveryInline,)
    fields = (
        "display_kind",
        "user",
        "display_organization",
        "created_at",
        "read_at",
        "display_path",
        "display_parameters",
    )

    @admin.display(description=gettext_lazy("time"), ordering="created_at")
    def display_time(self, notification: Notification) -> str:
        """When it was told."""
        return time_text(notification.created_at)

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def display_kind(self, notification: Notification) -> str:
        """What it tells of."""
        return kind_name(notification)

    @admin.display(description=gettext_lazy("organization"))
    def display_organization(self, notification: Notification) -> str:
        """The organization, leading to its page."""
        return link_to(notification.organization) if notification.organization else "–"

    @admin.display(description=gettext_lazy("state"), ordering="read_at")
    def display_read(self, notification: Notification) -> str:
        """Whether the person read it."""
        if notification.read_at:
            return badge(pgettext("one notification", "Read"), "muted")
        return badge(pgettext("one notification", "Unread"), "info")

    @admin.display(description=gettext_lazy("leads to"))
    def display_path(self, notification: Notification) -> str:
        """The page that the notification leads to; only a path of this site becomes a link."""
        path = notification.path
        is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
        return link(path, path) if is_local else path or "–"

    @admin.display(description=gettext_lazy("parameters"))
    def display_parameters(self, notification: Notification) -> str:
        """What fills the sentences."""
        return as_json(notification.parameters)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """One notification on its way through one channel."""

    list_display = (
        "display_time",
        "channel",
        "display_status",
        "display_kind",
        "display_person",
        "attempts",
        "display_sent",
        "error_code",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("notification__user",)
    list_defer = ("notification__parameters",)
    search_exact = {"id": UUID, "notification_id": UUID, "notification__user__email": str.lower}
    search_help_text = gettext_lazy("Id of a delivery or of a notification, or address of a person")
    inlines = (DeliveryAttemptInline,)
    fields = (
        "display_kind",
        "display_person",
        "channel",
        "display_status",
        "created_at",
        "attempts",
        "tried_at",
        "sent_at",
        "error_code",
    )

    @admin.display(description=gettext_lazy("time"), ordering="created_at")
    def display_time(self, delivery: Delivery) -> str:
        """When it was decided on."""
        return time_text(delivery.created_at)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def display_status(self, delivery: Delivery) -> str:
        """How far it is."""
        return status_badge(delivery)

    @admin.display(description=gettext_lazy("notification"))
    def display_kind(self, delivery: Delivery) -> str:
        """What it tells, leading to the notification."""
        return link_to(delivery.notification, kind_name(delivery.notification))

    @admin.display(description=gettext_lazy("sent"), ordering="sent_at")
    def display_sent(self, delivery: Delivery) -> str:
        """When the channel took it."""
        return time_text(delivery.sent_at)

    @admin.display(description=gettext_lazy("person"))
    def display_person(self, delivery: Delivery) -> str:
        """Whom it tells."""
        return str(delivery.notification.user)


def kind_name(notification: Notification) -> str:
    """What a notification tells of, in the reader's language."""
    return capfirst(str(KIND_NAMES.get(notification.kind, notification.kind)))


def status_badge(delivery: Delivery) -> str:
    """How far a delivery is, in words on a tinted ground."""
    return badge(delivery.get_status_display(), STATUS_KINDS.get(delivery.status, "muted"))
