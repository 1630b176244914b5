"""What the frame of every page shows of the person's notices."""

from functools import cache
from typing import Any

from django.http import HttpRequest

from notifications import querysets


def unread_count(request: HttpRequest) -> dict[str, Any]:
    """The number of unread notices for the badge, counted only when a template asks, and once a page."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"unread_count": 0}
    user_id: int = user.pk

    @cache
    def count() -> int:
        return querysets.unread(user_id).count()

    return {"unread_count": count}
