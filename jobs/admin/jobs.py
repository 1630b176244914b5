"""Jobs in the admin: their list, the page of each, and what can be done to them; nothing of a row is edited."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from jobs.admin import bulkpage, editpage, joblist, jobpage
from jobs.admin.base import ReadOnlyAdmin
from jobs.models import Job


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs: what was asked to run, how it went, and what to do about it. The pages are our own."""

    def get_urls(self) -> list[URLPattern]:
        """The pages of jobs beside Django's own addresses."""
        views = self.admin_site.admin_view
        return [
            path("bulk/", views(self.bulk_view), name="jobs_job_bulk"),
            path("<uuid:job_id>/edit/", views(self.edit_view), name="jobs_job_edit"),
            path("<uuid:job_id>/state/", views(self.state_view), name="jobs_job_state"),
            path("<uuid:job_id>/events/", views(self.events_view), name="jobs_job_events"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, or an action on chosen jobs."""
        self._check(request)
        if request.method == "POST":
            return joblist.act(request)
        return joblist.show(request, self.admin_site.each_context(request))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one job."""
        self._check(request)
        if request.method == "POST":
            # There is no form: its buttons post to the list.
            raise PermissionDenied
        try:
            return jobpage.show(request, UUID(object_id), self.admin_site.each_context(request))
        except ValueError:
            raise Http404 from None

    def bulk_view(self, request: HttpRequest) -> HttpResponseBase:
        """An action on all jobs that match."""
        self._check(request)
        return bulkpage.show(request, self.admin_site.each_context(request))

    def edit_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """A retry with other arguments."""
        self._check(request)
        return editpage.show(request, job_id, self.admin_site.each_context(request))

    def state_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """What the page of the job shows now."""
        self._check(request)
        return jobpage.state(request, job_id)

    def events_view(self, request: HttpRequest, job_id: UUID) -> HttpResponseBase:
        """Each change of the page of the job."""
        self._check(request)
        return jobpage.events(request, job_id)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
