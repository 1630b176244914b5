"""What an organization decides about itself: its name, and how long sent files are kept."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from jobs import audit
from jobs.models import ActionKind
from organizations.access import enter_organization
from organizations.forms import OrganizationForm
from organizations.roles import Permission


@login_required
@require_http_methods(["GET", "POST"])
def general(request: HttpRequest, slug: str) -> HttpResponse:
    """The organization's settings."""
    organization = enter_organization(request, slug, Permission.CHANGE_ORGANIZATION)
    form = OrganizationForm(request.POST if request.method == "POST" else None, instance=organization)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            audit.record(
                request,
                ActionKind.CHANGE_ORGANIZATION,
                "organization",
                organization.slug,
                tenant_id=organization.pk,
                details={"fields": sorted(form.changed_data)},
            )
        messages.success(request, _("The settings are saved."))
        return redirect("organization:general", slug)
    if form.errors:
        # The head of the page names the organization as it is.
        organization.refresh_from_db()
    status = 422 if form.errors else 200
    return render(request, "organizations/general.html", {"section": "general", "form": form}, status=status)
