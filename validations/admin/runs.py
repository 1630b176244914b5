"""Runs: how each went, what was found, and the buttons to cancel, retry, repeat and delete."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter

from jobs.admin.base import (
    ReadOnlyAdmin,
    ServiceAction,
    as_json,
    badge,
    bytes_text,
    link_to,
    person,
    seconds_text,
    time_text,
)
from jobs.errors import IllegalTransitionError
from organizations.models import Membership
from validations import failures, services, steps
from validations.admin.badges import SEVERITY_KINDS, STATUS_KINDS, VERDICT_KINDS
from validations.intake import UploadRefusedError
from validations.models import RunStatus, Severity, ValidationRun
from validations.sentences import reader_language, title_of
from validations.veil import drawn_over

REFUSALS = (services.FileGoneError, UploadRefusedError, IllegalTransitionError)


@admin.register(ValidationRun)
class ValidationRunAdmin(ReadOnlyAdmin):
    """Runs: how each went, what was found, and the buttons to cancel, retry, repeat and delete."""

    list_display = (
        "display_file",
        "display_organization",
        "display_state",
        "error_count",
        "warning_count",
        "display_sent",
        "display_duration",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("verdict", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_select_related = ("organization",)
    list_defer = ("reading", "summary", "options", "error_params")
    search_exact = {"id": UUID, "job_id": UUID}
    search_help_text = gettext_lazy("Id of a run or of its job")
    actions = ("cancel_runs", "retry_runs", "repeat_runs", "delete_runs")
    page_actions = actions
    change_form_outer_after_template = "admin/validations/validationrun/results.html"
    fieldsets = (
        (
            gettext_lazy("State"),
            {
                "fields": (
                    ("display_status", "display_verdict"),
                    "display_reason",
                    ("display_progress", "display_duration"),
                    ("display_organization", "created_by"),
                )
            },
        ),
        (
            gettext_lazy("File"),
            {
                "fields": (
                    ("file_name", "display_size"),
                    ("display_stored", "file_deleted_at"),
                    ("profile", "display_repeats", "display_replaces"),
                    "sha256",
                )
            },
        ),
        (
            gettext_lazy("Times"),
            {"fields": (("created_at", "started_at"), ("finished_at", "id"))},
        ),
        (
            gettext_lazy("How the file was read"),
            {"classes": ("collapse",), "fields": ("display_options", "display_reading")},
        ),
    )

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the person may cancel, retry and repeat runs."""
        return request.user.has_perm("validations.change_validationrun")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Whether the person may delete runs with their files."""
        return request.user.has_perm("validations.delete_validationrun")

    def page_context(self, request: HttpRequest, row: ValidationRun) -> dict[str, Any]:
        """What was found, what happened, and links to the job, the findings and the page on the site."""
        return {**results_of(row), "page_links": links_of(row, request)}

    @admin.action(description=gettext_lazy("Cancel run"), permissions=["operate"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[ValidationRun]) -> Any:
        """Cancel waiting runs and ask running ones to stop."""
        warning = _(
            "Waiting runs end at once; running ones are asked to stop. Nothing of them will be shown."
        )
        action = ServiceAction(_cancel, refusals=REFUSALS, warning=warning)
        return self.act(request, queryset, "cancel_runs", action)

    @admin.action(description=gettext_lazy("Retry run"), permissions=["operate"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[ValidationRun]) -> Any:
        """Check failed and cancelled runs again, while their file is still stored."""
        return self.act(request, queryset, "retry_runs", ServiceAction(_retry, refusals=REFUSALS))

    @admin.action(description=gettext_lazy("Run again as a new run"), permissions=["operate"])
    def repeat_runs(self, request: HttpRequest, queryset: QuerySet[ValidationRun]) -> Any:
        """A new run of the same stored file, with the same profile and options."""
        return self.act(request, queryset, "repeat_runs", ServiceAction(_repeat, refusals=REFUSALS))

    @admin.action(description=gettext_lazy("Delete with files"), permissions=["erase"])
    def delete_runs(self, request: HttpRequest, queryset: QuerySet[ValidationRun]) -> Any:
        """Remove runs with their records, findings and files."""
        warning = _(
            "The runs are deleted with their file, records, findings and log. "
            "Their organization no longer sees them. This cannot be undone."
        )
        action = ServiceAction(_delete, refusals=REFUSALS, warning=warning)
        return self.act(request, queryset, "delete_runs", action)

    def applies(self, name: str, row: ValidationRun) -> bool:
        """What can be done with a run depends on its state and on whether its file is still stored."""
        match name:
            case "cancel_runs":
                return row.is_active
            case "retry_runs":
                return bool(row.file) and row.status in (RunStatus.FAILED, RunStatus.CANCELLED)
            case "repeat_runs":
                return bool(row.file) and not row.is_active
        return True

    @admin.display(description=gettext_lazy("sent"), ordering="created_at")
    def display_sent(self, run: ValidationRun) -> str:
        """When the file arrived."""
        return time_text(run.created_at)

    @admin.display(description=gettext_lazy("file"), ordering="file_name")
    def display_file(self, run: ValidationRun) -> str:
        """The name that the sender gave the file."""
        return run.file_name

    @admin.display(description=gettext_lazy("organization"))
    def display_organization(self, run: ValidationRun) -> str:
        """The organization, leading to its page."""
        return link_to(run.organization)

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def display_state(self, run: ValidationRun) -> str:
        """Where the run is, or what came of it."""
        return self.display_verdict(run) if run.verdict else self.display_status(run)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def display_status(self, run: ValidationRun) -> str:
        """Where the run is."""
        return badge(run.get_status_display(), STATUS_KINDS[run.status])

    @admin.display(description=gettext_lazy("verdict"), ordering="verdict")
    def display_verdict(self, run: ValidationRun) -> str:
        """What the findings mean for sending the file."""
        return badge(run.get_verdict_display(), VERDICT_KINDS[run.verdict]) if run.verdict else "–"

    @admin.display(description=gettext_lazy("reason"))
    def display_reason(self, run: ValidationRun) -> str:
        """Why it could not be processed, as its organization reads it."""
        return failures.sentence(run.error_code, run.error_params) if run.error_code else "–"

    @admin.display(description=gettext_lazy("duration"))
    def display_duration(self, run: ValidationRun) -> str:
        """From start to end."""
        if run.started_at is None or run.finished_at is None:
            return "–"
        return seconds_text((run.finished_at - run.started_at).total_seconds())

    @admin.display(description=gettext_lazy("progress"))
    def display_progress(self, run: ValidationRun) -> str:
        """Percent and phase."""
        return f"{run.progress_percent} % {run.get_phase_display()}"

    @admin.display(description=gettext_lazy("size"), ordering="size_bytes")
    def display_size(self, run: ValidationRun) -> str:
        """How large the file is."""
        return bytes_text(run.size_bytes)

    @admin.display(description=gettext_lazy("still stored"), boolean=True)
    def display_stored(self, run: ValidationRun) -> bool:
        """Whether the uploaded file is still there."""
        return bool(run.file)

    @admin.display(description=gettext_lazy("repeats"))
    def display_repeats(self, run: ValidationRun) -> str:
        """The run that this one repeats."""
        return link_to(run.repeats)

    @admin.display(description=gettext_lazy("replaces"))
    def display_replaces(self, run: ValidationRun) -> str:
        """The run whose file this one's file corrects."""
        return link_to(run.replaces)

    @admin.display(description=gettext_lazy("options"))
    def display_options(self, run: ValidationRun) -> str:
        """What the sender set by hand."""
        return as_json(run.options)

    @admin.display(description=gettext_lazy("reading"))
    def display_reading(self, run: ValidationRun) -> str:
        """How the file was read: encoding, separators, columns; names of unknown columns may be data of patients."""
        return as_json(drawn_over(run).over_reading(run.reading))


