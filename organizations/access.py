"""How a request enters an organization: the one place where a view learns whose rows it may touch."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from organizations.models import Membership, Organization, User

T = TypeVar("T")


def memberships_of(user: User | AnonymousUser) -> QuerySet[Membership]:
    """The person's memberships with their organizations; none for somebody who is not signed in."""
    if not user.is_authenticated:
        return Membership.unscoped.none()
    return Membership.unscoped.filter(user=user).select_related("organization")


def enter_organization(request: HttpRequest, slug: str, permission: str) -> Organization:
    """The organization named in the address, once the person's right in it was checked.

    Raises: Http404 for outsiders, exactly as for an address that does not exist; PermissionDenied for members
    whose role lacks the permission.
    """
    membership = memberships_of(request.user).filter(organization__slug=slug).first()
    if membership is None:
        raise Http404
    organization = membership.organization
    if not request.user.has_perm(permission, organization):
        raise PermissionDenied
    request.organization = organization  # type: ignore[attr-defined]  # read by the context processor
    return organization


def while_signed_in(request: HttpRequest, load: Callable[[], T]) -> Callable[[], T]:
    """The load for an answer that outlives its request: it works for as long as the person could ask again.

    Raises: PermissionDenied, when called after they signed out, changed their password or lost their account.
    """
    key = request.session.session_key
    store = type(request.session)

    def loaded() -> T:
        # A request of its own: the first one remembers who it found.
        now = HttpRequest()
        now.session = store(key)
        if get_user(now).pk != request.user.pk:
            raise PermissionDenied
        return load()

    return loaded
