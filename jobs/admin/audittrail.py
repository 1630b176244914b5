"""The audit trail and the bulk actions, for reading."""

import ipaddress
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from jobs import audit, roles, tenants, trail
from jobs.admin import bulkpage
from jobs.admin.base import ReadOnlyAdmin, as_json, badge, check_values, link, time_text
from jobs.models import ActionKind, AuditEntry, BulkAction


def _ip_address(text: str) -> str:
    """The address in the form in which it is stored.

    Raises: ValueError for a text that is none.
    """
    return str(ipaddress.ip_address(text))


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
    search_exact = {"target": str, "by__email": str.lower, "address": _ip_address}
    search_help_text = gettext_lazy(
        "Id or name of what it was done to, the address of a person, or an IP address"
    )
    list_before_template = "admin/jobs/auditentry/before.html"
    fields = (
        ("at", "by_name"),
        ("display_action", "display_target"),
        ("display_tenant", "count"),
        ("reason", "address"),
        "display_details",
    )

    def get_urls(self) -> list[Any]:
        """The pages of Django, and the trail to take away."""
        export = self.admin_site.admin_view(self.export)
        return [path("export/<slug:kind>/", export, name="jobs_auditentry_export"), *super().get_urls()]

    def export(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """What the filters of the list leave, for a spreadsheet or a program; that it was taken is a line itself.

        Raises: PermissionDenied; Http404 for another kind.
        """
        if not self.has_view_permission(request) or request.method != "GET":
            raise PermissionDenied
        if kind not in ("csv", "jsonl"):
            raise Http404
        check_values(request)
        lines = self.get_changelist_instance(request).get_queryset(request).order_by("-id")
        audit.record(request, ActionKind.EXPORT, "trail", details={"filters": dict(request.GET.items())})
        blocks = trail.as_csv(lines, ",") if kind == "csv" else trail.as_json_lines(lines)
        types = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
        headers = {"Content-Disposition": f'attachment; filename="audit-trail.{kind}"'}
        return StreamingHttpResponse(blocks, content_type=types[kind], headers=headers)

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
