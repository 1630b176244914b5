"""The frame of the operations pages: who may see them, their tabs, and how an act of an operator is guarded."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from jobs import audit, roles
from jobs.admin.base import check_values
from jobs.models import Alert

# Name of the address -> title of the tab.
TABS = {
    "operations": _("Overview"),
    "operations_tasks": _("Tasks"),
    "operations_errors": _("Errors"),
    "operations_slow": _("Slow jobs"),
    "operations_workers": _("Workers"),
    "operations_alerts": _("Alerts"),
    "operations_pauses": _("Pauses and limits"),
}

AnyView = Callable[..., HttpResponseBase]


def url(name: str, *args: object) -> str:
    """The address of an operations page."""
    return reverse(f"admin:{name}", args=args)


def page(view: AnyView) -> AnyView:
    """A page for staff who may see the operations."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(roles.VIEW_OPERATIONS):
            raise PermissionDenied
        check_values(request)
        return view(request, *args, **kwargs)

    guard: AnyView = admin.site.admin_view(inner)
    return guard


def act(permission: str, action: str, kind: str) -> Callable[[AnyView], AnyView]:
    """An act of an operator: by POST, with that permission; who lacks it is refused, and the try is kept."""

    def decorate(view: AnyView) -> AnyView:
        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            if not request.user.has_perm(permission):
                audit.refuse(
                    request, action, kind, request.POST.get("target") or request.POST.get("queue", "")
                )
            check_values(request)
            return view(request, *args, **kwargs)

        guard: AnyView = admin.site.admin_view(inner)
        return guard

    return decorate


def rights(user: Any) -> dict[str, bool]:
    """Which buttons and links the person gets."""
    return {
        "may_pause": user.has_perm(roles.PAUSE_QUEUE),
        "may_lift": user.has_perm(roles.LIFT_RATE_LIMIT),
        "may_acknowledge": user.has_perm(roles.ACKNOWLEDGE_ALERT),
        "may_see_jobs": user.has_perm(roles.VIEW_JOB),
    }


def respond(request: HttpRequest, template: str, title: object, tab: str, **context: Any) -> HttpResponse:
    """An operations page in the admin's frame."""
    alerts = Alert.objects.standing().filter(acknowledged_at=None).count()
    tabs = [
        {
            "title": name,
            "url": url(key),
            "is_open": key == tab,
            "count": alerts if key == "operations_alerts" else 0,
        }
        for key, name in TABS.items()
    ]
    frame = admin.site.each_context(request)
    return render(
        request,
        f"admin/jobs/operations/{template}",
        {**frame, "title": title, "tabs": tabs, "opts": None, **rights(request.user), **context},
    )


def back(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    """To the page that the button was on."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, allowed_hosts=None) and target.startswith("/")
    return HttpResponseRedirect(target if is_ours else url(otherwise))
