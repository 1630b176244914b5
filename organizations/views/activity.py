"""What was done in an organization: its own lines of the audit trail."""

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from jobs import audit, trail
from jobs.models import ActionKind, AuditEntry
from jobs.trail import TrailFilters
from organizations.access import enter_organization
from organizations.models import Organization
from organizations.roles import Permission

# What operators of the site do to jobs is not an organization's to read.
_OF_OPERATORS = frozenset(
    {
        ActionKind.BULK,
        ActionKind.PAUSE,
        ActionKind.RESUME,
        ActionKind.CLEAR_HINTS,
        ActionKind.SEND_AGAIN,
        ActionKind.CROSSED_BORDER,
    }
)
_PAGES = {"run": "validations:run-detail", "role": "organization:role-detail"}


@login_required
@require_GET
def activity(request: HttpRequest, slug: str) -> HttpResponse:
    """Who did what, the newest first."""
    organization = enter_organization(request, slug, Permission.VIEW_AUDIT)
    filters = TrailFilters.of(request.GET.dict())
    before = request.GET.get("before", "")
    known = before.isascii() and before.isdigit() and len(before) <= 18
    page = trail.page_of(filters.over(_lines(organization)), int(before) if known else None)
    context = {
        "section": "activity",
        "filters": filters,
        "kinds": [(kind.value, kind.label) for kind in ActionKind if kind not in _OF_OPERATORS],
        "rows": [(line, trail.what_of(line), _address(organization, line)) for line in page.lines],
        "before": page.before,
    }
    return render(request, "organizations/activity.html", context)


@login_required
@require_GET
def activity_csv(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The same lines for a spreadsheet; that they were taken away is a line itself."""
    organization = enter_organization(request, slug, Permission.VIEW_AUDIT)
    filters = TrailFilters.of(request.GET.dict())
    # Of the address nothing else is kept: anybody can make one up, with any value in it.
    details = {"filters": filters.asked}
    audit.record(request, ActionKind.EXPORT, "trail", tenant_id=organization.pk, details=details)
    delimiter = ";" if (get_language() or "").startswith("fr") else ","
    blocks = trail.as_csv(filters.over(_lines(organization)), delimiter)
    response = StreamingHttpResponse(blocks, content_type="text/csv; charset=utf-8")
    name = f"activity-{organization.slug}.csv"
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=name) or ""
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _lines(organization: Organization) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(tenant_id=organization.pk).exclude(action__in=_OF_OPERATORS)


def _address(organization: Organization, line: AuditEntry) -> str:
    """The page of what it was done to, where there is one; what is gone answers 404 there."""
    if line.target_kind not in _PAGES or not line.target:
        return ""
    try:
        return reverse(_PAGES[line.target_kind], args=[organization.slug, line.target])
    except NoReverseMatch:
        return ""
