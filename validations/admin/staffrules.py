"""Staff's own rules: written as one query, tried on a past run, then switched on."""

import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from jobs.admin.base import ServiceAction, StaffAdmin, audit, badge, link_to, person
from validations import ownrules, trials
from validations.admin.badges import SEVERITY_KINDS
from validations.engine import ownrules as engine_rules
from validations.engine.profile import Profile as EngineProfile
from validations.engine.queries import QueryError
from validations.engine.sandbox import SandboxError, columns_of
from validations.engine.values import plan
from validations.files import engine_folder
from validations.models import Profile, Severity, StaffRule
from validations.sentences import reader_language

CHANGE = "validations.change_staffrule"
READ_RUNS = "validations.view_validationrun"
READ_RECORDS = "validations.view_billingrecord"
# Runs offered to try a rule on.
OFFERED_RUNS = 30


class StaffRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # the class takes no parameter at run time
    """A rule whose query reads its own table and nothing else."""

    class Meta:
        model = StaffRule
        fields = (
            "organization", "name", "profile_name", "severity", "title_en", "title_fr", "message_en", "message_fr",
            "explanation_en", "explanation_fr", "fix_en", "fix_fr", "sql",
        )  # fmt: skip
        widgets = {
            "sql": UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "false"}),
            **{
                f"{name}_{language}": UnfoldAdminTextareaWidget(attrs={"rows": 3})
                for name in ("message", "explanation", "fix")
                for language in ("en", "fr")
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "profile_name" in self.fields:
            names = Profile.objects.order_by("name").values_list("name", flat=True).distinct()
            self.fields["profile_name"] = forms.ChoiceField(
                label=capfirst(_("profile")),
                choices=[(name, name) for name in names],
                widget=UnfoldAdminSelectWidget,
            )

    def clean_name(self) -> str:
        """A name that no other rule has: findings of all organizations carry it."""
        name: str = self.cleaned_data["name"]
        if self.instance.pk is None and StaffRule.objects.filter(name=name).exists():
            raise forms.ValidationError(_("Another rule has this name."))
        return name

    def clean(self) -> dict[str, Any]:
        """The values, once the query was read, and run over a table without rows."""
        cleaned: dict[str, Any] = super().clean() or {}
        sql, name = cleaned.get("sql"), cleaned.get("profile_name")
        if sql and name and (problem := problem_of(sql, self._profile(name, cleaned))):
            self.add_error("sql", problem)
        return cleaned

    def _profile(self, name: str, cleaned: dict[str, Any]) -> EngineProfile:
        """The newest profile of the name: the organization's own, else the shipped one, else anybody's."""
        owner = cleaned.get("organization") or self.instance.organization
        profiles = Profile.objects.filter(name=name).order_by("-version")
        found = (
            profiles.filter(organization=owner).first()
            or profiles.filter(organization=None).first()
            or profiles.first()
        )
        if found is None:
            raise forms.ValidationError(_("There is no such profile."))
        return EngineProfile.from_descriptor(found.descriptor)


def problem_of(sql: str, profile: EngineProfile) -> str:
    """Why a query is no rule, in the reader's words; empty when it is one."""
    try:
        with tempfile.TemporaryDirectory(prefix="rule-", dir=engine_folder()) as folder:
            engine_rules.check(sql, profile, Path(folder))
    except QueryError as error:
        return error.problem.to(reader_language())
    except SandboxError as error:
        return sentence_of(error.reason)
    return ""


def sentence_of(reason: str) -> str:
    """What the sandbox says of a query, in words."""
    kind, _colon, detail = reason.partition(":")
    match kind:
        case "missing":
            return _("The query must select a column “%(name)s”.") % {"name": detail}
        case "twice":
            return _("The query selects “%(name)s” twice.") % {"name": detail}
        case "type" if detail == "row":
            return _("“row” must be the number that “typed” has in its column “row”.")
        case "type" if detail in ("field", "value", "suggestion"):
            return _("“%(name)s” must be a text.") % {"name": detail}
        case "type":
            return _(
                "“%(name)s” is a text. Messages are read by everybody: a rule may tell numbers, dates and times, "
                "and give a cell as “value”."
            ) % {"name": detail}
        case "failed" if detail:
            return _("The query does not run: %(reason)s") % {"reason": detail}
    return _("The query takes too much time or memory, even over an empty table.")


@admin.register(StaffRule)
class StaffRuleAdmin(StaffAdmin):
    """Own rules; saving a changed one makes a new version, which is off until it was tried and is switched on."""

    form = StaffRuleForm
    list_display = (
        "name",
        "version",
        "display_title",
        "display_owner",
        "profile_name",
        "display_severity",
        "display_state",
    )
    list_select_related = ("organization",)
    list_defer = ("sql",)
    list_filter = ("is_on", "severity")
    search_fields = ("name__istartswith",)
    search_help_text = gettext_lazy("Beginning of the name")
    autocomplete_fields = ("organization",)
    actions = ("switch_rules_on", "switch_rules_off")
    page_actions = actions
    change_form_outer_after_template = "admin/validations/staffrule/help.html"
    fieldsets = (
        (None, {"fields": (("name", "severity"), ("organization", "profile_name"))}),
        (gettext_lazy("What it asks"), {"fields": ("sql",)}),
        (
            gettext_lazy("What it says"),
            {
                "fields": (
                    ("title_en", "title_fr"),
                    ("message_en", "message_fr"),
                    ("explanation_en", "explanation_fr"),
                    ("fix_en", "fix_fr"),
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        """The page on which a rule is tried, beside Django's own addresses."""
        view = self.admin_site.admin_view(self.try_view)
        return [path("<int:pk>/try/", view, name="validations_staffrule_try"), *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: StaffRule | None = None) -> bool:
        """Never: runs of the past name the version they were checked by."""
        return False

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Whether the person may switch rules on and off."""
        return request.user.has_perm(CHANGE)

    def get_readonly_fields(self, request: HttpRequest, obj: StaffRule | None = None) -> tuple[str, ...]:
        """Of a rule that exists, its owner, name and profile are fixed."""
        return ("organization", "name", "profile_name") if obj else ()

    def save_model(self, request: HttpRequest, obj: StaffRule, form: Any, change: bool) -> None:  # noqa: FBT001 -- Django's signature
        """Store the rule as the next version of its name, off and not yet tried."""
        if change and not form.changed_data:
            return
        obj.version = ownrules.next_version(obj)
        obj.created_by = person(request)
        obj.is_on, obj.trial, obj.tried_at = False, {}, None
        obj.pk, obj._state.adding = None, True
        super().save_model(request, obj, form, change=False)

    def page_context(self, request: HttpRequest, row: StaffRule) -> dict[str, Any]:
        """What the query may read, its trial, its other versions, and the way to the trial."""
        links = []
        if request.user.has_perm(CHANGE) and request.user.has_perm(READ_RUNS):
            links.append((reverse("admin:validations_staffrule_try", args=[row.pk]), _("Try on a past run")))
        versions = StaffRule.objects.filter(name=row.name).order_by("-version")
        return {"page_links": links, "versions": versions, "seen_columns": seen_columns(row.profile_name)}

    def applies(self, name: str, row: StaffRule) -> bool:
        """A rule is switched on once this version was tried."""
        return row.is_on if name == "switch_rules_off" else ownrules.can_switch_on(row)

    @admin.action(description=gettext_lazy("Switch on"), permissions=["switch"])
    def switch_rules_on(self, request: HttpRequest, queryset: QuerySet[StaffRule]) -> Any:
        """Check files by these versions from now on."""
        action = ServiceAction(lambda rule, _request: ownrules.switch_on(rule))
        return self.act(request, queryset, "switch_rules_on", action)

    @admin.action(description=gettext_lazy("Switch off"), permissions=["switch"])
    def switch_rules_off(self, request: HttpRequest, queryset: QuerySet[StaffRule]) -> Any:
        """Check files by these rules no longer."""
        action = ServiceAction(lambda rule, _request: ownrules.switch_off(rule))
        return self.act(request, queryset, "switch_rules_off", action)

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What the rule would find in a past run.

        Raises: PermissionDenied for those who may not change rules or not see runs.
        """
        if not (request.user.has_perm(CHANGE) and request.user.has_perm(READ_RUNS)):
            raise PermissionDenied
        rule = StaffRule.objects.filter(pk=pk).first()
        if rule is None:
            raise Http404
        runs = list(trials.runs_to_try(rule)[:OFFERED_RUNS])
        trial, chosen = None, None
        if request.method == "POST":
            chosen = next((run for run in runs if str(run.pk) == request.POST.get("run")), None)
            if chosen is None:
                messages.error(request, _("Choose one of the runs."))
            else:
                trial = trials.try_rule(rule, chosen)
                audit(request, StaffRule, rule.pk, str(rule), "try_rule")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try “%(title)s” on a past run") % {"title": rule.title},
            "opts": self.opts,
            "rule": rule,
            "runs": runs,
            "chosen": chosen,
            "trial": trial,
            "examples": _examples(request, rule, trial),
            "can_switch_on": ownrules.can_switch_on(rule),
        }
        return render(request, "admin/validations/staffrule/try.html", context)

    @admin.display(description=gettext_lazy("title"))
    def display_title(self, rule: StaffRule) -> str:
        """The title in the reader's language."""
        return rule.title

    @admin.display(description=gettext_lazy("belongs to"), ordering="organization__name")
    def display_owner(self, rule: StaffRule) -> str:
        """The organization, or that it holds for all."""
        return link_to(rule.organization) if rule.organization else badge(_("All organizations"), "accent")

    @admin.display(description=gettext_lazy("severity"), ordering="severity")
    def display_severity(self, rule: StaffRule) -> str:
        """How much a finding matters."""
        return badge(Severity(rule.severity).label, SEVERITY_KINDS[rule.severity])

    @admin.display(description=gettext_lazy("state"), ordering="is_on")
    def display_state(self, rule: StaffRule) -> str:
        """Whether files are checked by it, or what is missing for that."""
        if rule.is_on:
            return badge(_("On"), "ok")
        return badge(_("Off"), "muted") if rule.tried_at else badge(_("Not tried yet"), "warn")


def seen_columns(profile_name: str) -> list[tuple[str, str, str]]:
    """Name, type and title of each column that a rule of the profile may read."""
    profile = Profile.objects.filter(name=profile_name).order_by("-version").first()
    if profile is None:
        return []
    engine = EngineProfile.from_descriptor(profile.descriptor)
    titles = {field.column: field.title.to(reader_language()) for field in engine.fields}
    return [(name, kind, titles.get(name, "")) for name, kind, _sql in columns_of(plan(engine, {}, {}))]


def _examples(request: HttpRequest, rule: StaffRule, trial: trials.Trial | None) -> list[dict[str, Any]]:
    """The first findings; cells for those who may see records."""
    if trial is None:
        return []
    sees_cells = request.user.has_perm(READ_RECORDS)
    language = reader_language()
    return [
        {
            "line": example.line,
            "message": trials.message_of(rule, example, language),
            "value": example.value if sees_cells else "•••",
            "suggestion": (example.suggestion or "") if sees_cells else "",
        }
        for example in trial.examples
    ]
