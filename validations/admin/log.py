"""Steps in the life of runs."""

from uuid import UUID

from django.contrib import admin
from django.utils.translation import gettext_lazy

from jobs.admin.base import ReadOnlyAdmin, link_to, time_text
from validations import steps
from validations.models import LogEntry


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Steps in the life of runs."""

    ordering = ("-id",)
    list_display = ("display_at", "display_step", "display_run", "organization")
    list_display_links = ("display_at",)
    list_select_related = ("run", "organization")
    list_defer = ("run__reading", "run__summary")
    search_exact = {"run__id": UUID}
    search_help_text = gettext_lazy("Id of a run")
    fields = ("at", "display_step", "display_run", "organization", "code")

    @admin.display(description=gettext_lazy("time"), ordering="id")
    def display_at(self, entry: LogEntry) -> str:
        """When it happened."""
        return time_text(entry.at)

    @admin.display(description=gettext_lazy("step"))
    def display_step(self, entry: LogEntry) -> str:
        """What happened, in words."""
        return steps.sentence(entry)

    @admin.display(description=gettext_lazy("run"))
    def display_run(self, entry: LogEntry) -> str:
        """The run, leading to its page."""
        return link_to(entry.run)
