"""Schedules in the admin: their list, the page of each, and a preview of what is being typed."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from jobs.admin import schedulelist, schedulepage
from jobs.admin.base import StaffAdmin
from jobs.models import Schedule


@admin.register(Schedule)
class ScheduleAdmin(StaffAdmin):
    """When tasks run again and again. The pages are our own: services change the rows."""

    def get_urls(self) -> list[URLPattern]:
        """The pages of schedules beside Django's own addresses."""
        views = self.admin_site.admin_view
        return [
            path("preview/", views(self.preview_view), name="jobs_schedule_preview"),
            path("<int:pk>/act/", views(self.act_view), name="jobs_schedule_act"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """All schedules."""
        self._check(request)
        if request.method == "POST":
            raise PermissionDenied
        return schedulelist.show(request, self.admin_site.each_context(request))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """A new schedule: first its task, then everything else."""
        return schedulepage.add(request, self.admin_site.each_context(request))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one schedule, with its form for those who may change it."""
        self._check(request)
        if not object_id.isdecimal() or len(object_id) > 18:
            raise Http404
        return schedulepage.show(request, int(object_id), self.admin_site.each_context(request))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Nothing: the page of a schedule has its own button."""
        raise PermissionDenied

    def preview_view(self, request: HttpRequest) -> HttpResponseBase:
        """The next runs of what is being typed."""
        self._check(request)
        return schedulepage.preview(request)

    def act_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """A button of a schedule was pressed."""
        self._check(request)
        return schedulepage.act(request, pk)

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
