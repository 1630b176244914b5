"""The one helper with which a view enters an organization."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from organizations.models import Membership, Organization


def enter_organization(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization named in the address, once the person's right in it was checked.

    Raises: Http404 for outsiders, exactly as for an address that does not exist; PermissionDenied for members
    whose role lacks the permission.
    """
    membership = (
        Membership.unscoped.filter(user_id=request.user.pk, organization__slug=slug)
        .select_related("organization")
        .first()
    )
    if membership is None:
        raise Http404
    organization: Organization = membership.organization
    if not request.user.has_perm(permission, organization):
        raise PermissionDenied
    request.organization = organization  # type: ignore[attr-defined]  # read by the context processor
    return organization
