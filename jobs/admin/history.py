"""Attempts and events of all jobs, for operators to read."""

from uuid import UUID

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter

from jobs import lifecycle
from jobs.admin.base import (
    ReadOnlyAdmin,
    as_json,
    badge,
    bytes_text,
    folded,
    link_to,
    seconds_text,
    time_text,
)
from jobs.admin.states import OUTCOME_KINDS, STATUS_KINDS
from jobs.models import Attempt, JobEvent


def cause_text(cause: str) -> str:
    """Why a status changed, in words."""
    return str(lifecycle.Cause(cause).label) if cause in lifecycle.Cause.values else cause


def outcome_badge(attempt: Attempt) -> str:
    """How the attempt ended, in words on a tinted ground."""
    return badge(attempt.get_outcome_display(), OUTCOME_KINDS[attempt.outcome])


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Every try of every job."""

    ordering = ("-started_at",)
    list_display = (
        "display_job",
        "number",
        "display_outcome",
        "display_worker",
        "display_started",
        "display_wait",
        "display_duration",
        "display_memory",
        "error_class",
    )
    list_display_links = ("number",)
    list_filter = (("outcome", ChoicesDropdownFilter), ("started_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("job",)
    list_defer = ("traceback", "log", "error_message", "job__arguments", "job__result", "job__error_params")
    search_exact = {"job_id": UUID}
    search_help_text = gettext_lazy("Id of a job")
    fieldsets = (
        (None, {"fields": (("display_job", "number"), ("display_outcome", "display_worker"))}),
        (
            gettext_lazy("Cost"),
            {
                "fields": (
                    ("started_at", "ended_at"),
                    ("display_wait", "display_duration"),
                    ("display_memory", "cpu_seconds"),
                )
            },
        ),
        (
            gettext_lazy("Error"),
            {"fields": ("error_class", "error_message", "display_traceback")},
        ),
        (gettext_lazy("Log"), {"fields": ("display_log",)}),
    )

    @admin.display(description=gettext_lazy("job"))
    def display_job(self, attempt: Attempt) -> str:
        """The job, leading to its page."""
        return link_to(attempt.job, f"{attempt.job.task} {str(attempt.job_id)[:8]}")

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def display_outcome(self, attempt: Attempt) -> str:
        """How it ended."""
        return outcome_badge(attempt)

    @admin.display(description=gettext_lazy("worker"))
    def display_worker(self, attempt: Attempt) -> str:
        """Who ran it, where, in which process."""
        return format_html(
            '<span class="bd-name">{}<br><small>{} · {}</small></span>',
            attempt.worker,
            attempt.host,
            attempt.pid,
        )

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def display_started(self, attempt: Attempt) -> str:
        """When a worker took the job."""
        return time_text(attempt.started_at)

    @admin.display(description=gettext_lazy("waited"), ordering="wait_ms")
    def display_wait(self, attempt: Attempt) -> str:
        """From being due to being started."""
        return seconds_text(attempt.wait_ms / 1000)

    @admin.display(description=gettext_lazy("duration"))
    def display_duration(self, attempt: Attempt) -> str:
        """From start to end."""
        return seconds_text(attempt.run_seconds)

    @admin.display(description=gettext_lazy("memory"), ordering="peak_memory_bytes")
    def display_memory(self, attempt: Attempt) -> str:
        """The most memory it held."""
        return bytes_text(attempt.peak_memory_bytes)

    @admin.display(description=gettext_lazy("traceback"))
    def display_traceback(self, attempt: Attempt) -> str:
        """Files, lines and functions; values are never kept."""
        return folded(_("Show"), attempt.traceback) if attempt.traceback else "–"

    @admin.display(description=gettext_lazy("log"))
    def display_log(self, attempt: Attempt) -> str:
        """The lines that the task wrote."""
        return as_json(attempt.log) if attempt.log else "–"


@admin.register(JobEvent)
class JobEventAdmin(ReadOnlyAdmin):
    """Every change of every job's status."""

    ordering = ("-id",)
    list_display = ("display_at", "display_job", "display_from", "display_to", "display_cause", "by")
    list_display_links = ("display_at",)
    list_select_related = ("job", "by")
    list_defer = ("job__arguments", "job__result", "job__error_params")
    search_exact = {"job_id": UUID}
    search_help_text = gettext_lazy("Id of a job")
    fields = ("at", "display_job", "display_from", "display_to", "display_cause", "by")

    @admin.display(description=gettext_lazy("time"), ordering="id")
    def display_at(self, event: JobEvent) -> str:
        """When it happened."""
        return time_text(event.at)

    @admin.display(description=gettext_lazy("job"))
    def display_job(self, event: JobEvent) -> str:
        """The job, leading to its page."""
        return link_to(event.job, f"{event.job.task} {str(event.job_id)[:8]}")

    @admin.display(description=gettext_lazy("from"))
    def display_from(self, event: JobEvent) -> str:
        """The status before."""
        return event.get_from_status_display() or "–"

    @admin.display(description=gettext_lazy("to"))
    def display_to(self, event: JobEvent) -> str:
        """The status after."""
        return badge(event.get_to_status_display(), STATUS_KINDS[event.to_status])

    @admin.display(description=gettext_lazy("cause"))
    def display_cause(self, event: JobEvent) -> str:
        """Why it changed, in words."""
        return cause_text(event.cause)
