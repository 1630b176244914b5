"""The JSON API of validations; documented at /api/docs."""

from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, File, Form, Query, Router, Status
from ninja.files import UploadedFile
from pydantic import StringConstraints

from jobs.api.bodies import CamelSchema, ErrorBody
from organizations.access import memberships_of
from organizations.models import Organization
from validations import batches, services
from validations.failures import sentence
from validations.intake import UploadRefusedError
from validations.looks import note_look
from validations.models import Finding, Profile, RunBatch, ValidationRun
from validations.querysets import FindingFilter, findings_page, profiles_for
from validations.sentences import message_of, reader_language
from validations.veil import veil_for

R = TypeVar("R", ValidationRun, RunBatch)

router = Router(tags=["validations"], by_alias=True)


# What UploadOptions says about reading.
READING = {"encoding", "delimiter", "quotechar", "escapechar", "header_line", "sheet"}

# PostgreSQL takes no NUL, and would raise.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class AcceptedBody(CamelSchema):
    """What an accepted upload answers."""

    validation_id: UUID
    status: str
    job_id: UUID | None


class BatchFileBody(CamelSchema):
    """One file of a batch: its validation, or why it was not accepted."""

    file_name: str
    validation_id: UUID | None
    status: str = Field(description="queued, processing, completed, failed, cancelled or refused")
    verdict: str | None
    errors: int
    warnings: int
    error: ErrorBody | None


class BatchBody(CamelSchema):
    """Files that were sent together."""

    batch_id: UUID
    percent: int
    done: int
    total: int
    created_at: datetime
    files: list[BatchFileBody]


class ProgressBody(CamelSchema):
    """How far a run is."""

    phase: str
    percent: int
    rows_done: int
    rows_total: int | None


class RunBody(CamelSchema):
    """One run: where it is, how the file was read, what was found."""

    validation_id: UUID
    job_id: UUID | None
    status: str
    file_name: str
    size_bytes: int
    profile: str
    batch_id: UUID | None = Field(description="The files that it was sent with")
    attempt: int
    max_attempts: int
    progress: ProgressBody
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    verdict: str | None = Field(
        description="accepted, accepted_with_warnings or refused; null before the end"
    )
    reading: dict[str, Any]
    summary: dict[str, Any]
    error: ErrorBody | None


class FindingBody(CamelSchema):
    """One finding; `line` is the physical line of the file, the first being 1."""

    code: str
    severity: str
    line: int | None
    row: int | None
    column: str
    field: str
    value: str
    message: str
    suggestion: str | None
    amount_cents: int | None


class FindingsBody(CamelSchema):
    """One page of a run's findings."""

    total: int
    page: int
    pages: int
    items: list[FindingBody]


class UploadOptions(CamelSchema):
    """How to read the file, where the sender knows better; and which profile to check by."""

    organization: Text = Field(
        "", description="Only for a signed-in browser: the address of the organization"
    )
    profile: Text = ""
    encoding: str = ""
    delimiter: str = ""
    quotechar: str = ""
    escapechar: str = ""
    header_line: int | None = Field(
        None, description="The line of the column names; 0 means that there are none"
    )
    sheet: int | None = Field(None, description="The sheet of a workbook by its number, the first being 1")
    replaces: UUID | None = Field(
        None, description="The validation whose file this one corrects: its lines do not count as billed"
    )


class FindingFilters(CamelSchema):
    """Which findings, in which order."""

    code: Text = ""
    severity: Text = ""
    column: int | None = None
    value: Text | None = None
    search: Text = ""
    sort: str = "line"
    page: int = 1
    per_page: int = 100


