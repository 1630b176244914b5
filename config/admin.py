"""Admin pages that need to know several apps: jobs with names of organizations; roles and acts of staff."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from jobs.admin.base import ReadOnlyAdmin, StaffAdmin, filter_name, link
from jobs.admin.jobs import JobAdmin
from jobs.models import Job
from organizations.models import Organization

admin.site.unregister([Group, Job])

# A longer list of choices is slower to read than to search.
ORGANIZATIONS_OFFERED = 500


class OrganizationFilter(DropdownFilter):
    """Jobs of one organization, by its name."""

    title = _("organization")
    parameter_name = "tenant_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The organizations by name; beyond the limit a job's link to the others of its organization helps."""
        rows = Organization.objects.order_by("name").values_list("pk", "name")[:ORGANIZATIONS_OFFERED]
        return [(str(number), name) for number, name in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """The jobs of the chosen organization."""
        number = self.value() or ""
        return queryset.filter(tenant_id=number) if number.isdecimal() and len(number) < 19 else queryset


@admin.register(Job)
class NamedJobAdmin(JobAdmin):
    """Jobs as their app shows them, with names where it knows numbers only."""

    list_filter = (
        *(chosen for chosen in JobAdmin.list_filter if filter_name(chosen) != "tenant_id"),
        OrganizationFilter,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Jobs with the name of the organization that each works for."""
        names = Organization.objects.filter(pk=OuterRef("tenant_id")).values("name")
        jobs: QuerySet[Job] = super().get_queryset(request).annotate(tenant_name=Subquery(names[:1]))
        return jobs

    @admin.display(description=_("organization"), ordering="tenant_id")
    def display_tenant(self, job: Job) -> str:
        """The organization's name, leading to its other jobs."""
        if job.tenant_id is None:
            return "–"
        name = getattr(job, "tenant_name", None) or job.tenant_id
        return link(f"{reverse('admin:jobs_job_changelist')}?tenant_id={job.tenant_id}", name)


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
