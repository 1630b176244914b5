"""Alerts: what is wrong, what was, and who has taken it in hand."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from jobs import alerts as alerting
from jobs import audit, census, live, pauses
from jobs.admin import overview
from jobs.admin.base import person
from jobs.admin.pages import act, back, page, respond
from jobs.models import ActionKind, Alert

PAST_SHOWN = 50


@page
def alerts(request: HttpRequest) -> HttpResponse:
    """The alerts that stand, and the last ones that are over."""
    past = Alert.objects.filter(resolved_at__isnull=False, raised_at__isnull=False).order_by("-resolved_at")
    return respond(
        request,
        "alerts.html",
        _("Alerts"),
        "operations_alerts",
        alerts=overview.open_alerts(),
        is_watched=census.leader() is not None,
        past=[overview.alert_row(alert) for alert in past.select_related("acknowledged_by")[:PAST_SHOWN]],
    )


@act("jobs.acknowledge_alert", ActionKind.ACKNOWLEDGE, "alert")
def acknowledge(request: HttpRequest) -> HttpResponseBase:
    """Take an alert in hand: nobody is reminded of it any more.

    Raises: Http404 for an alert that does not exist.
    """
    number = request.POST.get("target", "")
    alert = get_object_or_404(Alert, pk=number if number.isdecimal() and len(number) < 19 else 0)
    with transaction.atomic():
        if alerting.acknowledge(alert=alert, by=person(request)):
            target = f"{alert.kind} {alert.subject}".strip()
            audit.record(request, ActionKind.ACKNOWLEDGE, "alert", target)
            transaction.on_commit(lambda: live.publish(pauses.TOPIC), robust=True)
            messages.success(request, _("Noted: this alert is in your hands."))
        else:
            messages.info(request, _("Nothing to do: it is over, or somebody else has it in hand."))
    return back(request, "operations_alerts")


def urls() -> list[URLPattern]:
    """The addresses of the list and of its button."""
    return [
        path("alerts/", alerts, name="operations_alerts"),
        path("alerts/acknowledge/", acknowledge, name="operations_acknowledge"),
    ]
