"""Runs, their findings and records, for staff; what patients are in is shown to those with a right of its own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)

from jobs.admin.base import (
    ReadOnlyAdmin,
    ServiceAction,
    StaffAdmin,
    as_json,
    badge,
    bytes_text,
    folded,
    json_text,
    link_to,
    person,
    seconds_text,
    time_text,
    uuid_of,
)
from jobs.errors import IllegalTransitionError
from organizations.models import Membership
from validations import failures, services, steps
from validations.engine.profile import Profile as EngineProfile
from validations.engine.profile import ProfileError
from validations.intake import UploadRefusedError
from validations.models import (
    BillingRecord,
    Finding,
    LogEntry,
    Profile,
    RunStatus,
    Severity,
    ValidationRun,
    Verdict,
)
from validations.sentences import message_of, reader_language, title_of
from validations.templatetags.bordereau import money

# Who may see values of patients: the right to see billing records.
PATIENT_DATA = "validations.view_billingrecord"
HIDDEN = "•••"

STATUS_KINDS: dict[str, str] = {
    RunStatus.QUEUED: "muted",
    RunStatus.PROCESSING: "info",
    RunStatus.COMPLETED: "ok",
    RunStatus.FAILED: "error",
    RunStatus.CANCELLED: "muted",
}
SEVERITY_KINDS: dict[str, str] = {Severity.ERROR: "error", Severity.WARNING: "warn", Severity.INFO: "info"}
VERDICT_KINDS: dict[str, str] = {
    Verdict.ACCEPTED: "ok",
    Verdict.ACCEPTED_WITH_WARNINGS: "warn",
    Verdict.REFUSED: "error",
}
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
    search_exact = {"id": uuid_of, "job_id": uuid_of}
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
                    ("profile", "display_repeats"),
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

    @admin.display(description=gettext_lazy("options"))
    def display_options(self, run: ValidationRun) -> str:
        """What the sender set by hand."""
        return as_json(run.options)

    @admin.display(description=gettext_lazy("reading"))
    def display_reading(self, run: ValidationRun) -> str:
        """How the file was read: encoding, separators, columns."""
        return as_json(run.reading)


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


class CodeFilter(admin.SimpleListFilter):
    """Findings of one rule, from a link: a list of all rules would not fit here."""

    title = gettext_lazy("rule")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The rule of the link, so that it can be taken off again."""
        code = request.GET.get("code", "")
        return [(code, title_of(code, reader_language()))] if code else [("", _("All"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Finding]) -> QuerySet[Finding]:
        """The findings of the rule."""
        return queryset.filter(code=self.value()) if self.value() else queryset


class PatientDataAdmin(ReadOnlyAdmin):
    """Rows of a file: reached from their run, whose index keeps the list fast."""

    ordering = ("-id",)
    list_select_related = ("result__run", "organization")
    search_exact = {"result__run__id": uuid_of}
    search_help_text = gettext_lazy("Id of a run")
    link_lookups = ("result__id__exact",)

    @admin.display(description=gettext_lazy("run"))
    def display_run(self, row: Finding | BillingRecord) -> str:
        """The run, leading to its page; none for what is about to be removed."""
        return link_to(row.result.run)


@admin.register(Finding)
class FindingAdmin(PatientDataAdmin):
    """Things to fix; values of patients need the right to see billing records."""

    list_display = (
        "display_title",
        "display_severity",
        "line",
        "column_label",
        "display_value",
        "display_run",
    )
    list_filter = (("severity", ChoicesDropdownFilter), CodeFilter)
    list_filter_submit = True
    list_defer = ("result__run__reading", "result__run__summary")
    fields = (
        "display_title",
        "code",
        "display_severity",
        "display_message",
        "line",
        "column_label",
        "display_value",
        "display_suggestion",
        "display_amount",
        "display_run",
    )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The columns; without the right, dots stand in the place of values."""
        return _shown(tuple(self.list_display), request)

    def get_fields(self, request: HttpRequest, obj: Finding | None = None) -> tuple[str, ...]:
        """The fields; without the right, dots stand in the place of values."""
        return _shown(tuple(self.fields), request)

    @admin.display(description=gettext_lazy("finding"), ordering="code")
    def display_title(self, finding: Finding) -> str:
        """The rule in a few words."""
        return title_of(finding.code, reader_language())

    @admin.display(description=gettext_lazy("severity"), ordering="severity")
    def display_severity(self, finding: Finding) -> str:
        """How much it matters."""
        return badge(finding.get_severity_display(), SEVERITY_KINDS[finding.severity])

    @admin.display(description=gettext_lazy("message"))
    def display_message(self, finding: Finding) -> str:
        """The whole sentence, which quotes the file."""
        return message_of(finding, reader_language())

    @admin.display(description=gettext_lazy("value"))
    def display_value(self, finding: Finding) -> str:
        """What stands in the cell."""
        return finding.value or "–"

    @admin.display(description=gettext_lazy("suggestion"))
    def display_suggestion(self, finding: Finding) -> str:
        """What should stand there."""
        return finding.suggestion or "–"

    @admin.display(description=gettext_lazy("amount at stake"))
    def display_amount(self, finding: Finding) -> str:
        """What the payer may refuse because of it."""
        return "–" if finding.amount_cents is None else money(finding.amount_cents)

    @admin.display(description=gettext_lazy("message"))
    def hidden_message(self, finding: Finding) -> str:
        """That there is a sentence, which this person may not read."""
        return HIDDEN

    @admin.display(description=gettext_lazy("value"))
    def hidden_value(self, finding: Finding) -> str:
        """That there is a value, which this person may not see."""
        return HIDDEN

    @admin.display(description=gettext_lazy("suggestion"))
    def hidden_suggestion(self, finding: Finding) -> str:
        """That there is a suggestion, which this person may not see."""
        return HIDDEN


def _shown(fields: tuple[str, ...], request: HttpRequest) -> tuple[str, ...]:
    """The fields as this person may see them: chosen per request, since an admin object serves many at once."""
    if request.user.has_perm(PATIENT_DATA):
        return fields
    stand_ins = {f"display_{name}": f"hidden_{name}" for name in ("message", "value", "suggestion")}
    return tuple(stand_ins.get(field, field) for field in fields)


@admin.register(BillingRecord)
class BillingRecordAdmin(PatientDataAdmin):
    """Lines of billing files; the right to view them is the right to see values of patients."""

    list_display = (
        "line",
        "invoice_number",
        "service_date",
        "code",
        "display_amount",
        "provider",
        "display_run",
    )
    list_defer = ("extra", "result__run__reading", "result__run__summary")
    fields = (
        ("line", "row_no"),
        ("invoice_number", "record_id"),
        ("service_date", "start_time", "end_time"),
        ("period", "place", "sector"),
        ("diagnosis", "code", "units"),
        ("role", "context"),
        ("display_amount", "display_paid"),
        ("provider", "patient"),
        "display_extra",
        "display_run",
    )

    @admin.display(description=gettext_lazy("amount"), ordering="amount_cents")
    def display_amount(self, record: BillingRecord) -> str:
        """The billed amount in dollars."""
        return money(record.amount_cents)

    @admin.display(description=gettext_lazy("paid"))
    def display_paid(self, record: BillingRecord) -> str:
        """The paid amount in dollars."""
        return money(record.amount_paid_cents)

    @admin.display(description=gettext_lazy("other columns"))
    def display_extra(self, record: BillingRecord) -> str:
        """Columns that the profile does not know."""
        return as_json(record.extra)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # the class takes no parameter at run time
    """A profile whose descriptor the engine understands."""

    class Meta:
        model = Profile
        fields = ("organization", "name", "title_en", "title_fr", "descriptor")

    def clean_descriptor(self) -> Any:
        """The descriptor, once the engine could read it."""
        descriptor = self.cleaned_data["descriptor"]
        try:
            EngineProfile.from_descriptor(descriptor)
        except ProfileError as error:
            text = error.problem.to(reader_language())
            raise forms.ValidationError(
                "%(path)s: %(text)s", params={"path": error.path, "text": text}
            ) from None
        return descriptor


@admin.register(Profile)
class ProfileAdmin(StaffAdmin):
    """File formats; saving a changed one makes a new version, so that old runs keep theirs."""

    form = ProfileForm
    list_display = ("name", "version", "display_title", "display_owner", "created_at")
    list_select_related = ("organization",)
    list_defer = ("descriptor",)
    search_fields = ("name__istartswith",)
    search_help_text = gettext_lazy("Beginning of the name")
    autocomplete_fields = ("organization",)
    fields = ("organization", "name", ("title_en", "title_fr"), "descriptor")

    def has_change_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Whether the person may edit this one; shipped profiles come with the program and change with it."""
        if obj is not None and obj.organization_id is None:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Never: runs of the past name their profile."""
        return False

    def get_fields(self, request: HttpRequest, obj: Profile | None = None) -> list[Any]:
        """The fields; who may only read gets the descriptor as text with its accents."""
        if obj is None or self.has_change_permission(request, obj):
            return list(self.fields)
        return ["display_descriptor" if name == "descriptor" else name for name in self.fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Profile | None = None) -> tuple[str, ...]:
        """Of a profile that exists, its owner and name are fixed."""
        return ("organization", "name") if obj else ()

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Store the profile as the next version of its name."""
        obj.version = next_version(obj)
        if change:
            obj.pk = None
            obj._state.adding = True
        super().save_model(request, obj, form, change=False)

    @admin.display(description=gettext_lazy("title"))
    def display_title(self, profile: Profile) -> str:
        """The title in the reader's language."""
        return profile.title

    @admin.display(description=gettext_lazy("belongs to"), ordering="organization__name")
    def display_owner(self, profile: Profile) -> str:
        """The organization, or that the profile comes with the program."""
        return link_to(profile.organization) if profile.organization else badge(_("Shipped"), "accent")

    @admin.display(description=gettext_lazy("Table Schema and rules"))
    def display_descriptor(self, profile: Profile) -> str:
        """The descriptor to read, folded: it has some hundred lines."""
        count = len(profile.descriptor.get("fields", []))
        summary = ngettext("%(count)d column", "%(count)d columns", count) % {"count": count}
        return folded(summary, json_text(profile.descriptor))


def next_version(profile: Profile) -> int:
    """The number after the newest version of the profile's name."""
    same = Profile.objects.filter(organization=profile.organization, name=profile.name)
    newest = same.order_by("-version").values_list("version", flat=True).first()
    return (newest or 0) + 1


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Steps in the life of runs."""

    ordering = ("-id",)
    list_display = ("display_at", "display_step", "display_run", "organization")
    list_display_links = ("display_at",)
    list_select_related = ("run", "organization")
    list_defer = ("run__reading", "run__summary")
    search_exact = {"run__id": uuid_of}
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
