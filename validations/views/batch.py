"""Files that were sent together: how far they are, what was found in all of them, and each with its own page."""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from jobs.live import Snapshot, event_response
from organizations.access import enter_organization, while_signed_in
from organizations.models import Organization
from validations import batches
from validations.batches import Summary
from validations.models import RunBatch
from validations.views.shared import CHANGE, VIEW, batch_address, enter, person


@login_required
@require_GET
def batch_detail(request: HttpRequest, slug: str, batch_id: uuid.UUID) -> HttpResponse:
    """One progress bar, one summary, and a line for each file."""
    organization = enter(request, slug, VIEW)
    return render(request, "validations/batch.html", _context(organization, batch_id) | {"nav": "runs"})


@login_required
@require_GET
def batch_progress(request: HttpRequest, slug: str, batch_id: uuid.UUID) -> HttpResponse:
    """How far the files are now, for a page that is open."""
    organization = enter(request, slug, VIEW)
    return JsonResponse(dict(_snapshot(request, organization, batch_id).data))


@login_required
@require_GET
def batch_events(request: HttpRequest, slug: str, batch_id: uuid.UUID) -> HttpResponseBase:
    """How far the files are, each time that one of them changes."""
    organization = enter(request, slug, VIEW)
    summary: Summary = _context(organization, batch_id)["summary"]
    return event_response(
        topics=[f"job:{run.job_id}" for run in summary.runs if run.is_active],
        load=while_signed_in(request, partial(_snapshot, request, organization, batch_id)),
        owner=request.user.pk,
    )


@login_required
@require_POST
def batch_cancel(request: HttpRequest, slug: str, batch_id: uuid.UUID) -> HttpResponse:
    """Stop every run of the batch that has not ended."""
    organization = enter(request, slug, CHANGE)
    batch = _find(organization, batch_id)
    if not batches.cancel(batch=batch, by=person(request)):
        messages.info(request, _("Every check had already ended."))
    return redirect(batch_address(batch))


def _find(organization: Organization, batch_id: uuid.UUID) -> RunBatch:
    batch = batches.find_batch(organization, batch_id)
    if batch is None:
        raise Http404
    return batch


def _context(organization: Organization, batch_id: uuid.UUID) -> dict[str, Any]:
    batch = _find(organization, batch_id)
    summary = batches.summary(batch)
    files = len(summary.runs) + len(summary.refusals)
    title = ngettext("%(count)s file sent together", "%(count)s files sent together", files) % {
        "count": files
    }
    going = [run.job for run in summary.runs if run.is_active and run.job]
    is_cancelling = bool(going) and all(job.cancel_requested_at is not None for job in going)
    return {
        "organization": organization,
        "batch": batch,
        "summary": summary,
        "batch_title": title,
        "is_cancelling": is_cancelling,
    }


def _snapshot(request: HttpRequest, organization: Organization, batch_id: uuid.UUID) -> Snapshot:
    """The live part of the page; the person's right is asked anew each time.

    Raises: Http404 or PermissionDenied once they may no longer see it.
    """
    enter_organization(request, organization.slug, VIEW)
    context = _context(organization, batch_id)
    summary: Summary = context["summary"]
    done = not summary.active
    say = _("%(done)s of %(total)s files checked") % {"done": summary.done, "total": len(summary.runs)}
    html = render_to_string("validations/_batch.html", context, request=request)
    title = context["batch_title"] if done else f"{summary.percent}% {context['batch_title']}"
    return Snapshot({"html": html, "done": done, "title": title, "say": say}, done=done)
