"""Pages of runs: sending files, the list, one run and what was found in it."""

import csv
import io
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, pgettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from jobs.live import Snapshot, event_response
from organizations.access import enter_organization, while_signed_in
from organizations.models import Organization, User
from validations import pages, services
from validations.downloads import LinesResponse
from validations.exports.csv import findings_csv
from validations.failures import sentence
from validations.forms import READING_OPTIONS, ReadingForm, UploadForm
from validations.intake import ALLOWED_EXTENSIONS, UploadRefusedError, display_name
from validations.live import live_state
from validations.models import RunStatus, Severity, ValidationRun
from validations.querysets import (
    Page,
    findings_filtered,
    profiles_for,
    runs_list,
    same_file_earlier,
    status_counts,
)
from validations.sentences import reader_language

# A file as Django hands it over; its type parameter says nothing here.
Upload: TypeAlias = UploadedFile[Any]
R = TypeVar("R", bound=HttpResponseBase)
VIEW = "validations.view_validationrun"
ADD = "validations.add_validationrun"
CHANGE = "validations.change_validationrun"
DELETE = "validations.delete_validationrun"
EXPORT = "validations.export_finding"
# Several runs are spoken of otherwise than one where words have a gender.
TABS = {
    RunStatus.QUEUED.value: pgettext_lazy("runs", "Waiting"),
    RunStatus.PROCESSING.value: pgettext_lazy("runs", "In progress"),
    RunStatus.COMPLETED.value: pgettext_lazy("runs", "Completed"),
    RunStatus.FAILED.value: pgettext_lazy("runs", "Could not be processed"),
    RunStatus.CANCELLED.value: pgettext_lazy("runs", "Cancelled"),
}
# Rows of a download that are read from the database at once.
EXPORT_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a form: which file, what about it, and the field to go to."""

    message: str
    name: str = ""
    target: str = "id_files"


# --- Sending files ------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """The upload form; after it the page of the run, or the list where several files were sent."""
    organization = _enter(request, slug, ADD)
    if request.method != "POST":
        form = UploadForm(organization, initial=_initial(request))
        return _upload_page(request, organization, form, [])
    form = UploadForm(organization, request.POST)
    files = request.FILES.getlist("files")
    problems = _form_problems(form, files)
    if problems:
        return _refused(request, organization, form, problems, status=422)
    runs, refusals = _receive(request, organization, form, files)
    if not runs:
        gravest = max((refusal for _file, refusal in refusals), key=lambda refusal: refusal.status)
        response = _refused(request, organization, form, _as_problems(refusals), status=gravest.status)
        for name, value in gravest.headers.items():
            response[name] = value
        return response
    for problem in _as_problems(refusals):
        messages.error(request, _("%(name)s: %(message)s") % asdict(problem))
    return _accepted(request, organization, runs, form.cleaned_data["key"], only_one=len(files) == 1)


def _receive(
    request: HttpRequest, organization: Organization, form: UploadForm, files: Sequence[Upload]
) -> tuple[list[ValidationRun], list[tuple[Upload, UploadRefusedError]]]:
    """The runs of the files that came in, and why the others did not."""
    runs: list[ValidationRun] = []
    refusals: list[tuple[Upload, UploadRefusedError]] = []
    for index, file in enumerate(files):
        digest = getattr(file, "sha256", "")[:16]
        try:
            run, _is_new = services.create_run(
                organization=organization,
                user=_person(request),
                upload=file,
                profile=form.chosen_profile,
                options=form.options,
                # The content belongs to the key: another file in the same open form is another run.
                idempotency_key=f"{form.cleaned_data['key']}-{index}-{digest}",
            )
        except UploadRefusedError as refusal:
            refusals.append((file, refusal))
        else:
            runs.append(run)
    return runs, refusals


def _accepted(
    request: HttpRequest,
    organization: Organization,
    runs: list[ValidationRun],
    key: uuid.UUID,
    *,
    only_one: bool,
) -> HttpResponse:
    if only_one:
        address = _address(runs[0])
    else:
        address = f"{reverse('validations:run-list', args=[organization.slug])}?sent={key}"
    if _wants_json(request):
        return JsonResponse({"location": address}, status=201)
    return redirect(address)


def _refused(
    request: HttpRequest,
    organization: Organization,
    form: UploadForm,
    problems: list[Problem],
    *,
    status: int,
) -> HttpResponse:
    if _wants_json(request):
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
    context = {
        "form": form,
        "problems": problems,
        "nav": "upload",
        # A form that was refused is another submission when it is sent again.
        "key": uuid.uuid4(),
        "extensions": ", ".join(extension[1:].upper() for extension in ALLOWED_EXTENSIONS),
        "limit_bytes": settings.UPLOAD_MAX_BYTES,
        "limit_files": settings.UPLOAD_MAX_FILES,
        "accepted": ",".join(ALLOWED_EXTENSIONS),
        "profiles": [(name, profile.title) for name, profile in form.profiles.items()],
        "chosen_profile": form["profile"].value() or _default_profile_name(form),
        "options_open": any(form[name].value() for name in READING_OPTIONS),
        "keep_files_days": organization.keep_files_days,
    }
    return render(request, "validations/upload.html", context)


def _form_problems(form: UploadForm, files: Sequence[Upload]) -> list[Problem]:
    problems = []
    if not files:
        problems.append(Problem(_("Select a file.")))
    if len(files) > settings.UPLOAD_MAX_FILES:
        problems.append(
            Problem(UploadRefusedError("too-many-files", count=settings.UPLOAD_MAX_FILES).message)
        )
    for name, errors in form.errors.items():
        if name != "key":
            problems.extend(
                Problem(str(error), str(form.fields[name].label), f"id_{name}") for error in errors
            )
    if "key" in form.errors:
        problems.append(Problem(_("The form was incomplete. Choose the files again and send it."), target=""))
    return problems


def _as_problems(refusals: list[tuple[Upload, UploadRefusedError]]) -> list[Problem]:
    return [Problem(refusal.message, display_name(file.name or "")) for file, refusal in refusals]


def _initial(request: HttpRequest) -> dict[str, Any]:
    """What a link may set beforehand: the profile and the reading options."""
    return {name: request.GET[name] for name in ("profile", *READING_OPTIONS) if request.GET.get(name)}


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
    organization = _enter(request, slug, ADD)
    profile = get_object_or_404(profiles_for(organization), name=name)
    fields = profile.descriptor.get("fields", [])
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerow(
        [str(field.get("title") or field["name"]) for field in fields]
    )
    response = HttpResponse(text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    return _as_download(response, f"{profile.name}.csv")


# --- The list -----------------------------------------------------------------------------------------------


@login_required
@require_GET
def run_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The organization's runs, newest first."""
    organization = _enter(request, slug, VIEW)
    return render(request, "validations/run_list.html", _list_context(request, organization))


