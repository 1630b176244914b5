"""What people do with a run: cancel, retry, check again, delete."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from validations import services
from validations.forms import ReadingForm
from validations.intake import UploadRefusedError
from validations.replacing import likely_replaced
from validations.views.shared import CHANGE, DELETE, address_of, enter, find_run, person


@login_required
@require_POST
def run_cancel(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Stop a run that has not ended."""
    organization = enter(request, slug, CHANGE)
    run = find_run(organization, run_id)
    if not services.cancel_run(run=run, by=person(request)):
        messages.info(request, _("The run had already ended."))
    return redirect(address_of(run))


@login_required
@require_POST
def run_retry(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Check the same file once more after a failure."""
    organization = enter(request, slug, CHANGE)
    run = find_run(organization, run_id)
    try:
        if not services.retry_run(run=run, by=person(request)):
            messages.info(request, _("The run does not need to be repeated."))
    except services.FileGoneError:
        messages.error(request, _("The file is no longer stored. Send it again."))
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
    return redirect(address_of(run))


@login_required
@require_POST
def run_again(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Check the stored file as a new run with another profile or other reading options."""
    organization = enter(request, slug, CHANGE)
    run = find_run(organization, run_id)
    form = ReadingForm(organization, request.POST)
    if not form.is_valid():
        messages.error(request, _("The reading options are not valid. Check them and try again."))
        return redirect(address_of(run))
    try:
        again = services.run_again(
            run=run, by=person(request), options=form.options, profile=form.chosen_profile
        )
    except services.FileGoneError:
        messages.error(request, _("The file is no longer stored. Send it again."))
        return redirect(address_of(run))
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
        return redirect(address_of(run))
    return redirect(address_of(again))


@login_required
@require_POST
def run_replaces(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Check the file once more as the corrected version of the one that billed most of its lines already."""
    organization = enter(request, slug, CHANGE)
    run = find_run(organization, run_id)
    earlier = likely_replaced(run)
    if earlier is None:
        messages.info(request, _("The lines of this file were not in an earlier one."))
        return redirect(address_of(run))
    try:
        again = services.check_as_replacement(run=run, earlier=earlier, by=person(request))
    except UploadRefusedError as refusal:
        messages.error(request, refusal.message)
        return redirect(address_of(run))
    return redirect(address_of(again))


@login_required
@require_POST
def run_delete(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponse:
    """Remove a run with everything that was found in it."""
    organization = enter(request, slug, DELETE)
    run = find_run(organization, run_id)
    services.delete_run(run=run, by=person(request))
    messages.success(request, _("“%(name)s” and its results were deleted.") % {"name": run.file_name})
    return redirect("validations:run-list", slug=organization.slug)
