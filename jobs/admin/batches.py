"""Batches in the admin: how far each is, what became of its jobs, and the button that cancels it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from jobs import audit, roles, tenants
from jobs.admin.base import ReadOnlyAdmin, admin_page, badge, seconds_text
from jobs.batches import Progress, cancel_batch, progress_of
from jobs.declarations import declared
from jobs.models import ActionKind, Batch, BatchStatus, Job, JobStatus

ROWS_SHOWN = 100
STATUS_KINDS: dict[str, str] = {
    BatchStatus.RUNNING: "info",
    BatchStatus.SUCCEEDED: "ok",
    BatchStatus.PARTIAL: "warn",
    BatchStatus.FAILED: "error",
    BatchStatus.CANCELLED: "muted",
}
# The order in which a bar is drawn: what has ended first.
_DRAWN: tuple[tuple[str, str], ...] = (
    (JobStatus.SUCCEEDED, "ok"),
    (JobStatus.FAILED, "error"),
    (JobStatus.CANCELLED, "muted"),
    (JobStatus.RUNNING, "info"),
    (JobStatus.RETRYING, "warn"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the bar: the jobs with one status."""

    status: str
    label: str
    kind: str
    count: int
    # Of a hundred, as the drawing has them.
    start: float
    width: float


class BatchView:
    """One batch, ready to be shown."""

    def __init__(self, batch: Batch, progress: Progress) -> None:
        self.row, self.progress = batch, progress

    @property
    def state(self) -> str:
        """How it stands, as a badge."""
        if self.row.status == BatchStatus.RUNNING and self.row.cancel_requested_at:
            return badge(_("Stopping"), "warn")
        if self.row.status == BatchStatus.RUNNING and self.row.sealed_at is None:
            return badge(_("Open"), "accent")
        return badge(self.row.get_status_display(), STATUS_KINDS[self.row.status])

    @property
    def parts(self) -> list[Part]:
        """The pieces of its bar, from the left."""
        parts: list[Part] = []
        start = 0.0
        drawn = dict(_DRAWN)
        for status in [*drawn, *sorted(set(self.progress.by_status) - set(drawn))]:
            count = self.progress.by_status.get(status, 0)
            if count and self.row.total:
                width = 100 * count / self.row.total
                label = str(JobStatus(status).label)
                parts.append(Part(status, label, drawn.get(status, "accent"), count, start, width))
                start += width
        return parts

    @property
    def drawn_parts(self) -> list[Part]:
        """Those that have a color: what only waits is the empty rest of the bar."""
        return [part for part in self.parts if part.kind != "accent"]

    @property
    def duration(self) -> str:
        """From its opening to its end."""
        ended = self.row.finished_at
        return seconds_text((ended - self.row.created_at).total_seconds()) if ended else "–"

    @property
    def tenant(self) -> str:
        """The name of the organization that it works for."""
        return tenants.name_of(self.row.tenant_id)

    @property
    def completion(self) -> str:
        """What its last task does."""
        task = declared(self.row.completion_task) if self.row.completion_task else None
        return task.description if task else self.row.completion_task

    @property
    def can_be_cancelled(self) -> bool:
        """Whether it still goes on and nobody has cancelled it yet."""
        return self.row.status == BatchStatus.RUNNING and self.row.cancel_requested_at is None


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Jobs that are followed as one. The pages are our own."""

    def get_urls(self) -> list[URLPattern]:
        """The pages of batches beside Django's own addresses."""
        view = self.admin_site.admin_view(self.cancel_view)
        return [path("<uuid:batch_id>/cancel/", view, name="jobs_batch_cancel"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The newest batches, by state and name."""
        self._check(request)
        if request.method == "POST":
            raise PermissionDenied
        status = request.GET.get("status", "")
        text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
        found = Batch.objects.order_by("-created_at")
        if status in BatchStatus.values:
            found = found.filter(status=status)
        if text:
            found = found.filter(name__icontains=text)
        rows = list(found[: ROWS_SHOWN + 1])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Batches"),
            "batches": _views(rows[:ROWS_SHOWN]),
            "is_cut": len(rows) > ROWS_SHOWN,
            "tabs": [("", _("All")), *BatchStatus.choices],
            "chosen": status if status in BatchStatus.values else "",
            "text": text,
        }
        return render(request, "admin/jobs/batch/list.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one batch."""
        self._check(request)
        if request.method == "POST":
            raise PermissionDenied
        try:
            batch = get_object_or_404(Batch, pk=UUID(object_id))
        except ValueError:
            raise Http404 from None
        context = {
            **self.admin_site.each_context(request),
            "title": batch.name,
            "batch": BatchView(batch, progress_of(batch)),
            "may_cancel": request.user.has_perm(roles.CANCEL_BATCH),
            "failed": batch.jobs.filter(status=JobStatus.FAILED).order_by("-finished_at")[:5],
        }
        return render(request, "admin/jobs/batch/page.html", context)

    def cancel_view(self, request: HttpRequest, batch_id: UUID) -> HttpResponseBase:
        """The button that cancels the batch.

        Raises: PermissionDenied, after the try was written down.
        """
        self._check(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        batch = get_object_or_404(Batch, pk=batch_id)
        if not request.user.has_perm(roles.CANCEL_BATCH):
            audit.refuse(request, ActionKind.CANCEL, "batch", batch.pk)
        if cancel_batch(batch=batch, by=request, reason=request.POST.get("reason", "").strip()[:200]):
            messages.success(
                request, _("The batch is being cancelled: what waits ends, what runs is asked to stop.")
            )
        else:
            messages.warning(request, _("The batch had ended or was cancelled before."))
        return HttpResponseRedirect(admin_page(batch))

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _views(batches: Sequence[Batch]) -> list[BatchView]:
    """The batches of a list, all counted by one question; the jobs of ended ones are not looked at."""
    running = [batch.pk for batch in batches if batch.status == BatchStatus.RUNNING]
    counts: dict[UUID, dict[str, int]] = {pk: {} for pk in running}
    rows = Job.objects.filter(batch__in=running).order_by().values_list("batch", "status")
    for batch_id, status, count in rows.annotate(count=Count("pk")):
        counts[batch_id][status] = count
    return [BatchView(batch, Progress(batch.total, counts.get(batch.pk, {}))) for batch in batches]