@login_required
@require_GET
def run_list_progress(request: HttpRequest, slug: str) -> HttpResponse:
    """The list as it is now, for a page that is open."""
    organization = _enter(request, slug, VIEW)
    return JsonResponse(dict(_list_snapshot(request, organization).data))


@login_required
@require_GET
def run_list_events(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The list each time that one of its runs changes."""
    organization = _enter(request, slug, VIEW)
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
        "sent": _sent_key(request),
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


def _sent_key(request: HttpRequest) -> str:
    """The key of the form whose runs are to be marked; empty for anything that is no key."""
    try:
        return str(uuid.UUID(request.GET.get("sent", "")))
    except ValueError:
        return ""


# --- One run ------------------------------------------------------------------------------------------------


@login_required
@require_GET
def run_detail(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """One run: how far it is, or what was found, or why it could not be processed."""
    organization = _enter(request, slug, VIEW)
    run = _run(organization, run_id)
    context = {
        "nav": "runs",
        "run": run,
        "earlier": same_file_earlier(run),
        "events": pages.timeline(run),
        "again_form": ReadingForm(organization, initial={"profile": run.profile.name, **_shown_options(run)}),
    }
    if run.is_active:
        return render(request, "validations/run_active.html", context | {"live": live_state(run)})
    if run.status != RunStatus.COMPLETED:
        context["reason"] = (
            sentence(run.error_code, run.error_params) if run.status == RunStatus.FAILED else ""
        )
        return render(request, "validations/run_ended.html", context)
    return render(request, "validations/run_completed.html", context | _results(request, run))


def _results(request: HttpRequest, run: ValidationRun) -> dict[str, Any]:
    """What only the page of a completed run shows."""
    explorer = pages.explorer(run, pages.Filters.of(request.GET))
    return {
        "explorer": explorer,
        "chosen_label": Severity(explorer.chosen.severity).label if explorer.chosen else "",
        "sort_columns": (
            ("line", _("Line"), True),
            ("", _("Column"), False),
            ("value", _("Value"), False),
            ("", _("What is wrong"), False),
            ("amount", _("Amount"), True),
        ),
        "overview": pages.overview(run),
        "rule_counts": pages.rule_counts(run),
        "columns": pages.columns(run),
        "idle_rules": pages.idle_rules(run),
        "chosen_not_checked": run.summary.get("not_checked", {}).get(explorer.chosen.code, 0)
        if explorer.chosen
        else 0,
        "has_doubtful_columns": any(
            column.get("how") == "close" for column in run.reading.get("columns", [])
        ),
        **_money(run),
    }


@login_required
@require_GET
def run_progress(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """How far a run is now, for a page that is open."""
    organization = _enter(request, slug, VIEW)
    return JsonResponse(dict(_run_snapshot(request, organization, run_id).data))


@login_required
@require_GET
def run_events(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """How far a run is, each time that it changes."""
    organization = _enter(request, slug, VIEW)
    run = _run(organization, run_id)
    return event_response(
        topics=[f"job:{run.job_id}"],
        load=while_signed_in(request, partial(_run_snapshot, request, organization, run_id)),
        owner=request.user.pk,
    )


def _run_snapshot(request: HttpRequest, organization: Organization, run_id: uuid.UUID) -> Snapshot:
    """The live part of a run's page; the person's right is asked anew each time.

    Raises: Http404 or PermissionDenied once they may no longer see it.
    """
    enter_organization(request, organization.slug, VIEW)
    run = _run(organization, run_id)
    if not run.is_active:
        return Snapshot(
            {"done": True, "html": "", "title": _ended_title(run), "say": _ended_title(run)}, done=True
        )
    state = live_state(run)
    html = render_to_string("validations/_live.html", {"run": run, "live": state}, request=request)
    percent = f"{state.percent}\u00a0%" if get_language() == "fr" else f"{state.percent}%"
    data = {
        "done": False,
        "html": html,
        "title": f"{percent} {run.file_name}" if run.status == RunStatus.PROCESSING else run.file_name,
        "say": f"{state.title}, {percent}" if run.status == RunStatus.PROCESSING else state.title,
    }
    return Snapshot(data)


def _ended_title(run: ValidationRun) -> str:
    state = run.get_verdict_display() if run.verdict else run.get_status_display()
    return f"{state} – {run.file_name}"


@login_required
@require_GET
def run_findings_csv(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """The findings that fit the filters, as a file for a spreadsheet of the reader's language."""
    organization = _enter(request, slug, EXPORT)
    run = _run(organization, run_id)
    filters = pages.Filters.of(request.GET)
    code = "" if filters.code == pages.EVERYTHING else filters.code
    findings = findings_filtered(
        run, code=code, severity=filters.severity, search=filters.search, sort=filters.sort
    )
    language = reader_language()
    lines = findings_csv(
        findings.iterator(chunk_size=EXPORT_CHUNK),
        language,
        delimiter=";" if language == "fr" else ",",
        with_bom=True,
    )
    response = LinesResponse(lines, content_type="text/csv; charset=utf-8")
    stem = run.file_name.rsplit(".", 1)[0]
    return _as_download(response, f"{stem} – {_('findings')}.csv")


@login_required
@require_POST
def run_cancel(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Stop a run that has not ended."""
    organization = _enter(request, slug, CHANGE)
    run = _run(organization, run_id)
    if not services.cancel_run(run=run, by=_person(request)):
        messages.info(request, _("The run had already ended."))
    return redirect(_address(run))


@login_required
@require_POST
def run_retry(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Check the same file once more after a failure."""
    organization = _enter(request, slug, CHANGE)
    run = _run(organization, run_id)
    try:
        if not services.retry_run(run=run, by=_person(request)):
            messages.info(request, _("The run does not need to be repeated."))
    except services.FileGoneError:
        messages.error(request, _("The file is no longer stored. Send it again."))
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
    return redirect(_address(run))


@login_required
@require_POST
def run_again(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Check the stored file as a new run with another profile or other reading options."""
    organization = _enter(request, slug, CHANGE)
    run = _run(organization, run_id)
    form = ReadingForm(organization, request.POST)
    if not form.is_valid():
        messages.error(request, _("The reading options are not valid. Check them and try again."))
        return redirect(_address(run))
    try:
        again = services.run_again(
            run=run, by=_person(request), options=form.options, profile=form.chosen_profile
        )
    except services.FileGoneError:
        messages.error(request, _("The file is no longer stored. Send it again."))
        return redirect(_address(run))
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
        return redirect(_address(run))
    return redirect(_address(again))


@login_required
@require_POST
def run_delete(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Remove a run with everything that was found in it."""
    organization = _enter(request, slug, DELETE)
    run = _run(organization, run_id)
    services.delete_run(run=run, by=_person(request))
    messages.success(request, _("“%(name)s” and its results were deleted.") % {"name": run.file_name})
    return redirect("validations:run-list", slug=organization.slug)


# --- Shared -------------------------------------------------------------------------------------------------


def _enter(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization of the address, remembered as the one to come home to."""
    organization = enter_organization(request, slug, permission)
    if request.session.get("organization") != organization.slug:
        request.session["organization"] = organization.slug
    return organization


def _run(organization: Organization, run_id: uuid.UUID) -> ValidationRun:
    runs = ValidationRun.objects.for_organization(organization)
    run: ValidationRun | None = (
        runs.select_related("profile", "job", "created_by", "organization").filter(pk=run_id).first()
    )
    if run is None:
        raise Http404
    return run


def _address(run: ValidationRun) -> str:
    return reverse("validations:run-detail", args=[run.organization.slug, run.pk])


def _person(request: HttpRequest) -> User:
    """The signed-in person; every view that asks is behind the sign-in."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def _as_download(response: R, name: str) -> R:
    header = content_disposition_header(as_attachment=True, filename=name)
    response.headers["Content-Disposition"] = header or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _shown_options(run: ValidationRun) -> dict[str, Any]:
    """The reading options that were set by hand, in the form in which the form offers them."""
    options = dict(run.options)
    if options.get("delimiter") == "\t":
        options["delimiter"] = "tab"
    return options


def _money(run: ValidationRun) -> dict[str, Any]:
    """The amounts of a completed run and the share that is at stake, as the width of a bar."""
    total, at_stake = run.amount_total_cents or 0, run.amount_at_stake_cents or 0
    accepted = run.summary.get("amount_accepted_cents", total - at_stake)
    share = accepted * 100 / total if total > 0 else 100.0
    return {
        "accepted_cents": accepted,
        "accepted_share": f"{max(0.0, min(100.0, share)):.1f}",
        "has_money": run.amount_total_cents is not None,
    }
