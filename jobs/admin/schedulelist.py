"""The list of schedules."""

from typing import Any
from uuid import uuid4

from django.db.models import Count, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from jobs import roles
from jobs.admin.scheduleview import ScheduleView
from jobs.models import Schedule

# A site with more than these finds the others by their names.
ROWS_SHOWN = 200
_STATES = {
    "": (_("All schedules"), Q()),
    "on": (_("On"), Q(paused_at=None, trouble="")),
    "trouble": (_("With trouble"), Q(paused_at=None) & ~Q(trouble="")),
    "paused": (_("Paused"), Q(paused_at__isnull=False)),
}


def show(request: HttpRequest, frame: dict[str, Any]) -> HttpResponseBase:
    """The list, by state and by a text in the name or task."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:150]
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in _STATES else ""
    found = (
        Schedule.objects.filter(Q(name__icontains=text) | Q(task__icontains=text))
        if text
        else Schedule.objects
    )
    counts = found.aggregate(
        **{name or "all": Count("pk", filter=state) for name, (_label, state) in _STATES.items()}
    )
    rows = list(found.filter(_STATES[chosen][1]).order_by("name")[:ROWS_SHOWN])
    context = {
        **frame,
        "title": _("Schedules"),
        "tabs": [(name, label, counts[name or "all"]) for name, (label, _state) in _STATES.items()],
        "chosen": chosen,
        "text": text,
        "schedules": [(ScheduleView(row), uuid4()) for row in rows],
        "hidden": max(0, counts[chosen or "all"] - len(rows)),
        "may_add": request.user.has_perm(roles.ADD_SCHEDULE),
        "may_run": request.user.has_perm(roles.RUN_SCHEDULE),
        "may_pause": request.user.has_perm(roles.PAUSE_SCHEDULE),
    }
    return render(request, "admin/jobs/schedule/list.html", context)
