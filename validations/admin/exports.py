"""Files made of runs to be downloaded: who asked for what, and how long it is kept. Their content is not shown."""

from uuid import UUID

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from jobs.admin.base import ReadOnlyAdmin, badge, bytes_text, link_to, time_text
from validations.models import Export, ExportStatus
from validations.templatetags.bordereau import format_title

KINDS: dict[str, str] = {
    ExportStatus.WAITING: "info",
    ExportStatus.READY: "ok",
    ExportStatus.FAILED: "error",
    ExportStatus.CANCELLED: "muted",
    ExportStatus.EXPIRED: "muted",
}


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    """Files made of runs; staff see that there is one, and cannot fetch it here."""

    list_display = (
        "display_format",
        "organization",
        "display_status",
        "display_size",
        "display_asked",
        "display_run",
    )
    list_filter = (("status", ChoicesDropdownFilter), ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    list_select_related = ("organization", "run")
    list_defer = ("run__reading", "run__summary", "wanted")
    search_exact = {"id": UUID, "run__id": UUID, "job_id": UUID}
    search_help_text = gettext_lazy("Id of a file, of its run or of its job")
    fields = (
        ("display_format", "display_status"),
        ("organization", "created_by"),
        ("language", "time_zone"),
        ("display_size", "error_code"),
        ("created_at", "finished_at", "expires_at"),
        ("display_run", "display_job"),
    )

    @admin.display(description=gettext_lazy("file"), ordering="format")
    def display_format(self, export: Export) -> str:
        """What kind of file it is."""
        return format_title(export.format)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def display_status(self, export: Export) -> str:
        """How far it is."""
        return badge(export.get_status_display(), KINDS[export.status])

    @admin.display(description=gettext_lazy("size"), ordering="size_bytes")
    def display_size(self, export: Export) -> str:
        """How large the file is; a dash until it is made."""
        return "–" if export.size_bytes is None else bytes_text(export.size_bytes)

    @admin.display(description=gettext_lazy("asked for"), ordering="created_at")
    def display_asked(self, export: Export) -> str:
        """When it was asked for."""
        return time_text(export.created_at)

    @admin.display(description=gettext_lazy("run"))
    def display_run(self, export: Export) -> str:
        """The run, leading to its page."""
        return link_to(export.run)

    @admin.display(description=gettext_lazy("job"))
    def display_job(self, export: Export) -> str:
        """The job that makes it, leading to its page."""
        return link_to(export.job)
