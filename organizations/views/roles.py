"""The pages of an organization's roles: what each one may do, and how they are brought up to the templates."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from organizations import rolebook, seeding, seedjobs
from organizations.access import enter_organization
from organizations.forms import RoleForm
from organizations.models import Organization
from organizations.rolebook import RoleLine, RoleRefusedError
from organizations.roles import TEMPLATES_VERSION, Permission


@login_required
@require_GET
def role_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every role of the organization beside what it allows, and what the templates would change."""
    organization = enter_organization(request, slug, Permission.VIEW_ROLES)
    lines = rolebook.lines(organization)
    allowed = request.user.get_all_permissions(organization)
    context = {
        "section": "roles",
        "lines": lines,
        "table": [
            (label, [value in line.permissions for line in lines]) for value, label in Permission.choices
        ],
        "job": seedjobs.seeding_of(organization),
        "changes": _written(organization),
        "can_change": Permission.CHANGE_ROLES in allowed,
        "version": TEMPLATES_VERSION,
    }
    return render(request, "organizations/roles.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def role_new(request: HttpRequest, slug: str) -> HttpResponse:
    """A role of the organization's own."""
    organization = enter_organization(request, slug, Permission.CHANGE_ROLES)
    form = RoleForm(_sent(request), with_title=True)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            rolebook.add(organization, chosen["title"], chosen["permissions"], by=request)
        except RoleRefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The role “%(role)s” is there.") % {"role": chosen["title"]})
            return redirect("organization:roles", slug)
    return _form_page(request, form, None)


@login_required
@require_http_methods(["GET", "POST"])
def role_detail(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One role with a box for each permission.

    Raises: Http404 when the organization has no such role.
    """
    organization = enter_organization(request, slug, Permission.CHANGE_ROLES)
    line = _line_or_404(organization, key)
    is_own = line.state == "own"
    initial = {"title": line.title, "permissions": sorted(line.permissions)}
    form = RoleForm(_sent(request), with_title=is_own, initial=initial)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            rolebook.change(
                organization, key, chosen["permissions"], by=request, title=chosen.get("title", "")
            )
        except RoleRefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The role “%(role)s” is changed.") % {"role": line.title})
            return redirect("organization:roles", slug)
    return _form_page(request, form, line)


@login_required
@require_POST
def role_delete(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Delete a role of the organization's own."""
    organization = enter_organization(request, slug, Permission.CHANGE_ROLES)
    line = _line_or_404(organization, key)
    try:
        rolebook.remove(organization, key, by=request)
    except RoleRefusedError as error:
        messages.error(request, str(error))
        return redirect("organization:role-detail", slug, key)
    messages.success(request, _("The role “%(role)s” is deleted.") % {"role": line.title})
    return redirect("organization:roles", slug)


@login_required
@require_http_methods(["GET", "POST"])
def role_seed(request: HttpRequest, slug: str) -> HttpResponse:
    """What bringing the roles up to the templates would change; a POST asks for it."""
    organization = enter_organization(request, slug, Permission.CHANGE_ROLES)
    if request.method == "POST":
        force = request.POST.get("force") == "1"
        job = seedjobs.request_seeding(organization, force=force, by_id=request.user.pk)
        job.refresh_from_db()
        if job.is_final:
            messages.success(request, _("The roles are up to date."))
        else:
            messages.success(request, _("The roles will be brought up to date in a moment."))
        return redirect("organization:roles", slug)
    context = {
        "section": "roles",
        "changes": _written(organization),
        "restored": [
            change
            for change in seeding.preview(organization, force=True)
            if change.what == seeding.What.RESTORE
        ],
    }
    return render(request, "organizations/role_seed.html", context)


def _written(organization: Organization) -> list[seeding.Change]:
    """What seeding would write now."""
    return [change for change in seeding.preview(organization) if change.what != seeding.What.KEEP]


def _sent(request: HttpRequest) -> QueryDict | None:
    """What the form sent; a form without a tick sends next to nothing, and that is an answer too."""
    return request.POST if request.method == "POST" else None


def _line_or_404(organization: Organization, key: str) -> RoleLine:
    line = rolebook.line_of(organization, key)
    if line is None:
        raise Http404
    return line


def _form_page(request: HttpRequest, form: RoleForm, line: RoleLine | None) -> HttpResponse:
    context: dict[str, Any] = {"section": "roles", "form": form, "line": line}
    return render(request, "organizations/role_form.html", context, status=422 if form.errors else 200)
