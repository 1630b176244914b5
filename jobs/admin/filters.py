"""Filters of job lists whose choices come from the code, so that no table is searched for its distinct values."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from jobs.declarations import TASKS
from jobs.models import Job


class QueueFilter(DropdownFilter):
    """Jobs of one declared queue."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The declared queues, by urgency."""
        return [(queue.name, queue.name) for queue in settings.JOBS_QUEUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """The jobs of the chosen queue."""
        return queryset.filter(queue=self.value()) if self.value() else queryset


class TaskFilter(DropdownFilter):
    """Jobs of one declared task."""

    title = _("task")
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The declared tasks, by name."""
        return [(name, name) for name in sorted(TASKS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """The jobs of the chosen task."""
        return queryset.filter(task=self.value()) if self.value() else queryset
