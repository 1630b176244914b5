"""How a program says who it is: an API key as a bearer token, or a signed-in browser's session.

Members' programs and operators' programs have keys of different kinds, and neither opens what is the other's.
"""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from organizations.models import ApiKey, Membership

USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer bdx_…`; the request then acts for the key's person in the key's organization."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for one that does not exist, was revoked, or whose person is no longer active.

        Raises: PermissionDenied when its person has left the organization, staff of the product included, and for
        a key of the operators.
        """
        key = _key(token)
        if key is None:
            return None
        if not key.organization_id:
            raise PermissionDenied
        members = Membership.objects.for_organization(key.organization_id)
        if not members.filter(user=key.user).exists():
            raise PermissionDenied
        _note_use(key)
        request.user = key.user
        request.organization = key.organization  # type: ignore[attr-defined]  # the border of this request
        return key


class SessionUserAuth(SessionAuth):
    """A signed-in browser, with its CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The person, or None."""
        return request.user if request.user.is_authenticated else None


class OperatorKeyAuth(HttpBearer):
    """`Authorization: Bearer bdx_…` with a key of no organization; the request then acts for its person of staff."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for one that does not exist, was revoked, or whose person is no longer active.

        Raises: PermissionDenied for a key of an organization, and when its person is no longer staff.
        """
        key = _key(token)
        if key is None:
            return None
        if key.organization_id or not key.user.is_staff:
            raise PermissionDenied
        _note_use(key)
        request.user = key.user
        return key


class StaffSessionAuth(SessionUserAuth):
    """A browser in which staff are signed in, with its CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The person, or None for somebody who is not signed in.

        Raises: PermissionDenied for everybody else.
        """
        if request.user.is_authenticated and not request.user.is_staff:
            raise PermissionDenied
        return super().authenticate(request, key)


def _key(token: str) -> ApiKey | None:
    keys = ApiKey.unscoped.filter(digest=ApiKey.digest_of(token), revoked_at=None, user__is_active=True)
    found: ApiKey | None = keys.select_related("organization", "user").first()
    return found


def _note_use(key: ApiKey) -> None:
    """Write down when the key was used, at most once a minute: a program that polls must not write each time."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.unscoped.filter(pk=key.pk).update(last_used_at=now)


API_AUTH = [ApiKeyAuth(), SessionUserAuth()]
OPERATOR_AUTH = [OperatorKeyAuth(), StaffSessionAuth()]
