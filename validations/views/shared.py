"""What every page of runs begins and ends with: the border, the run, its address, a download."""

import uuid
from typing import TypeVar

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import content_disposition_header

from organizations.access import enter_organization
from organizations.models import Organization, User
from validations.models import RunBatch, ValidationRun

R = TypeVar("R", bound=HttpResponseBase)
VIEW = "validations.view_validationrun"
ADD = "validations.add_validationrun"
CHANGE = "validations.change_validationrun"
DELETE = "validations.delete_validationrun"
EXPORT = "validations.export_finding"
VIEW_FINDING = "validations.view_finding"


def enter(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization of the address, remembered as the one to come home to."""
    organization = enter_organization(request, slug, permission)
    if request.session.get("organization") != organization.slug:
        request.session["organization"] = organization.slug
    return organization


def find_run(organization: Organization, run_id: uuid.UUID) -> ValidationRun:
    """The organization's run.

    Raises: Http404 when it has none of that id.
    """
    runs = ValidationRun.objects.for_organization(organization)
    run: ValidationRun | None = (
        runs.select_related("profile", "job", "created_by", "organization", "replaces", "batch")
        .filter(pk=run_id)
        .first()
    )
    if run is None:
        raise Http404
    return run


def address_of(run: ValidationRun) -> str:
    """The address of the run's page."""
    return reverse("validations:run-detail", args=[run.organization.slug, run.pk])


def batch_address(batch: RunBatch) -> str:
    """The address of the page of files that were sent together."""
    return reverse("validations:batch-detail", args=[batch.organization.slug, batch.pk])


def person(request: HttpRequest) -> User:
    """The signed-in person; every view that asks is behind the sign-in."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def wants_json(request: HttpRequest) -> bool:
    """Whether a script asks, which shows the answer in the open page."""
    return request.headers.get("Accept", "").startswith("application/json")


def as_download(response: R, name: str) -> R:
    """The answer as a file of that name, which no browser shows and no cache keeps."""
    header = content_disposition_header(as_attachment=True, filename=name)
    response.headers["Content-Disposition"] = header or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    # Should a browser show it all the same, nothing in it acts.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