@router.post(
    "",
    response={202: AcceptedBody, 403: ErrorBody, 413: ErrorBody, 422: ErrorBody, 429: ErrorBody},
    summary="Send a billing file",
)
def create_validation(
    request: HttpRequest, file: File[UploadedFile], options: Form[UploadOptions]
) -> Status[AcceptedBody]:
    """Store one file and record its run; the check itself happens in the background.

    Send an `Idempotency-Key` header to be able to repeat the request safely.
    """
    organization = _organization(request, options.organization, "validations.add_validationrun")
    run, _created = services.create_run(
        organization=organization,
        user=request.user,  # type: ignore[arg-type]  # authenticated by API_AUTH
        upload=file,
        profile=_profile(organization, options.profile),
        options=options.dict(include=READING),
        idempotency_key=request.headers.get("Idempotency-Key", "")[:100],
        replaces=_replaced(organization, options.replaces),
    )
    return Status(202, AcceptedBody(validation_id=run.pk, status=run.status, job_id=run.job_id))


@router.post(
    "/batches",
    response={202: BatchBody, 403: ErrorBody, 413: ErrorBody, 422: ErrorBody, 429: ErrorBody},
    summary="Send several billing files together",
)
def create_batch(
    request: HttpRequest, files: File[list[UploadedFile]], options: Form[UploadOptions]
) -> Status[BatchBody]:
    """Store the files and record a run for each; one that is refused does not keep the others out.

    Send an `Idempotency-Key` header to be able to repeat the request safely. Where no file is accepted, the gravest
    refusal is answered.
    """
    organization = _organization(request, options.organization, "validations.add_validationrun")
    if options.replaces:
        raise UploadRefusedError("replaces-one")
    if len(files) > settings.UPLOAD_MAX_FILES:
        raise UploadRefusedError("too-many-files", count=settings.UPLOAD_MAX_FILES)
    received = batches.receive(
        organization=organization,
        user=request.user,  # type: ignore[arg-type]  # authenticated by API_AUTH
        files=files,
        profile=_profile(organization, options.profile),
        options=options.dict(include=READING),
        key=request.headers.get("Idempotency-Key", "")[:60] or str(uuid4()),
    )
    if received.batch is None:
        raise max((refusal for _file, refusal in received.refusals), key=lambda refusal: refusal.status)
    return Status(202, _batch_body(received.batch))


@router.get("/batches/{uuid:batch_id}", response=BatchBody, summary="Follow files that were sent together")
def get_batch(request: HttpRequest, batch_id: UUID) -> BatchBody:
    """How far the files of a batch are, each with what was found in it."""
    batches_known = RunBatch.unscoped.select_related("organization")
    batch = _visible(request, batches_known, batch_id, "validations.view_validationrun")
    return _batch_body(batch)


@router.get("/{uuid:validation_id}", response=RunBody, summary="Follow a run")
def get_validation(request: HttpRequest, validation_id: UUID) -> RunBody:
    """Where a run is and, once it is completed, what was found."""
    run = find_validation(request, validation_id, "validations.view_validationrun")
    veil = veil_for(request.user, run)
    job = run.job
    return RunBody(
        validation_id=run.pk,
        job_id=run.job_id,
        status=run.status,
        file_name=run.file_name,
        size_bytes=run.size_bytes,
        profile=str(run.profile),
        batch_id=run.batch_id,
        attempt=job.attempt if job else 0,
        max_attempts=job.max_attempts if job else 0,
        progress=ProgressBody(
            phase=run.phase, percent=run.progress_percent, rows_done=run.rows_done, rows_total=run.rows_total
        ),
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        verdict=run.verdict or None,
        reading=veil.over_reading(run.reading),
        summary=veil.over_summary(run.summary),
        error=_error_of(run),
    )


