"""The audit trail and the bulk actions, for reading."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from jobs import roles, tenants
from jobs.admin import bulkpage
from jobs.admin.base import ReadOnlyAdmin, as_json, badge, link, time_text
from jobs.models import ActionKind, AuditEntry, BulkAction


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when, to what, from where and why; nobody can change a line."""

    ordering = ("-id",)
    list_display = (
        "display_at",
        "by_name",
        "display_action",
        "display_target",
        "display_tenant",
        "count",
        "reason",
        "address",
    )
    list_display_links = ("display_at",)
    list_filter = (("action", ChoicesDropdownFilter), ("at", RangeDateTimeFilter))
    list_filter_submit = True
    search_exact = {"target": str, "by__email": str.lower}
    search_help_text = gettext_lazy("Id or name of what it was done to, or the address of a person")
    fields = (
        ("at", "by_name"),
        ("display_action", "display_target"),
        ("display_tenant", "count"),
        ("reason", "address"),
        "display_details",
    )

    @admin.display(description=gettext_lazy("at"), ordering="id")
    def display_at(self, line: AuditEntry) -> str:
        """When."""
        return time_text(line.at)

    @admin.display(description=gettext_lazy("action"), ordering="action")
    def display_action(self, line: AuditEntry) -> str:
        """What was done; what was refused stands out."""
        is_refused = line.action == ActionKind.REFUSED
        return badge(line.get_action_display(), "error" if is_refused else "muted")

    @admin.display(description=gettext_lazy("target"))
    def display_target(self, line: AuditEntry) -> str:
        """What it was done to, leading to its page."""
        if line.target_kind == "schedule":
            # The trail knows it by its name, which outlives its row.
            schedules = reverse("admin:jobs_schedule_changelist")
            return link(f"{schedules}?{urlencode({'q': line.target})}", f"schedule {line.target}")
        name = "bulkaction" if line.action == ActionKind.BULK else line.target_kind
        try:
            url = reverse(f"admin:jobs_{name}_change", args=[line.target])
        except NoReverseMatch:
            return f"{line.target_kind} {line.target}".strip()
        return link(url, f"{line.target_kind} {line.target[:8]}")

    @admin.display(description=gettext_lazy("organization"))
    def display_tenant(self, line: AuditEntry) -> str:
        """Whose job it was."""
        return tenants.name_of(line.tenant_id) or "–"

    @admin.display(description=gettext_lazy("details"))
    def display_details(self, line: AuditEntry) -> str:
        """What else is known."""
        return as_json(line.details)


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin):
    """Actions on many jobs: how far each is, and what it was asked to do."""

    ordering = ("-created_at",)
    list_display = ("display_at", "display_action", "by", "matched", "done", "skipped", "reason")
    list_display_links = ("display_at",)
    list_select_related = ("by",)
    list_filter = (("action", ChoicesDropdownFilter),)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one bulk action, which follows its work."""
        if not self.has_view_permission(request) or request.method == "POST":
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return super().change_view(request, object_id, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Action on many jobs"),
            **_facts(request, row),
        }
        return render(request, "admin/jobs/bulkaction/page.html", context)

    @admin.display(description=gettext_lazy("created at"), ordering="created_at")
    def display_at(self, row: BulkAction) -> str:
        """When it was asked for."""
        return time_text(row.created_at)

    @admin.display(description=gettext_lazy("action"))
    def display_action(self, row: BulkAction) -> str:
        """What is done to each job."""
        return row.get_action_display()


def _facts(request: HttpRequest, row: BulkAction) -> dict[str, Any]:
    shown = dict(row.filters)
    if not request.user.has_perm(roles.VIEW_JOB_ARGUMENTS):
        # It may hold the value of an argument.
        shown.pop("q", None)
    return {
        "row": row,
        "is_over": row.finished_at is not None or row.job is None or row.job.is_final,
        "said": bulkpage.said(shown),
        "is_whole": shown == row.filters,
        "progress": bulkpage.progress_of(row),
        "started": time_text(row.created_at),
        "finished": time_text(row.finished_at) if row.finished_at else "",
    }
