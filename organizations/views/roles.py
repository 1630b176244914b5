"""The pages of an organization's roles: what each one may do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from organizations.access import enter_organization
from organizations.models import Role
from organizations.roles import Permission


def role_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every role of the organization beside what it allows."""
    organization = enter_organization(request, slug, Permission.VIEW_ROLES)
    context = {"section": "roles", "roles": Role.objects.for_organization(organization).order_by("pk")}
    return render(request, "organizations/roles.html", context)
