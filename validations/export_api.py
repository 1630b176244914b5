"""The JSON API of files to download: ask for one, follow it, fetch it. Documented at /api/docs."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router, Status

from jobs.api.bodies import CamelSchema, ErrorBody
from organizations.models import User
from validations import export_services
from validations.api import Text, find_validation
from validations.exports import Wanted, formats
from validations.failures import sentence
from validations.models import Export, RunStatus, ValidationRun
from validations.querysets import find_export
from validations.views.downloads import made_file

router = Router(tags=["validations"], by_alias=True)

EXPORT = "validations.export_finding"
VIEW_FINDING = "validations.view_finding"


class ExportRequest(CamelSchema):
    """Which file of a run, and of which findings."""

    format: Text = Field(
        description="corrected-csv, annotated-xlsx, annotated-csv, cleaned-csv, findings-csv, findings-xlsx, "
        "report-json or report-pdf"
    )
    code: Text = ""
    severity: Literal["", "error", "warning", "info"] = ""
    search: Text = ""


class ExportBody(CamelSchema):
    """One file, made or being made."""

    export_id: UUID
    format: str
    status: str = Field(description="waiting, ready, failed, cancelled or expired")
    rows_done: int
    rows_total: int
    size_bytes: int | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None
    url: str | None = Field(
        description="Where to fetch the file; null until it is ready, and once it is deleted"
    )
    error: ErrorBody | None


@router.post(
    "/{uuid:validation_id}/exports",
    response={202: ExportBody, 409: ErrorBody, 422: ErrorBody},
    summary="Ask for a file of a run",
)
def create_export(
    request: HttpRequest, validation_id: UUID, body: ExportRequest
) -> Status[ExportBody | ErrorBody]:
    """A worker makes the file, in the language of the request; a file that is there already is answered again."""
    run = _run(request, validation_id)
    kind = formats.get(body.format)
    if kind is None:
        return Status(422, ErrorBody(code="format-unknown", message=_("There is no such kind of file.")))
    if run.status != RunStatus.COMPLETED:
        return Status(409, ErrorBody(code="not-completed", message=_("The check is not completed.")))
    wanted = Wanted(code=body.code[:60], severity=body.severity, search=body.search)
    export = export_services.request_export(run=run, kind=kind, wanted=wanted, by=_person(request))
    return Status(202, _body(export))


@router.get(
    "/{uuid:validation_id}/exports/{uuid:export_id}",
    response=ExportBody,
    summary="Follow a file that is made",
)
def get_export(request: HttpRequest, validation_id: UUID, export_id: UUID) -> ExportBody:
    """How far the file is and, once it is ready, where to fetch it."""
    return _body(_export(request, validation_id, export_id))


@router.get(
    "/{uuid:validation_id}/exports/{uuid:export_id}/file", response={200: None}, summary="Fetch a file"
)
def get_export_file(request: HttpRequest, validation_id: UUID, export_id: UUID) -> HttpResponseBase:
    """The file; 404 until it is ready, and once it is deleted."""
    export = _export(request, validation_id, export_id)
    try:
        if export_services.take_export(export=export, by=_person(request)):
            return made_file(export)
    except FileNotFoundError:
        pass
    raise Http404


def _run(request: HttpRequest, run_id: UUID) -> ValidationRun:
    """The run, for somebody who may take data away and may see what is in it."""
    find_validation(request, run_id, VIEW_FINDING)
    return find_validation(request, run_id, EXPORT)


def _export(request: HttpRequest, run_id: UUID, export_id: UUID) -> Export:
    run = _run(request, run_id)
    export = find_export(run.organization, run_id, export_id)
    if export is None:
        raise Http404
    return export


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def _body(export: Export) -> ExportBody:
    job = export.job
    is_ready = export_services.is_takeable(export)
    address = reverse("api:get_export_file", args=[export.run_id, export.pk])
    return ExportBody(
        export_id=export.pk,
        format=export.format,
        status=export.status,
        rows_done=job.progress_done if job else 0,
        rows_total=job.progress_total if job else 0,
        size_bytes=export.size_bytes,
        created_at=export.created_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        url=address if is_ready else None,
        error=ErrorBody(code=export.error_code, message=sentence(export.error_code, {}))
        if export.error_code
        else None,
    )
