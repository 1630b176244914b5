"""What the frame of every page shows of the person's organizations."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from organizations.access import memberships_of
from organizations.models import Organization
from organizations.sections import sections_for


def organization(request: HttpRequest) -> dict[str, Any]:
    """The organization of the page (or None) and the person's memberships, loaded when a template asks."""
    # An answer that is made before the session was read has no user.
    user = getattr(request, "user", AnonymousUser())
    own = getattr(request, "organization", None)
    return {
        "organization": own or SimpleLazyObject(lambda: _last_one(request, user)),
        "memberships": memberships_of(user).order_by("organization__name"),
        # What the person may open of the organization's settings; asked once a page.
        "sections": SimpleLazyObject(lambda: sections_for(request, own) if own else []),
    }


def _last_one(request: HttpRequest, user: Any) -> Organization | None:
    """The organization last looked at: pages that belong to none still lead back to its runs."""
    slug = request.session.get("organization", "") if user.is_authenticated else ""
    membership = memberships_of(user).filter(organization__slug=slug).first() if slug else None
    return membership.organization if membership else None
