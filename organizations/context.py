"""What the frame of every page shows of the person's organizations."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from organizations.access import memberships_of


def organization(request: HttpRequest) -> dict[str, Any]:
    """The organization of the page (or None) and the person's memberships, loaded when a template asks."""
    # An answer that is made before the session was read has no user.
    user = getattr(request, "user", AnonymousUser())
    return {
        "organization": getattr(request, "organization", None),
        "memberships": memberships_of(user).order_by("organization__name"),
    }
