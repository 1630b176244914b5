"""The operations page and the ones beside it: how the work stands, kept current without a reload."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from jobs import analyses, live, pauses, roles
from jobs.admin import alerts, errors, overview, workers
from jobs.admin import pauses as pause_pages
from jobs.admin.base import while_allowed
from jobs.admin.charts import count_text, ms_text, percent_text
from jobs.admin.overview import View
from jobs.admin.pages import page, respond, rights

# Parts of the page that change by themselves, each a template of that name.
REGIONS = ("health", "alerts", "totals", "queues", "charts", "now", "troubles")
TASKS_SHOWN = 100
SLOW_SHOWN = 50


@page
def operations(request: HttpRequest) -> HttpResponse:
    """How everything stands."""
    view = View.of(request)
    context = {**overview.snapshot(view), **rights(request.user)}
    return respond(
        request,
        "overview.html",
        _("Operations"),
        "operations",
        regions=[(name, drawn(name, context)) for name in REGIONS],
        stamp=stamp(context),
        query=view.query(),
        view=view,
    )


@page
def events(request: HttpRequest) -> HttpResponseBase:
    """The parts of the page that changed, as they change."""
    # Only of this stream: a new one begins with everything.
    shown: dict[str, str] = {}
    view = View.of(request)

    def load(user: Any) -> live.Snapshot | None:
        state = state_of(view, user)
        changed = {name: html for name, html in state["regions"].items() if shown.get(name) != html}
        shown.update(changed)
        return live.Snapshot({**state, "regions": changed})

    allowed = while_allowed(request, roles.VIEW_OPERATIONS, load)
    return live.event_response(topics=[pauses.TOPIC], load=allowed, owner=request.user.pk)


@page
def state(request: HttpRequest) -> JsonResponse:
    """All parts of the page, for browsers without a stream."""
    return JsonResponse(state_of(View.of(request), request.user))


def state_of(view: View, user: Any) -> dict[str, Any]:
    """All parts of the page, and when that was."""
    context = {**overview.snapshot(view), **rights(user)}
    return {
        "regions": {name: drawn(name, context) for name in REGIONS},
        "stamp": stamp(context),
        "kind": context["health"]["kind"],
        "say": context["health"]["text"],
    }


def drawn(name: str, context: Mapping[str, Any]) -> str:
    """One part of the page."""
    return render_to_string(f"admin/jobs/operations/_{name}.html", dict(context))


def stamp(context: Mapping[str, Any]) -> str:
    """When the numbers were read, to the second."""
    return f"{localtime(context['at']):%H:%M:%S}"


@page
def tasks(request: HttpRequest) -> HttpResponse:
    """What each task did, and how long it took."""
    view = View.of(request)
    reading = analyses.read(view.period, queue=view.queue)
    rows = [
        {
            "queue": queue,
            "task": task,
            "started": count_text(tally.started),
            "succeeded": count_text(tally.succeeded),
            "broken": count_text(tally.broken),
            "failed": percent_text(tally.failure_share),
            "is_failing": (tally.failure_share or 0) > overview.MANY_FAILURES,
            "wait_p95": ms_text(tally.wait_percentile_ms(0.95)),
            "mean": ms_text(tally.mean_run_ms),
            "p50": ms_text(tally.run_percentile_ms(0.5)),
            "p95": ms_text(tally.run_percentile_ms(0.95)),
            "p99": ms_text(tally.run_percentile_ms(0.99)),
            "longest": ms_text(tally.longest_run_ms if tally.runs and sum(tally.runs) else None),
        }
        for queue, task, tally in reading.by_task()[:TASKS_SHOWN]
    ]
    return respond(request, "tasks.html", _("Tasks"), "operations_tasks", rows=rows, view=view)


@page
def slow(request: HttpRequest) -> HttpResponse:
    """The longest attempts."""
    view = View.of(request)
    task = request.GET.get("task", "")[:150]
    rows = overview.slow_rows(view, view.period, SLOW_SHOWN, task=task)
    return respond(request, "slow.html", _("Slow jobs"), "operations_slow", rows=rows, view=view, task=task)


def urls() -> list[URLPattern]:
    """The addresses of all these pages."""
    return [
        path("", operations, name="operations"),
        path("events/", events, name="operations_events"),
        path("state/", state, name="operations_state"),
        path("tasks/", tasks, name="operations_tasks"),
        path("slow/", slow, name="operations_slow"),
        *errors.urls(),
        *workers.urls(),
        *alerts.urls(),
        *pause_pages.urls(),
    ]
