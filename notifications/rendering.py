"""Stored kinds and parameters into sentences, in the language and number format of whoever reads them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template import Context
from django.template.loader import select_template
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.safestring import SafeString, mark_safe

from notifications.models import Notification
from organizations.models import User

# Characters that end a line, turn the direction of writing, or cannot be seen.
UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Mail programs cut a subject long before this.
SUBJECT_LENGTH = 200
# Parameters that hold words of the product and numbers only, whoever sent the file.
OWN_WORDS = frozenset(
    {
        "verdict",
        "error_code",
        "error_params",
        "format",
        "alert",
        "change",
        "subject",
        "state",
        "policy",
        "trouble",
    }
)
# What news of no organization come from.
SITE_NAME = "Bordereau"
REFERENCE = re.compile(r"/([0-9a-f]{8})-[0-9a-f-]{27}(?:/|$)")


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail before it is packed."""

    language: str
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of the inbox."""

    row: Notification
    icon: SafeString
    headline: str
    details: SafeString


@dataclass(frozen=True, slots=True)
class Day:
    """The notices of one day of the reader's calendar."""

    date: date
    notices: list[Notice]

    @property
    def is_today(self) -> bool:
        """Whether it is today where the reader is."""
        return self.date == timezone.localdate()

    @property
    def is_yesterday(self) -> bool:
        """Whether it was yesterday where the reader is."""
        return self.date == timezone.localdate() - timedelta(days=1)


def letter(notification: Notification) -> Letter:
    """The mail for the notification's reader."""
    return Letter(
        language=_language_of(notification.user),
        subject=one_line(leaving(notification, "email.subject.txt", html=False))[:SUBJECT_LENGTH],
        text=leaving(notification, "email.txt", html=False) + "\n",
        html=leaving(notification, "email.html", html=True),
    )


def leaving(notification: Notification, name: str, *, html: bool) -> str:
    """One template of the notification's kind, in its reader's language, time zone and number format.

    It is made of nothing that must stay on the site, whatever the template asks for.
    """
    context = _context(notification, parameters=for_mail(notification.parameters))
    with as_read_by(notification.user):
        return _render(notification.kind, name, context, html=html)


def headline(notification: Notification) -> str:
    """What happened in one line of plain text, in the current language."""
    context = _context(notification, parameters=notification.parameters)
    return one_line(_render(notification.kind, "in_app.txt", context, html=False))


def by_day(notifications: Iterable[Notification]) -> list[Day]:
    """The notices of the inbox under the days of the current time zone, in the order given."""
    days = groupby(notifications, key=lambda row: timezone.localdate(row.created_at))
    return [Day(day, [_notice(row) for row in rows]) for day, rows in days]


def _notice(notification: Notification) -> Notice:
    context = _context(notification, parameters=notification.parameters)

    def part(name: str) -> SafeString:
        return mark_safe(_render(notification.kind, name, context, html=True))  # noqa: S308 -- a template escaped it

    return Notice(notification, part("in_app.icon.html"), headline(notification), part("in_app.html"))


@contextmanager
def as_read_by(user: User) -> Iterator[None]:
    """A block in which texts, times and numbers come out as this person reads them."""
    with translation.override(_language_of(user)), timezone.override(_zone_of(user)):
        yield


def _language_of(user: User) -> str:
    return user.language or settings.LANGUAGE_CODE


def _zone_of(user: User) -> ZoneInfo | None:
    try:
        return ZoneInfo(user.time_zone) if user.time_zone else None
    except (KeyError, ValueError, OSError):
        # A zone that this machine does not know: the site's own is used.
        return None


def for_mail(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that may leave the site: numbers, and words of our own.

    A name of a file can be the name of a patient, and mail is read on the way; so free text stays inside.
    """
    return {
        name: value
        for name, value in parameters.items()
        if isinstance(value, int | float) or name in OWN_WORDS
    }


def one_line(text: str) -> str:
    """The text without anything that could break a line, a header or the direction of writing."""
    shown = "".join(
        " " if unicodedata.category(character) in UNPRINTABLE else character for character in text
    )
    return re.sub(" {2,}", " ", shown).strip()


def reference(path: str) -> str:
    """The short form of the id that a path leads to, or an empty string."""
    found = REFERENCE.search(path)
    return found[1] if found else ""


def _context(notification: Notification, *, parameters: dict[str, Any]) -> dict[str, Any]:
    organization = notification.organization
    return {
        "organization": one_line(organization.name) if organization else SITE_NAME,
        "reference": reference(notification.path),
        # By way of the inbox, so that the notice counts as read; it works for every member who is sent it.
        "url": settings.SITE_URL + reverse("notifications:open", args=[notification.pk]),
        "created_at": notification.created_at,
        "parameters": parameters,
    }


def _render(kind: str, name: str, context: dict[str, Any], *, html: bool) -> str:
    template: Any = select_template([f"notifications/{kind}/{name}", f"notifications/default/{name}"])
    # Past Django's wrapper: only the engine's own template can be told that plain text is not escaped.
    text: str = template.template.render(Context(context, autoescape=html))
    return text.strip()
