"""The proposed fixes of a run: looked at, accepted, taken back, and sent as a corrected file."""

import uuid
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from organizations.models import Organization
from validations import services
from validations.fixes import SAFE, Decisions, fix_counts, fixes_by_rule, has_fix
from validations.intake import UploadRefusedError
from validations.looks import note_look
from validations.models import Finding, RunStatus, ValidationRun
from validations.querysets import findings_of
from validations.templatetags.bordereau import number
from validations.veil import veil_for
from validations.views.shared import CHANGE, VIEW, address_of, enter, find_run, person

# What a button says: accept, or take back; of one rule, of one finding, or of all safe rules.
ACCEPT, UNDO = "accept", "undo"
ALL_SAFE = "safe"


@login_required
@require_GET
def run_fixes(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Every rule that proposes fixes, with what is accepted."""
    organization = enter(request, slug, VIEW)
    run = _completed(organization, run_id)
    decisions = Decisions.of(run)
    veil = veil_for(request.user, run)
    rules = fixes_by_rule(run, decisions, veil)
    if rules and not veil.is_drawn:
        note_look(request, run)
    context = {
        "nav": "runs",
        "run": run,
        "is_masked": veil.is_drawn,
        "groups": [
            (is_safe, [rule for rule in rules if rule.is_safe is is_safe])
            for is_safe in (True, False)
            if any(rule.is_safe is is_safe for rule in rules)
        ],
        "accepted": sum(rule.accepted for rule in rules),
        "safe_left": sum(rule.count - rule.accepted for rule in rules if rule.is_safe),
    }
    return render(request, "validations/run_fixes.html", context)


@login_required
@require_POST
def run_decide(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Accept the fix of a finding or of a rule, or take that back."""
    organization = enter(request, slug, CHANGE)
    run = _completed(organization, run_id)
    is_accepted = request.POST.get("decision") == ACCEPT
    if not is_accepted and request.POST.get("decision") != UNDO:
        raise Http404
    code = request.POST.get("code", "")
    finding = _finding(run, request.POST.get("finding", ""))
    codes = [each for each in fix_counts(run) if each in SAFE] if code == ALL_SAFE else [code]
    if finding is not None:
        codes = [finding.code]
    count = services.decide_fixes(
        run=run, by=person(request), codes=codes, is_accepted=is_accepted, finding=finding
    )
    messages.success(request, _decided(count, is_accepted=is_accepted))
    return HttpResponseRedirect(_back(request, run))


@login_required
@require_POST
def run_check_corrected(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Send the corrected file as a new run."""
    organization = enter(request, slug, CHANGE)
    run = _completed(organization, run_id)
    try:
        corrected = services.check_corrected(run=run, by=person(request))
    except services.NothingAcceptedError as error:
        messages.error(request, str(error))
        return redirect("validations:run-fixes", slug=organization.slug, run_id=run.pk)
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
        return redirect("validations:run-fixes", slug=organization.slug, run_id=run.pk)
    return redirect(address_of(corrected))


def _completed(organization: Organization, run_id: uuid.UUID) -> ValidationRun:
    """The organization's completed run.

    Raises: Http404 when it has none of that id, or it is not completed.
    """
    run = find_run(organization, run_id)
    if run.status != RunStatus.COMPLETED:
        raise Http404
    return run


def _finding(run: ValidationRun, text: str) -> Finding | None:
    """The run's finding of a form field; None where the field is empty.

    Raises: Http404 when the run has none of that id with a fix.
    """
    if not text:
        return None
    known = text.isascii() and text.isdigit() and len(text) <= 18
    finding = findings_of(run).filter(pk=int(text)).first() if known else None
    if finding is None or not has_fix(finding):
        raise Http404
    return finding


def _decided(count: int, *, is_accepted: bool) -> str:
    if is_accepted:
        sentence = ngettext(
            "%(count)s fix accepted. The sent file stays as it is until you check the corrected one.",
            "%(count)s fixes accepted. The sent file stays as it is until you check the corrected one.",
            count,
        )
    else:
        sentence = ngettext("%(count)s fix taken back.", "%(count)s fixes taken back.", count)
    return sentence % {"count": number(count)} if count else _("Nothing was changed.")


def _back(request: HttpRequest, run: ValidationRun) -> str:
    """The page on which the button was, if it is one of this site."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and urlsplit(wanted).path.startswith(
        "/o/"
    ):
        return wanted
    return f"{address_of(run)}fixes/"
