"""Admin pages of Django's own models: roles of staff, and what staff changed."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jobs.admin.base import ReadOnlyAdmin, StaffAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, StaffAdmin):
    """Roles of staff: named sets of permissions."""

    filter_horizontal = ("permissions",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers only: who makes a role could give themselves every right."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Superusers only."""
        return bool(request.user.is_superuser)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """What staff did in these pages; nobody can edit it here."""

    list_display = ("action_time", "user", "content_type", "object_repr", "display_message")
    list_display_links = ("action_time",)
    list_select_related = ("user", "content_type")
    ordering = ("-id",)
    search_exact = {"user__email": str.lower, "object_id": str}
    search_help_text = _("Address of a person, or id of what was changed")
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "display_message")

    @admin.display(description=_("what was done"))
    def display_message(self, entry: LogEntry) -> str:
        """The change in words."""
        return entry.get_change_message() or entry.get_action_flag_display()
