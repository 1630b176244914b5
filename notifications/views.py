"""The inbox, and the number beside the bell."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from jobs.live import Snapshot, event_response
from notifications import querysets, rendering, services
from notifications.channels.in_app import topic_of

# A day of a busy clinic fits on one page.
NOTICES_PER_PAGE = 50


@require_safe
@login_required
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    """The person's notices by day, all of them or the unread ones."""
    only_unread = request.GET.get("show") == "unread"
    notices = querysets.unread if only_unread else querysets.inbox
    page = Paginator(notices(_reader_id(request)), NOTICES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "days": rendering.by_day(page.object_list),
        "only_unread": only_unread,
        # What comes in after this moment was not on the page, so "mark all as read" leaves it alone.
        "seen_at": timezone.now().isoformat(),
    }
    return render(request, "notifications/inbox.html", context)


@require_safe
@login_required
def open_notice(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """The page that the notice leads to; the notice counts as read when its own reader comes this way.

    The link of a mail that was forwarded leads any member there, and marks nothing.
    """
    user_id = _reader_id(request)
    notification = get_object_or_404(querysets.readable(user_id), pk=notification_id)
    if not url_has_allowed_host_and_scheme(notification.path, allowed_hosts=None):
        raise Http404
    # A HEAD request looks whether the link is alive; nobody read anything.
    if request.method == "GET":
        services.mark_read(user_id=user_id, notification_id=notification_id)
    return HttpResponseRedirect(notification.path)


@require_POST
@login_required
def read(request: HttpRequest, notification_id: UUID) -> HttpResponse:
    """The inbox again, with one notice marked as read; the answer for another person's notice is a 404."""
    user_id = _reader_id(request)
    get_object_or_404(querysets.inbox(user_id), pk=notification_id)
    services.mark_read(user_id=user_id, notification_id=notification_id)
    return _back(request)


@require_POST
@login_required
def read_all(request: HttpRequest) -> HttpResponse:
    """The inbox again, with everything marked as read that was there when the page was made."""
    services.mark_all_read(user_id=_reader_id(request), until_at=_seen_at(request))
    return _back(request)


@require_safe
@never_cache
def unread(request: HttpRequest) -> JsonResponse:
    """What the badge shows, for pages without an open stream."""
    return JsonResponse(dict(_badge(_reader_id(request))))


@require_safe
def events(request: HttpRequest) -> HttpResponseBase:
    """What the badge shows, at once and whenever it changes."""
    user_id = _reader_id(request)
    load = partial(_live_badge, user_id, request.session)
    return event_response(topics=[topic_of(user_id)], load=load, owner=user_id)


def _live_badge(user_id: int, session: SessionBase) -> Snapshot:
    """The badge, as long as the session of the page lives.

    Raises: PermissionDenied after the person signed out.
    """
    if not session.session_key or not session.exists(session.session_key):
        raise PermissionDenied
    return Snapshot(_badge(user_id))


def _badge(user_id: int) -> dict[str, Any]:
    """What the bell of the frame shows.

    Shape: unread; label, the same in words; newest, with created_at, headline and url, or None.
    """
    notices = querysets.unread(user_id)
    count = notices.count()
    newest = notices.first()
    return {
        "unread": count,
        "label": _label(count),
        "newest": newest
        and {
            "created_at": newest.created_at.isoformat(),
            "headline": rendering.headline(newest),
            "url": reverse("notifications:open", args=[newest.pk]),
        },
    }


def _label(count: int) -> str:
    if not count:
        return gettext("Notices")
    text = ngettext("Notices: %(count)s unread", "Notices: %(count)s unread", count)
    return text % {"count": number_format(count)}


def _back(request: HttpRequest) -> HttpResponse:
    """To the page of the inbox that the form stood on."""
    came_from = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(came_from, allowed_hosts=None):
        return HttpResponseRedirect(came_from)
    return redirect("notifications:inbox")


def _seen_at(request: HttpRequest) -> datetime:
    """When the page was made that the form stood on.

    Raises: BadRequest for anything but an aware time.
    """
    try:
        seen_at = parse_datetime(request.POST.get("seen_at", ""))
        # Now and not in the database's driver: a time at the end of the calendar exists in few time zones.
        in_utc = seen_at.astimezone(UTC) if seen_at and timezone.is_aware(seen_at) else None
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise BadRequest
    return in_utc


def _reader_id(request: HttpRequest) -> int:
    """The signed-in person.

    Raises: PermissionDenied for anybody else: a script that polls cannot fill in the sign-in form.
    """
    if request.user.pk is None:
        raise PermissionDenied
    return request.user.pk
