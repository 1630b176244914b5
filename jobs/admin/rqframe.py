"""What all pages of the RQ dashboard share: who may see them, their frame, and Redis that may be away."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_rq.settings import get_queues_list
from redis import RedisError

from jobs import audit, roles
from jobs.admin.rqstates import STATE_LABELS

BULK_ACTIONS = {
    "delete": gettext_lazy("Take out of Redis"),
    "requeue": gettext_lazy("Send again"),
    "stop": gettext_lazy("Cancel the job"),
}


def queue_of(value: str) -> str:
    """The queue of that name, or at that place in django-rq's list.

    Raises: Http404 when there is none.
    """
    names = [queue["name"] for queue in get_queues_list()]
    if value in names:
        return str(value)
    if value.isascii() and value.isdigit() and len(value) < 5 and int(value) < len(names):
        return str(names[int(value)])
    raise Http404


def url(name: str, *args: object) -> str:
    """The address of a page of the dashboard."""
    return reverse(f"admin:django_rq_{name}", args=args)


def may_change(request: HttpRequest) -> bool:
    """Whether the person may act on what stands in Redis."""
    return request.user.has_perm(roles.CHANGE_QUEUE_DASHBOARD)


def respond(
    request: HttpRequest, template: str, title: object, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the dashboard in the admin's frame."""
    frame = admin.site.each_context(request)
    shared = {"title": title, "may_change": may_change(request), "opts": None, "states": STATE_LABELS}
    return render(request, f"django_rq/{template}", {**frame, **shared, **context}, status=status)


def guarded(
    view: Callable[..., HttpResponseBase], *, permission: str = roles.VIEW_QUEUE_DASHBOARD
) -> Callable[..., HttpResponseBase]:
    """The view for staff with the permission; every POST needs the permission to change. Redis may be away."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        needed = roles.CHANGE_QUEUE_DASHBOARD if request.method not in ("GET", "HEAD") else permission
        if not request.user.has_perm(needed) and not (
            needed == roles.VIEW_QUEUE_DASHBOARD and may_change(request)
        ):
            if needed == roles.CHANGE_QUEUE_DASHBOARD and request.method == "POST":
                audit.refuse(request, view.__name__, "queue", kwargs.get("queue", ""))
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except (RedisError, OSError):
            return respond(request, "unavailable.html", _("Redis does not answer"), status=503)

    guard: Callable[..., HttpResponseBase] = admin.site.admin_view(inner)
    return guard


def gone(request: HttpRequest, reason: str) -> HttpResponse:
    """A page that says why there is nothing to show."""
    return respond(request, "gone.html", _("Nothing to show"), status=404, reason=reason)
