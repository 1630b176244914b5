"""Rows of files: findings and billing records, with patients in them."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from jobs.admin.base import (
    ReadOnlyAdmin,
    as_json,
    badge,
    link_to,
)
from validations.admin.badges import SEVERITY_KINDS
from validations.looks import note_look
from validations.models import BillingRecord, Finding
from validations.sentences import message_of, reader_language, title_of
from validations.templatetags.bordereau import money

# Who may see values of patients: the right to see billing records.
PATIENT_DATA = "validations.view_billingrecord"
HIDDEN = "•••"
_HIDDEN_PARTS = ("column", "message", "value", "suggestion")


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
    search_exact = {"result__run__id": UUID}
    search_help_text = gettext_lazy("Id of a run")
    link_lookups = ("result__id__exact",)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; that this person saw it is audited."""
        row: Finding | BillingRecord | None = super().get_object(request, object_id, from_field)
        if row is not None:
            _note_looks(request, [row])
        return row

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list; whose files this person saw rows of is audited."""
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if "cl" in shown:
            _note_looks(request, shown["cl"].result_list)
        return response

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
        "display_column",
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
        "display_column",
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

    @admin.display(description=gettext_lazy("column"))
    def display_column(self, finding: Finding) -> str:
        """The name of the column in the file."""
        return finding.column_label or "–"

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

    @admin.display(description=gettext_lazy("column"))
    def hidden_column(self, finding: Finding) -> str:
        """The name of a column that is known; another one may be data of a patient."""
        return finding.column_label if finding.field else HIDDEN

    @admin.display(description=gettext_lazy("value"))
    def hidden_value(self, finding: Finding) -> str:
        """That there is a value, which this person may not see."""
        return HIDDEN

    @admin.display(description=gettext_lazy("suggestion"))
    def hidden_suggestion(self, finding: Finding) -> str:
        """That there is a suggestion, which this person may not see."""
        return HIDDEN


def _note_looks(request: HttpRequest, rows: Iterable[Finding | BillingRecord]) -> None:
    """Write down whose files a person with the right saw values of."""
    if request.user.has_perm(PATIENT_DATA):
        runs = {row.result.run_id: row.result.run for row in rows}
        for run in runs.values():
            if run is not None:
                note_look(request, run)


def _shown(fields: tuple[str, ...], request: HttpRequest) -> tuple[str, ...]:
    """The fields as this person may see them: chosen per request, since an admin object serves many at once."""
    if request.user.has_perm(PATIENT_DATA):
        return fields
    stand_ins = {f"display_{name}": f"hidden_{name}" for name in _HIDDEN_PARTS}
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
