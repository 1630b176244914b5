"""How a program says who it is: an API key as a bearer token, or a signed-in browser's session.

Members' programs and operators' programs have keys of different kinds, and neither opens what is the other's.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from organizations import keys, secondfactor
from organizations.models import ApiKey


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer bdx_…`; the request then acts for the key's person in the key's organization."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for one that does not exist, was revoked, or whose person is no longer active.

        Raises: PermissionDenied when its person has left the organization, staff of the product included, and for
        a key of the operators.
        """
        key = keys.find(token)
        if key is None:
            return None
        keys.check_place(key)
        keys.use(request, key)
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

        Raises: PermissionDenied for a key of an organization, and when its person is no longer staff; RateLimitedError.
        """
        key = keys.find(token)
        if key is None:
            return None
        if key.organization_id or not key.user.is_staff:
            raise PermissionDenied
        keys.use(request, key)
        return key


class StaffSessionAuth(SessionUserAuth):
    """A browser in which staff are signed in, with its CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The person, or None for somebody who is not signed in.

        Raises: PermissionDenied for everybody else, and for staff who owe a second factor.
        """
        if request.user.is_authenticated and (not request.user.is_staff or secondfactor.is_missing(request)):
            raise PermissionDenied
        return super().authenticate(request, key)


API_AUTH = [ApiKeyAuth(), SessionUserAuth()]
OPERATOR_AUTH = [OperatorKeyAuth(), StaffSessionAuth()]