@router.get("/{uuid:validation_id}/findings", response=FindingsBody, summary="Read what to fix")
def list_findings(request: HttpRequest, validation_id: UUID, filters: Query[FindingFilters]) -> FindingsBody:
    """One page of what was found, at most 500 a page."""
    run = find_validation(request, validation_id, "validations.view_finding")
    veil = veil_for(request.user, run)
    wanted = FindingFilter(
        **filters.dict(include={"code", "severity", "column", "value", "search"}), veil=veil
    )
    page = findings_page(run, wanted, sort=filters.sort, page=filters.page, per_page=filters.per_page)
    if page.items and not veil.is_drawn:
        note_look(request, run)
    language = reader_language()
    return FindingsBody(
        total=page.total,
        page=page.number,
        pages=page.page_count,
        items=[_finding_body(finding, language) for finding in veil.over_all(page.items)],
    )


def _finding_body(finding: Finding, language: str) -> FindingBody:
    return FindingBody(
        code=finding.code,
        severity=finding.severity,
        line=finding.line,
        row=finding.row,
        column=finding.column_label,
        field=finding.field,
        value=finding.value,
        message=message_of(finding, language),
        suggestion=finding.suggestion,
        amount_cents=finding.amount_cents,
    )


def _organization(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization of the key, the named one, or the person's only one.

    Raises: Http404 for outsiders; PermissionDenied for members whose role lacks the permission.
    """
    organization: Organization | None = getattr(request, "organization", None)
    if organization is None:
        memberships = memberships_of(request.user)
        found = list(memberships.filter(organization__slug=slug) if slug else memberships[:2])
        if len(found) != 1:
            raise Http404
        organization = found[0].organization
    if not request.user.has_perm(permission, organization):
        raise PermissionDenied
    return organization


def find_validation(request: HttpRequest, run_id: UUID, permission: str) -> ValidationRun:
    """The run, for somebody with that right in its organization.

    Raises: Http404 for everybody else.
    """
    runs = ValidationRun.unscoped.select_related("profile", "job", "organization")
    return _visible(request, runs, run_id, permission)


def _visible(request: HttpRequest, rows: QuerySet[R], pk: UUID, permission: str) -> R:
    """The row of the key's organization, or of one of the person's, for somebody with that right there.

    Raises: Http404 for everybody else.
    """
    organization: Organization | None = getattr(request, "organization", None)
    if organization is not None:
        rows = rows.filter(organization=organization)
    else:
        rows = rows.filter(organization__in=memberships_of(request.user).values("organization"))
    row = rows.filter(pk=pk).first()
    if row is None or not request.user.has_perm(permission, row):
        raise Http404
    return row


def _replaced(organization: Organization, run_id: UUID | None) -> ValidationRun | None:
    """The organization's run that the sender names, if any.

    Raises: Http404 when it has none of that id.
    """
    runs = ValidationRun.objects.for_organization(organization)
    return get_object_or_404(runs, pk=run_id) if run_id else None


def _batch_body(batch: RunBatch) -> BatchBody:
    summary = batches.summary(batch)
    files = [
        BatchFileBody(
            file_name=run.file_name,
            validation_id=run.pk,
            status=run.status,
            verdict=run.verdict or None,
            errors=run.error_count,
            warnings=run.warning_count,
            error=_error_of(run),
        )
        for run in summary.runs
    ]
    files += [
        BatchFileBody(
            file_name=refusal.name,
            validation_id=None,
            status="refused",
            verdict=None,
            errors=0,
            warnings=0,
            error=ErrorBody(code=refusal.code, message=refusal.message),
        )
        for refusal in summary.refusals
    ]
    return BatchBody(
        batch_id=batch.pk,
        percent=summary.percent,
        done=summary.done,
        total=len(summary.runs),
        created_at=batch.created_at,
        files=files,
    )


def _error_of(run: ValidationRun) -> ErrorBody | None:
    """Why the run could not be processed, where it could not."""
    if not run.error_code:
        return None
    return ErrorBody(code=run.error_code, message=sentence(run.error_code, run.error_params))


def _profile(organization: Organization, name: str) -> Profile:
    profile = profiles_for(organization).filter(name=name or settings.DEFAULT_PROFILE).first()
    if profile is None:
        raise UploadRefusedError("profile-unknown")
    return profile
