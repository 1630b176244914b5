"""Jobs, their attempts and their timeline, for operators: to read, and to act on through jobs.services."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, OneToOneRel, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, SingleNumericFilter

from jobs import lifecycle, services
from jobs.admin.base import (
    ReadOnlyAdmin,
    ServiceAction,
    admin_page,
    as_json,
    badge,
    bytes_text,
    folded,
    link,
    link_to,
    person,
    seconds_text,
    time_text,
    uuid_of,
)
from jobs.admin.filters import QueueFilter, TaskFilter
from jobs.declarations import TASKS
from jobs.errors import IllegalTransitionError
from jobs.models import Attempt, AttemptOutcome, Job, JobEvent, JobStatus

STATUS_KINDS: dict[str, str] = {
    JobStatus.SCHEDULED: "muted",
    JobStatus.HELD: "warn",
    JobStatus.QUEUED: "muted",
    JobStatus.RUNNING: "info",
    JobStatus.RETRYING: "warn",
    JobStatus.BLOCKED: "warn",
    JobStatus.SUCCEEDED: "ok",
    JobStatus.FAILED: "error",
    JobStatus.CANCELLED: "muted",
}
OUTCOME_KINDS: dict[str, str] = {
    AttemptOutcome.RUNNING: "info",
    AttemptOutcome.SUCCEEDED: "ok",
    AttemptOutcome.FAILED: "error",
    AttemptOutcome.LOST: "error",
    AttemptOutcome.CANCELLED: "muted",
    AttemptOutcome.HANDED_BACK: "warn",
    AttemptOutcome.POSTPONED: "muted",
}
_RETRIED = (JobStatus.FAILED, JobStatus.CANCELLED)
# A page shows the newest of these; a job that was retried by hand a hundred times is still one page.
ATTEMPTS_SHOWN = 50
EVENTS_SHOWN = 200


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs: what was asked to run, how it went, and the buttons to retry and cancel."""

    list_display = (
        "display_task",
        "display_state",
        "queue",
        "display_tenant",
        "display_attempts",
        "display_created",
        "display_duration",
    )
    list_filter: ClassVar[tuple[Any, ...]] = (
        ("status", ChoicesDropdownFilter),
        QueueFilter,
        TaskFilter,
        ("tenant_id", SingleNumericFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_defer = ("arguments", "result", "error_params", "error_message", "progress_message")
    search_exact = {"id": uuid_of, "task": str}
    search_help_text = gettext_lazy("Id of a job, or the whole name of a task")
    actions = ("retry_jobs", "cancel_jobs")
    page_actions = ("retry_jobs", "cancel_jobs")
    change_form_outer_after_template = "admin/jobs/job/history.html"
    fieldsets = (
        (
            gettext_lazy("State"),
            {
                "fields": (
                    ("display_status", "display_progress"),
                    "display_why",
                    ("display_attempts", "queue"),
                    ("display_duration", "worker"),
                )
            },
        ),
        (
            gettext_lazy("What was asked"),
            {
                "fields": (
                    ("task", "display_promise"),
                    "display_arguments",
                    ("display_tenant", "priority"),
                    ("timeout_seconds", "idempotency_key"),
                    ("retry_of", "id"),
                    "display_result",
                )
            },
        ),
        (
            gettext_lazy("Times"),
            {
                "classes": ("collapse",),
                "fields": (
                    ("created_at", "due_at"),
                    ("sent_at", "started_at"),
                    ("finished_at", "cancel_requested_at"),
                    ("lease_until", "fence"),
                ),
            },
        ),
    )

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the person may cancel jobs."""
        return request.user.has_perm("jobs.cancel_job")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the person may retry jobs."""
        return request.user.has_perm("jobs.retry_job")

    def page_context(self, request: HttpRequest, row: Job) -> dict[str, Any]:
        """Attempts, timeline, and links to what the job worked on and to its hint in Redis."""
        links = [(admin_page(found), str(found)) for found in self._rows_of(row, request)]
        if request.user.has_perm("jobs.view_queue_dashboard"):
            links.append((reverse("admin:django_rq_job_detail", args=[row.queue, row.pk]), _("In Redis")))
        return {**history_of(row), "page_links": links}

    @admin.action(description=gettext_lazy("Retry job"), permissions=["retry"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> Any:
        """Queue ended jobs again."""
        return self.act(
            request, queryset, "retry_jobs", ServiceAction(_retry, refusals=(IllegalTransitionError,))
        )

    @admin.action(description=gettext_lazy("Cancel job"), permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> Any:
        """End waiting jobs at once and ask running ones to stop."""
        warning = _(
            "Waiting jobs end at once; running ones are asked to stop. What they did so far is not undone."
        )
        action = ServiceAction(_cancel, refusals=(IllegalTransitionError,), warning=warning)
        return self.act(request, queryset, "cancel_jobs", action)

    @admin.display(description=gettext_lazy("task"), ordering="task")
    def display_task(self, job: Job) -> str:
        """The task's name and the beginning of the job's id."""
        return format_html('<span class="bd-strong">{}</span><br><code>{}</code>', job.task, str(job.pk)[:8])

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def display_state(self, job: Job) -> str:
        """The status and, under it, the code or class of the last error."""
        reason = job.error_code or job.error_class
        state = self.display_status(job)
        return format_html('{}<br><span class="bd-quiet">{}</span>', state, reason) if reason else state

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def display_status(self, job: Job) -> str:
        """The status, and whether somebody asked the running job to stop."""
        if job.status == JobStatus.RUNNING and job.cancel_requested_at:
            return badge(_("Stopping"), "warn")
        return badge(job.get_status_display(), STATUS_KINDS[job.status])

    def applies(self, name: str, row: Job) -> bool:
        """Ended jobs are retried, others cancelled."""
        return row.status in _RETRIED if name == "retry_jobs" else not row.is_final

    @admin.display(description=gettext_lazy("created"), ordering="created_at")
    def display_created(self, job: Job) -> str:
        """When it was asked for."""
        return time_text(job.created_at)

    @admin.display(description=gettext_lazy("organization"), ordering="tenant_id")
    def display_tenant(self, job: Job) -> str:
        """The tenant's number, leading to its other jobs."""
        if job.tenant_id is None:
            return "–"
        return link(f"{reverse('admin:jobs_job_changelist')}?tenant_id={job.tenant_id}", job.tenant_id)

    @admin.display(description=gettext_lazy("attempt"))
    def display_attempts(self, job: Job) -> str:
        """Which attempt, of how many."""
        return _("%(number)s of %(limit)s") % {"number": job.attempt, "limit": job.max_attempts}

    @admin.display(description=gettext_lazy("duration"))
    def display_duration(self, job: Job) -> str:
        """From the start of the last attempt to its end, or until now."""
        if job.started_at is None:
            return "–"
        return seconds_text(((job.finished_at or timezone.now()) - job.started_at).total_seconds())

    @admin.display(description=gettext_lazy("error"))
    def display_why(self, job: Job) -> str:
        """Code, class and message of the last error; none of them holds a value of a file."""
        parts = [part for part in (job.error_code, job.error_class, job.error_message) if part]
        return " · ".join(parts) or "–"

    @admin.display(description=gettext_lazy("progress"))
    def display_progress(self, job: Job) -> str:
        """How far the running attempt is, in numbers and as a bar."""
        percent = job.progress_percent
        if percent is None:
            return job.progress_message or "–"
        return format_html(
            '<progress class="bd-progress" max="100" value="{}"></progress> {} % {}',
            percent,
            percent,
            job.progress_message,
        )

    @admin.display(description=gettext_lazy("what the task does"))
    def display_promise(self, job: Job) -> str:
        """The first line of the task's documentation, or that the code no longer knows the task."""
        task = TASKS.get(job.task)
        return task.description if task else _("This version of the program does not know this task.")

    @admin.display(description=gettext_lazy("arguments"))
    def display_arguments(self, job: Job) -> str:
        """Ids and plain values, as they were given."""
        return as_json(job.arguments)

    @admin.display(description=gettext_lazy("result"))
    def display_result(self, job: Job) -> str:
        """What the task gave back."""
        return as_json(job.result) if job.result is not None else "–"

    def _rows_of(self, job: Job, request: HttpRequest) -> Iterator[Model]:
        """Rows of other apps that point at this job one to one; their apps need not be known here."""
        for relation in Job._meta.get_fields(include_hidden=True):
            if isinstance(relation, OneToOneRel) and self.admin_site.is_registered(relation.related_model):
                model = relation.related_model
                owner = self.admin_site.get_model_admin(model)
                rows = model._base_manager.filter(**{relation.field.name: job})
                yield from (row for row in rows if owner.has_view_permission(request, row))


def _retry(job: Job, request: HttpRequest) -> bool:
    return bool(services.retry_job(job=job, by=person(request)))


def _cancel(job: Job, request: HttpRequest) -> bool:
    return bool(services.cancel_job(job=job, by=person(request)))


def history_of(job: Job) -> dict[str, Any]:
    """Attempts, newest first, and timeline, oldest first, ready to be shown."""
    attempts = list(job.attempts.order_by("-fence")[:ATTEMPTS_SHOWN])
    events = list(job.events.select_related("by").order_by("-id")[:EVENTS_SHOWN])
    return {
        "attempts": [{"row": row, "badge": outcome_badge(row), **_costs(row)} for row in attempts],
        "events": [
            {
                "row": event,
                "from": event.get_from_status_display(),
                "badge": badge(event.get_to_status_display(), STATUS_KINDS[event.to_status]),
                "cause": cause_text(event.cause),
            }
            for event in reversed(events)
        ],
    }


def _costs(attempt: Attempt) -> dict[str, Any]:
    return {
        "wait": seconds_text(timedelta(milliseconds=attempt.wait_ms).total_seconds()),
        "duration": seconds_text(attempt.run_seconds),
        "cpu": seconds_text(attempt.cpu_seconds),
    }


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
    search_exact = {"job_id": uuid_of}
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
        return f"{attempt.worker} · {attempt.host} · {attempt.pid}"

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
    search_exact = {"job_id": uuid_of}
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
