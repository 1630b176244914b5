"""Sending files, and the empty file of a profile."""

import csv
import io
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from organizations.models import Organization
from validations import batches, services
from validations.forms import READING_OPTIONS, ReadingForm, UploadForm
from validations.intake import ALLOWED_EXTENSIONS, UploadRefusedError, display_name
from validations.models import ValidationRun
from validations.querysets import (
    profiles_for,
)
from validations.views.shared import ADD, address_of, as_download, batch_address, enter, person, wants_json

# A file as Django hands it over; its type parameter says nothing here.
Upload: TypeAlias = UploadedFile[Any]
Refusals: TypeAlias = list[tuple[Upload, UploadRefusedError]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a form: which file, what about it, and the field to go to."""

    message: str
    name: str = ""
    target: str = "id_files"


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """The upload form; after it the page of the run, or of the batch where several files were sent."""
    organization = enter(request, slug, ADD)
    if request.method != "POST":
        form = UploadForm(organization, initial=_initial(request))
        return _upload_page(request, organization, form, [])
    form = UploadForm(organization, request.POST)
    files = request.FILES.getlist("files")
    problems = _form_problems(organization, form, files)
    if problems:
        return _refused(request, organization, form, problems, status=422)
    address, refusals = _receive(request, organization, form, files)
    if not address:
        gravest = max((refusal for _file, refusal in refusals), key=lambda refusal: refusal.status)
        response = _refused(request, organization, form, _as_problems(refusals), status=gravest.status)
        for name, value in gravest.headers.items():
            response[name] = value
        return response
    if wants_json(request):
        return JsonResponse({"location": address}, status=201)
    return redirect(address)


def _receive(
    request: HttpRequest, organization: Organization, form: UploadForm, files: Sequence[Upload]
) -> tuple[str, Refusals]:
    """Where to go on: to the run of one file or to the batch of several; empty, and why, where none came in."""
    known: dict[str, Any] = {
        "organization": organization,
        "user": person(request),
        "profile": form.chosen_profile,
        "options": form.options,
    }
    key = str(form.cleaned_data["key"])
    if len(files) > 1:
        received = batches.receive(files=files, key=key, **known)
        return (batch_address(received.batch) if received.batch else ""), received.refusals
    (file,) = files
    replaces = _replaced(organization, form.cleaned_data["replaces"])
    try:
        run, _is_new = services.create_run(
            upload=file, idempotency_key=batches.key_of(key, 0, file), replaces=replaces, **known
        )
    except UploadRefusedError as refusal:
        return "", [(file, refusal)]
    return address_of(run), []


def _refused(
    request: HttpRequest,
    organization: Organization,
    form: UploadForm,
    problems: list[Problem],
    *,
    status: int,
) -> HttpResponse:
    if wants_json(request):
        html = render_to_string("components/problems.html", {"problems": problems})
        return JsonResponse(
            {"html": html, "problems": [asdict(problem) for problem in problems]}, status=status
        )
    response = _upload_page(request, organization, form, problems)
    response.status_code = status
    return response


def _upload_page(
    request: HttpRequest, organization: Organization, form: UploadForm, problems: list[Problem]
) -> HttpResponse:
    replaced = _replaced(organization, form["replaces"].value())
    context = {
        "form": form,
        "problems": problems,
        "nav": "upload",
        # A form that was refused is another submission when it is sent again.
        "key": uuid.uuid4(),
        "replaced": replaced,
        "extensions": ", ".join(extension[1:].upper() for extension in ALLOWED_EXTENSIONS),
        "limit_bytes": settings.UPLOAD_MAX_BYTES,
        "limit_files": 1 if replaced else settings.UPLOAD_MAX_FILES,
        "accepted": ",".join(ALLOWED_EXTENSIONS),
        "profiles": [(name, profile.title) for name, profile in form.profiles.items()],
        "chosen_profile": form["profile"].value() or _default_profile_name(form),
        "options_open": any(form[name].value() for name in READING_OPTIONS),
        "keep_files_days": organization.keep_files_days,
    }
    return render(request, "validations/upload.html", context)


def _replaced(organization: Organization, value: Any) -> ValidationRun | None:
    """The organization's run that the form or its address names."""
    try:
        run_id = uuid.UUID(str(value))
    except ValueError:
        return None
    found: ValidationRun | None = (
        ValidationRun.objects.for_organization(organization).filter(pk=run_id).first()
    )
    return found


def _form_problems(organization: Organization, form: UploadForm, files: Sequence[Upload]) -> list[Problem]:
    problems = []
    if not files:
        problems.append(Problem(_("Select a file.")))
    if len(files) > settings.UPLOAD_MAX_FILES:
        problems.append(
            Problem(UploadRefusedError("too-many-files", count=settings.UPLOAD_MAX_FILES).message)
        )
    if len(files) > 1 and form["replaces"].value():
        problems.append(Problem(_("A corrected file replaces one file: select one.")))
    for name, errors in form.errors.items():
        if name not in ("key", "replaces"):
            problems.extend(
                Problem(str(error), str(form.fields[name].label), f"id_{name}") for error in errors
            )
    replaced = form["replaces"].value()
    if "key" in form.errors or (replaced and _replaced(organization, replaced) is None):
        problems.append(Problem(_("The form was incomplete. Choose the files again and send it."), target=""))
    return problems


def _as_problems(refusals: Refusals) -> list[Problem]:
    return [Problem(refusal.message, display_name(file.name or "")) for file, refusal in refusals]


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link may set beforehand: the profile, the run that is replaced, and the reading options."""
    return {
        name: request.GET[name] for name in ("profile", "replaces", *READING_OPTIONS) if request.GET.get(name)
    }


def _default_profile_name(form: ReadingForm) -> str:
    return (
        settings.DEFAULT_PROFILE
        if settings.DEFAULT_PROFILE in form.profiles
        else next(iter(form.profiles), "")
    )


@login_required
@require_GET
def profile_template(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """An empty file with the columns of a profile, as a spreadsheet opens it."""
    organization = enter(request, slug, ADD)
    profile = get_object_or_404(profiles_for(organization), name=name)
    fields = profile.descriptor.get("fields", [])
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerow(
        [str(field.get("title") or field["name"]) for field in fields]
    )
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    return as_download(response, f"{profile.name}.csv")
