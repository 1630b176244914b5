"""Error groups: failures of one kind, where they come from, and the way to retry them all."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from jobs import analyses, roles, tenants
from jobs.admin import charts, overview
from jobs.admin.charts import Series, count_text
from jobs.admin.overview import RANGES, View
from jobs.admin.pages import page, respond
from jobs.analyses import Failure
from jobs.models import ActionKind

GROUPS_SHOWN = 50
FAILURES_SHOWN = 25


@page
def errors(request: HttpRequest) -> HttpResponse:
    """The kinds of failure, the most frequent first, and the last failures."""
    view = View.of(request)
    period = view.period
    return respond(
        request,
        "errors.html",
        _("Errors"),
        "operations_errors",
        view=view,
        groups=overview.error_rows(period, GROUPS_SHOWN),
        failures=failure_rows(analyses.recent_failures(period, FAILURES_SHOWN)),
    )


@page
def error(request: HttpRequest, group: str) -> HttpResponse:
    """One kind of failure.

    Raises: Http404 when no failed job is of it.
    """
    view = View.of(request)
    history = analyses.group_history(group)
    if not history.count:
        raise Http404
    period = view.period
    found = analyses.error_groups(period, 1, group=group)
    failures = analyses.recent_failures(period, FAILURES_SHOWN, group=group)
    newest = failures or analyses.recent_failures(analyses.Period.last(RANGES["30d"][0]), 1, group=group)
    parts = [
        period.since + number * period.length / analyses.GROUP_POINTS
        for number in range(analyses.GROUP_POINTS)
    ]
    counts = found[0].counts if found else [0] * analyses.GROUP_POINTS
    chart = charts.bars(
        "group", _("How often"), "", parts, [Series(_("failures"), "error", list(counts))], count_text
    )
    chosen = f"?error_group={group}&status=failed"
    return respond(
        request,
        "error.html",
        newest[0].error_class if newest else _("Error group"),
        "operations_errors",
        view=view,
        group=group,
        history=history,
        newest=newest[0] if newest else None,
        failures=failure_rows(failures),
        chart=chart,
        jobs_url=reverse("admin:jobs_job_changelist") + chosen,
        retry_url=f"{reverse('admin:jobs_job_bulk')}{chosen}&action={ActionKind.RETRY}",
        may_retry=request.user.has_perms([roles.BULK_JOB, roles.RETRY_JOB]),
    )


def failure_rows(failures: list[Failure]) -> list[dict[str, object]]:
    """Failures with the address of their job and the name of their organization."""
    names = tenants.names([failure.tenant_id for failure in failures])
    return [
        {
            "failure": failure,
            "url": reverse("admin:jobs_job_change", args=[failure.job_id]),
            "tenant": names.get(failure.tenant_id or 0, ""),
        }
        for failure in failures
    ]


def urls() -> list[URLPattern]:
    """The addresses of these pages."""
    return [
        path("errors/", errors, name="operations_errors"),
        path("errors/<slug:group>/", error, name="operations_error"),
    ]
