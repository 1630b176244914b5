"""Pauses and lifted rate limits: which there are, and the forms that make them and end them."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import audit, pauses, roles, tenants
from jobs.admin.base import person
from jobs.admin.pages import act, back, page, respond
from jobs.models import ActionKind, Job, JobStatus

LENGTHS: dict[str, tuple[timedelta, Any]] = {
    "15m": (timedelta(minutes=15), gettext_lazy("for 15 minutes")),
    "1h": (timedelta(hours=1), gettext_lazy("for 1 hour")),
    "4h": (timedelta(hours=4), gettext_lazy("for 4 hours")),
    "24h": (timedelta(days=1), gettext_lazy("for 24 hours")),
}
# What a pause that is about to be made would hold back is counted up to this number.
COUNT_LIMIT = 1000


def _lengths() -> list[tuple[str, Any]]:
    return [(key, label) for key, (_length, label) in LENGTHS.items()]


def _pause_lengths() -> list[tuple[str, Any]]:
    return [("", _("until somebody resumes it")), *_lengths()]


def _queues() -> list[tuple[str, Any]]:
    return [("", _("every queue")), *((policy.name, policy.name) for policy in settings.JOBS_QUEUES)]


def _limited_queues() -> list[tuple[str, Any]]:
    return [(policy.name, f"{policy.name} ({policy.rate})") for policy in settings.JOBS_QUEUES if policy.rate]


class _TimedForm(forms.Form):
    """A reason and an end."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Everybody who sees the queue reads it; it stays in the audit trail."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    exact = forms.DateTimeField(
        label=gettext_lazy("or until exactly"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )

    def clean_exact(self) -> datetime | None:
        """The moment, which lies ahead.

        Raises: ValidationError when it is over.
        """
        exact: datetime | None = self.cleaned_data["exact"]
        if exact is not None and exact <= timezone.now():
            raise forms.ValidationError(_("This time is over: choose a later one."))
        return exact

    @property
    def until(self) -> datetime | None:
        """The end that was chosen, the exact one if both were."""
        length = LENGTHS.get(self.cleaned_data["length"])
        exact: datetime | None = self.cleaned_data["exact"]
        return exact or (timezone.now() + length[0] if length else None)


class PauseForm(_TimedForm):
    """What to pause, why, and until when."""

    queue = forms.ChoiceField(label=gettext_lazy("Queue"), required=False, choices=_queues)
    tenant = forms.CharField(
        label=gettext_lazy("Organization"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Name or number; empty for all organizations."),
        widget=forms.TextInput(attrs={"list": "tenant-names"}),
    )
    length = forms.ChoiceField(label=gettext_lazy("How long"), required=False, choices=_pause_lengths)
    field_order = ["queue", "tenant", "length", "exact", "reason"]

    def clean_tenant(self) -> int | None:
        """The number of the organization.

        Raises: ValidationError when the text fits none, or several.
        """
        text = self.cleaned_data["tenant"].strip()
        if not text:
            return None
        found = tenants.find(text)
        if text.isdecimal() and found[:1] == [int(text)]:
            # A number is meant as one, also when a name has it in it.
            return found[0]
        exact = [
            number for number, name in tenants.names(found).items() if name.casefold() == text.casefold()
        ]
        if len(exact) == 1:
            return exact[0]
        if len(found) != 1:
            message = (
                _("Several organizations fit: write more of the name.")
                if found
                else _("No organization has this name or number.")
            )
            raise forms.ValidationError(message)
        return found[0]

    def clean(self) -> dict[str, Any]:
        """All of it.

        Raises: ValidationError for a pause of everything: that is done by stopping the workers.
        """
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("queue") and cleaned.get("tenant") is None and "tenant" in cleaned:
            raise forms.ValidationError(_("Choose a queue, an organization, or both."))
        return cleaned


class LiftForm(_TimedForm):
    """Which rate limit to lift, why, and until when: never without an end."""

    queue = forms.ChoiceField(label=gettext_lazy("Queue"), choices=_limited_queues)
    length = forms.ChoiceField(label=gettext_lazy("How long"), choices=_lengths)
    field_order = ["queue", "length", "exact", "reason"]


@page
def overview(request: HttpRequest) -> HttpResponse:
    """What is paused or lifted now, and the forms."""
    initial = {"queue": request.GET.get("queue", ""), "length": "1h"}
    return _show(request, PauseForm(initial=initial), LiftForm(initial=initial))


def _show(request: HttpRequest, pausing: PauseForm, lifting: LiftForm, status: int = 200) -> HttpResponse:
    rows = list(pauses.live_pauses().select_related("by").order_by("queue", "tenant_id"))
    names = tenants.names([row.tenant_id for row in rows])
    response = respond(
        request,
        "pauses.html",
        _("Pauses and limits"),
        "operations_pauses",
        pauses=[
            {
                "row": row,
                "tenant": names.get(row.tenant_id or 0, ""),
                "waiting": _held_back(row.queue, row.tenant_id),
            }
            for row in rows
        ],
        lifts=list(pauses.live_lifts().select_related("by")),
        pausing=pausing,
        lifting=lifting,
        tenant_choices=[name for _number, name in tenants.choices(200)],
    )
    response.status_code = status
    return response


def _held_back(queue: str, tenant_id: int | None) -> str:
    """How many ready jobs a pause keeps back."""
    rows = Job.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.HELD])
    rows = rows.filter(queue=queue) if queue else rows
    rows = rows.filter(tenant_id=tenant_id) if tenant_id is not None else rows
    count = rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    return _("more than %(limit)s") % {"limit": COUNT_LIMIT} if count > COUNT_LIMIT else str(count)