def _cancel(run: ValidationRun, request: HttpRequest) -> bool:
    return services.cancel_run(run=run, by=person(request))


def _retry(run: ValidationRun, request: HttpRequest) -> bool:
    return services.retry_run(run=run, by=person(request))


def _repeat(run: ValidationRun, request: HttpRequest) -> bool:
    services.run_again(run=run, by=person(request), options=run.options, profile=run.profile)
    return True


def _delete(run: ValidationRun, request: HttpRequest) -> bool:
    services.delete_run(run=run, by=person(request))
    return True


def results_of(run: ValidationRun) -> dict[str, Any]:
    """What was found, by rule, and the run's log; no cell value is in it."""
    language = reader_language()
    findings = reverse("admin:validations_finding_changelist")
    rows = [
        {
            **row,
            "title": title_of(row["code"], language),
            "badge": badge(Severity(row["severity"]).label, SEVERITY_KINDS[row["severity"]]),
            "url": f"{findings}?result__id__exact={run.result_id}&code={row['code']}",
        }
        for row in run.summary.get("by_code", [])
    ]
    return {
        "by_code": rows,
        "log": [{"at": entry.at, "text": steps.sentence(entry)} for entry in run.log_entries.all()[:500]],
    }


def links_of(run: ValidationRun, request: HttpRequest) -> list[tuple[str, str]]:
    """Where to read on, as far as this person may: results, the job, and for members the page on the site."""
    links: list[tuple[str, str]] = []
    query = f"?result__id__exact={run.result_id}"
    for name, label in (("finding", _("Findings")), ("billingrecord", _("Billing records"))):
        if run.result_id and request.user.has_perm(f"validations.view_{name}"):
            links.append((reverse(f"admin:validations_{name}_changelist") + query, label))
    if run.job_id and request.user.has_perm("jobs.view_job"):
        links.append((reverse("admin:jobs_job_change", args=[run.job_id]), _("Job")))
    members = Membership.objects.for_organization(run.organization_id)
    if members.filter(user_id=person(request).pk).exists():
        address = reverse("validations:run-detail", args=[run.organization.slug, run.pk])
        links.append((address, _("On the site")))
    return links
