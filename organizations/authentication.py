"""How a program says who it is: an API key as a bearer token, or a signed-in browser's session."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from organizations.backends import role_of
from organizations.models import ApiKey

USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer bdx_…`; the request then acts for the key's person in the key's organization."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for one that does not exist, was revoked, or whose person is no longer active.

        Raises: PermissionDenied when its person has left the organization, staff of the product included.
        """
        keys = ApiKey.unscoped.filter(digest=ApiKey.digest_of(token), revoked_at=None, user__is_active=True)
        key: ApiKey | None = keys.select_related("organization", "user").first()
        if key is None:
            return None
        if not role_of(key.user, key.organization_id):
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


def _note_use(key: ApiKey) -> None:
    """Write down when the key was used, at most once a minute: a program that polls must not write each time."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.unscoped.filter(pk=key.pk).update(last_used_at=now)


API_AUTH = [ApiKeyAuth(), SessionUserAuth()]
