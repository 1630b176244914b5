"""What the frame of every page shows of the person's organizations."""

from typing import Any

from django.http import HttpRequest

from organizations.models import Membership


def organization(request: HttpRequest) -> dict[str, Any]:
    """The organization of the page (or None) and the person's memberships, loaded when a template asks."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"organization": None, "memberships": []}
    memberships = Membership.unscoped.filter(user=user).select_related("organization")
    return {
        "organization": getattr(request, "organization", None),
        "memberships": memberships.order_by("organization__name"),
    }
