"""A run beside an earlier one of its kind: what is fixed, what is new, what is still there."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from validations import comparing, pages
from validations.looks import note_look
from validations.models import RunStatus, ValidationRun
from validations.veil import may_see_patients
from validations.views.shared import VIEW, enter, find_run, person


@login_required
@require_GET
def run_compare(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """How a run differs from the one before it, or from another earlier one that is chosen."""
    organization = enter(request, slug, VIEW)
    run = find_run(organization, run_id)
    if run.status != RunStatus.COMPLETED:
        raise Http404
    earlier = _chosen(run, request.GET.get("with", ""))
    context: dict[str, Any] = {
        "nav": "runs",
        "run": run,
        "earlier": earlier,
        "offered": comparing.earlier_runs(run).defer("reading")[: comparing.OFFERED],
    }
    if earlier is not None and comparing.is_comparable(earlier) and comparing.is_comparable(run):
        context["is_masked"] = not may_see_patients(request.user, run)
        context |= pages.comparison(run, earlier, request.GET, person(request))
        if context["page"] and not context["is_masked"]:
            note_look(request, earlier if context["kind"] == "fixed" else run)
    return render(request, "validations/run_compare.html", context)


def _chosen(run: ValidationRun, text: str) -> ValidationRun | None:
    """The earlier run of the address, else the one before.

    Raises: Http404 for an id that is none of the organization's earlier runs of this kind.
    """
    if not text:
        return comparing.previous_run(run)
    try:
        found = comparing.earlier_runs(run).filter(pk=uuid.UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise Http404
    return found