@act(roles.PAUSE_QUEUE, ActionKind.PAUSE, "queue")
def pause(request: HttpRequest) -> HttpResponseBase:
    """Pause what the form says."""
    form = PauseForm(request.POST)
    if not form.is_valid():
        return _show(request, form, LiftForm(initial={"length": "1h"}), status=400)
    queue, tenant_id = form.cleaned_data["queue"], form.cleaned_data["tenant"]
    reason, until = form.cleaned_data["reason"], form.until
    with transaction.atomic():
        pauses.pause(queue=queue, tenant_id=tenant_id, reason=reason, until=until, by=person(request))
        _record(request, ActionKind.PAUSE, queue, tenant_id, reason, until)
    messages.success(request, _("Paused. Jobs that run go on; no other one is started."))
    return back(request, "operations_pauses")


@act(roles.PAUSE_QUEUE, ActionKind.RESUME, "queue")
def resume(request: HttpRequest) -> HttpResponseBase:
    """End a pause."""
    queue, number = request.POST.get("target", "")[:50], request.POST.get("tenant", "")
    tenant_id = int(number) if number.isdecimal() and len(number) < 19 else None
    with transaction.atomic():
        was_paused = pauses.resume(queue=queue, tenant_id=tenant_id)
        if was_paused:
            _record(request, ActionKind.RESUME, queue, tenant_id)
    if was_paused:
        messages.success(request, _("Resumed: waiting jobs start again."))
    else:
        messages.info(request, _("Nothing to do: this pause is over."))
    return back(request, "operations_pauses")


@act(roles.LIFT_RATE_LIMIT, ActionKind.LIFT_RATE, "queue")
def lift(request: HttpRequest) -> HttpResponseBase:
    """Lift a rate limit for a time."""
    form = LiftForm(request.POST)
    until = form.until if form.is_valid() else None
    if until is None:
        return _show(request, PauseForm(initial={"length": "1h"}), form, status=400)
    queue, reason = form.cleaned_data["queue"], form.cleaned_data["reason"]
    with transaction.atomic():
        pauses.lift_rate(queue=queue, until=until, reason=reason, by=person(request))
        _record(request, ActionKind.LIFT_RATE, queue, None, reason, until)
    messages.success(request, _("The rate limit of %(queue)s is lifted.") % {"queue": queue})
    return back(request, "operations_pauses")


@act(roles.LIFT_RATE_LIMIT, ActionKind.RESTORE_RATE, "queue")
def restore(request: HttpRequest) -> HttpResponseBase:
    """Let a rate limit hold again."""
    queue = request.POST.get("target", "")[:50]
    with transaction.atomic():
        was_lifted = pauses.restore_rate(queue=queue)
        if was_lifted:
            _record(request, ActionKind.RESTORE_RATE, queue, None)
    if was_lifted:
        messages.success(request, _("The rate limit of %(queue)s holds again.") % {"queue": queue})
    else:
        messages.info(request, _("Nothing to do: this rate limit holds."))
    return back(request, "operations_pauses")


def _record(
    request: HttpRequest,
    action: str,
    queue: str,
    tenant_id: int | None,
    reason: str = "",
    until: datetime | None = None,
) -> None:
    kind, target = ("queue", queue) if queue else ("tenant", str(tenant_id))
    details = {"until": until.isoformat()} if until else {}
    audit.record(request, action, kind, target, tenant_id=tenant_id, reason=reason, details=details)


def urls() -> list[URLPattern]:
    """The addresses of the list, its forms and its buttons."""
    return [
        path("pauses/", overview, name="operations_pauses"),
        path("pauses/pause/", pause, name="operations_pause"),
        path("pauses/resume/", resume, name="operations_resume"),
        path("limits/lift/", lift, name="operations_lift"),
        path("limits/restore/", restore, name="operations_restore"),
    ]
