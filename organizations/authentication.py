"""How a program says who it is: an API key as a bearer token, or a signed-in browser's session."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from organizations.models import ApiKey


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer bdx_…`; the request then acts for the key's person in the key's organization."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """The key, or None for one that does not exist, was revoked, or whose person is no longer active."""
        keys = ApiKey.unscoped.filter(digest=ApiKey.digest_of(token), revoked_at=None, user__is_active=True)
        key: ApiKey | None = keys.select_related("organization", "user").first()
        if key is None:
            return None
        ApiKey.unscoped.filter(pk=key.pk).update(last_used_at=timezone.now())
        request.user = key.user
        request.organization = key.organization  # type: ignore[attr-defined]  # the border of this request
        return key


class SessionUserAuth(SessionAuth):
    """A signed-in browser, with its CSRF token."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """The person, or None."""
        return request.user if request.user.is_authenticated else None


API_AUTH = [ApiKeyAuth(), SessionUserAuth()]
