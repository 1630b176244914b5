"""What can be taken away from a run: sent at once where it is small, else made by a worker."""

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from jobs.live import Snapshot, event_response
from jobs.models import JobStatus
from organizations.access import enter_organization, while_signed_in
from organizations.models import Organization
from validations import export_services, pages
from validations.downloads import BlocksResponse, Pieces, file_name
from validations.exports import Format, Wanted, formats
from validations.exports.csv import FindingsCsv
from validations.failures import sentence
from validations.models import Export, ExportStatus, RunStatus, ValidationRun
from validations.querysets import find_export
from validations.views.shared import EXPORT, VIEW_FINDING, as_download, enter, find_run, person


@login_required
@require_GET
def run_findings_csv(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """The findings that fit the filters, as a file for a spreadsheet of the reader's language."""
    run = find_run(_enter(request, slug), run_id)
    return _sent(request, run, formats[FindingsCsv.name], wanted_of(request.GET))


@login_required
@require_POST
def run_export(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """The file that was asked for; or, where that takes a while, the page on which it appears."""
    run = find_run(_enter(request, slug), run_id)
    kind = formats.get(request.POST.get("format", ""))
    if kind is None or run.status != RunStatus.COMPLETED:
        raise Http404
    wanted = wanted_of(request.POST)
    if export_services.is_direct(run, kind):
        return _sent(request, run, kind, wanted)
    export = export_services.request_export(run=run, kind=kind, wanted=wanted, by=person(request))
    return redirect(_address_of(run, export))


@login_required
@require_GET
def export_detail(request: HttpRequest, slug: str, run_id: uuid.UUID, export_id: uuid.UUID) -> HttpResponse:
    """How far a file is, and once it is made, the file."""
    run, export = _find(_enter(request, slug), run_id, export_id)
    return render(request, "validations/export.html", {"nav": "runs", "run": run, **_state(export)})


@login_required
@require_GET
def export_progress(request: HttpRequest, slug: str, run_id: uuid.UUID, export_id: uuid.UUID) -> HttpResponse:
    """How far a file is now, for a page that is open."""
    organization = _enter(request, slug)
    return JsonResponse(dict(_snapshot(request, organization, run_id, export_id).data))


@login_required
@require_GET
def export_events(
    request: HttpRequest, slug: str, run_id: uuid.UUID, export_id: uuid.UUID
) -> HttpResponseBase:
    """How far a file is, each time that it changes."""
    organization = _enter(request, slug)
    _run, export = _find(organization, run_id, export_id)
    load = partial(_snapshot, request, organization, run_id, export_id)
    return event_response(
        topics=[f"job:{export.job_id}"], load=while_signed_in(request, load), owner=request.user.pk
    )


@login_required
@require_GET
def export_file(request: HttpRequest, slug: str, run_id: uuid.UUID, export_id: uuid.UUID) -> HttpResponseBase:
    """The made file, for as long as it is kept."""
    run, export = _find(_enter(request, slug), run_id, export_id)
    try:
        if not export_services.take_export(export=export, by=person(request)):
            return redirect(_address_of(run, export))
        return made_file(export)
    except FileNotFoundError:
        messages.error(request, _("The file is no longer stored. Ask for it again."))
        return redirect(_address_of(run, export))


@login_required
@require_POST
def export_cancel(request: HttpRequest, slug: str, run_id: uuid.UUID, export_id: uuid.UUID) -> HttpResponse:
    """Stop the making of a file."""
    run, export = _find(_enter(request, slug), run_id, export_id)
    export_services.cancel_export(export=export, by=person(request))
    return redirect(_address_of(run, export))


def made_file(export: Export) -> HttpResponseBase:
    """The answer with a made file.

    Raises: FileNotFoundError when it is not stored.
    """
    kind = formats[export.format]
    response = BlocksResponse(Pieces(export.file.open("rb")), content_type=kind.content_type)
    response.headers["Content-Length"] = str(export.size_bytes)
    return as_download(response, file_name(export.run, kind))


def wanted_of(fields: Any) -> Wanted:
    """The findings that the filters of a page ask for."""
    filters = pages.Filters.of(fields)
    return Wanted(
        code="" if filters.code == pages.EVERYTHING else filters.code,
        severity=filters.severity,
        column=filters.column,
        value=filters.value,
        search=filters.search,
        sort=filters.sort,
    )


def _enter(request: HttpRequest, slug: str) -> Organization:
    """The organization, for somebody who may take data away and may see what is in it.

    Raises: Http404 for outsiders; PermissionDenied for members whose role lacks one of the two.
    """
    organization = enter(request, slug, EXPORT)
    if not request.user.has_perm(VIEW_FINDING, organization):
        raise PermissionDenied
    return organization


def _find(
    organization: Organization, run_id: uuid.UUID, export_id: uuid.UUID
) -> tuple[ValidationRun, Export]:
    export = find_export(organization, run_id, export_id)
    if export is None:
        raise Http404
    return export.run, export


def _sent(request: HttpRequest, run: ValidationRun, kind: Format, wanted: Wanted) -> HttpResponseBase:
    """The file, made while it is sent."""
    blocks: Iterator[bytes] = export_services.send_now(run=run, kind=kind, wanted=wanted, by=person(request))
    return as_download(BlocksResponse(blocks, content_type=kind.content_type), file_name(run, kind))


def _state(export: Export) -> dict[str, Any]:
    """What the page shows of a file."""
    job = export.job
    total = job.progress_total if job else 0
    return {
        "export": export,
        "kind": formats.get(export.format),
        "reason": sentence(export.error_code, {}) if export.error_code else "",
        "is_active": export.status == ExportStatus.WAITING,
        "is_ready": export_services.is_takeable(export),
        "is_running": job is not None and job.status == JobStatus.RUNNING,
        "is_cancelling": job is not None and job.cancel_requested_at is not None,
        "rows_done": job.progress_done if job else 0,
        "rows_total": total,
        "percent": round(job.progress_done * 100 / total) if job and total else 0,
    }


def _snapshot(
    request: HttpRequest, organization: Organization, run_id: uuid.UUID, export_id: uuid.UUID
) -> Snapshot:
    """The live part of a file's page; the person's right is asked anew each time.

    Raises: Http404 or PermissionDenied once they may no longer see it.
    """
    enter_organization(request, organization.slug, EXPORT)
    run, export = _find(organization, run_id, export_id)
    state = _state(export)
    title = f"{export.get_status_display()} – {run.file_name}"
    if not state["is_active"]:
        return Snapshot({"done": True, "html": "", "title": title, "say": title}, done=True)
    html = render_to_string("validations/_export_live.html", {"run": run, **state}, request=request)
    return Snapshot({"done": False, "html": html, "title": title, "say": title})


def _address_of(run: ValidationRun, export: Export) -> str:
    return reverse("validations:export-detail", args=[run.organization.slug, run.pk, export.pk])
