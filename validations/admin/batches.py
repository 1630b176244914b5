"""Files that were sent together, with their runs; staff act on the runs and on the jobs."""

from uuid import UUID

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from jobs.admin.base import ReadOnlyAdmin, badge, link_to, time_text
from jobs.admin.batches import STATUS_KINDS
from validations.models import RunBatch


@admin.register(RunBatch)
class RunBatchAdmin(ReadOnlyAdmin):
    """What was sent by one form or request, and how it stands."""

    list_display = ("display_sent", "organization", "created_by", "display_files", "display_status")
    list_filter = (("organization", AutocompleteSelectFilter),)
    list_filter_submit = True
    list_select_related = ("organization", "created_by", "job_batch")
    search_exact = {"id": UUID, "job_batch_id": UUID}
    search_help_text = gettext_lazy("Id of files sent together, or of the batch of their jobs")
    fields = (
        ("created_at", "display_status"),
        ("organization", "created_by"),
        ("display_files", "display_refused"),
        ("display_job_batch", "id"),
        "display_runs",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunBatch]:
        """With the number of runs."""
        found: QuerySet[RunBatch] = super().get_queryset(request).annotate(run_count=Count("runs"))
        return found

    @admin.display(description=gettext_lazy("sent"), ordering="created_at")
    def display_sent(self, batch: RunBatch) -> str:
        """When the files were sent."""
        return time_text(batch.created_at)

    @admin.display(description=gettext_lazy("files"), ordering="run_count")
    def display_files(self, batch: RunBatch) -> int:
        """How many files came in."""
        return int(batch.run_count)  # type: ignore[attr-defined]  # annotated

    @admin.display(description=gettext_lazy("refused files"))
    def display_refused(self, batch: RunBatch) -> int:
        """How many files did not come in."""
        return len(batch.refused)

    @admin.display(description=gettext_lazy("status"))
    def display_status(self, batch: RunBatch) -> str:
        """How the jobs of the batch stand."""
        jobs = batch.job_batch
        return badge(jobs.get_status_display(), STATUS_KINDS[jobs.status]) if jobs else "–"

    @admin.display(description=gettext_lazy("jobs"))
    def display_job_batch(self, batch: RunBatch) -> str:
        """The batch of the jobs, leading to its page."""
        return link_to(batch.job_batch)

    @admin.display(description=gettext_lazy("runs"))
    def display_runs(self, batch: RunBatch) -> str:
        """The runs, each leading to its page."""
        runs = batch.runs.order_by("created_at").only("pk", "file_name")
        return format_html_join("\n", "<div>{}</div>", ((link_to(run),) for run in runs))
