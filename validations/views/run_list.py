"""The runs of an organization, newest first, and live."""

from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import pgettext, pgettext_lazy
from django.views.decorators.http import require_GET

from jobs.live import Snapshot, event_response
from organizations.access import enter_organization, while_signed_in
from organizations.models import Organization
from validations import pages
from validations.models import RunStatus
from validations.querysets import (
    Page,
    runs_list,
    status_counts,
)
from validations.trends import Week, first_pass
from validations.views.shared import VIEW, enter

# Several runs are spoken of otherwise than one where words have a gender.
TABS = {
    RunStatus.QUEUED.value: pgettext_lazy("runs", "Waiting"),
    RunStatus.PROCESSING.value: pgettext_lazy("runs", "In progress"),
    RunStatus.COMPLETED.value: pgettext_lazy("runs", "Completed"),
    RunStatus.FAILED.value: pgettext_lazy("runs", "Could not be processed"),
    RunStatus.CANCELLED.value: pgettext_lazy("runs", "Cancelled"),
}


@login_required
@require_GET
def run_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The organization's runs, newest first."""
    organization = enter(request, slug, VIEW)
    context = _list_context(request, organization)
    weeks = [] if context["is_filtered"] or context["page"].number > 1 else first_pass(organization)
    return render(
        request,
        "validations/run_list.html",
        context | {"weeks": pages.week_bars(weeks), "chart": _chart(weeks)},
    )


def _chart(weeks: list[Week]) -> dict[str, Any]:
    """The sums over all weeks of the chart, and its width."""
    files, accepted = sum(week.files for week in weeks), sum(week.files_accepted for week in weeks)
    return {
        "width": len(weeks) * 10,
        "files": files,
        "accepted": accepted,
        "percent": round(accepted * 100 / files) if files else None,
    }


@login_required
@require_GET
def run_list_progress(request: HttpRequest, slug: str) -> HttpResponse:
    """The list as it is now, for a page that is open."""
    organization = enter(request, slug, VIEW)
    return JsonResponse(dict(_list_snapshot(request, organization).data))


@login_required
@require_GET
def run_list_events(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The list each time that one of its runs changes."""
    organization = enter(request, slug, VIEW)
    page: Page = _list_context(request, organization)["page"]
    topics = [f"job:{run.job_id}" for run in page.items if run.is_active]
    return event_response(
        topics=topics,
        load=while_signed_in(request, partial(_list_snapshot, request, organization)),
        owner=request.user.pk,
    )


def _list_context(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    status = request.GET.get("status", "")
    status = status if status in RunStatus.values else ""
    search = request.GET.get("q", "").replace("\0", "")[:100]
    filters = pages.Filters.of(request.GET)
    page = runs_list(organization, status=status, search=search, page=filters.page)
    counts = status_counts(organization)
    tabs = [("", pgettext("runs", "All"), sum(counts.values()))]
    tabs += [(value, str(label), counts[value]) for value, label in TABS.items()]
    return {
        "nav": "runs",
        "organization": organization,
        "page": page,
        "tabs": tabs,
        "status": status,
        "search": search,
        "is_live": any(run.is_active for run in page.items),
        "is_filtered": bool(status or search),
    }


def _list_snapshot(request: HttpRequest, organization: Organization) -> Snapshot:
    """The rows of the list; the person's right is asked anew each time.

    Raises: Http404 or PermissionDenied once they may no longer see them.
    """
    enter_organization(request, organization.slug, VIEW)
    context = _list_context(request, organization)
    html = render_to_string("validations/_runs.html", context, request=request)
    return Snapshot({"html": html, "done": not context["is_live"]}, done=not context["is_live"])
