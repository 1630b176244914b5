"""Texts without the secrets of this installation, wherever they may have got into them."""

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

MASK = "•••"
# The settings that hold a secret as a whole, and those that are addresses with one inside.
_SECRETS = ("SECRET_KEY", "EMAIL_HOST_PASSWORD", "METRICS_TOKEN")
_ADDRESSES = ("REDIS_URL", "DATABASE_URL")
# A shorter one would be found in innocent words.
_SHORTEST = 3
# Our own advice says PASSWORD where one belongs.
_PASSWORD_IN_URL = re.compile(r"(\w+://[^\s/:@]*:)(?!PASSWORD@)[^\s/@]+@")


def masked(text: str) -> str:
    """The text with each known secret, and each password in an address, replaced."""
    for secret in sorted(set(_known()), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _PASSWORD_IN_URL.sub(rf"\g<1>{MASK}@", text)


def _known() -> Iterator[str]:
    for name in _SECRETS:
        yield from _forms(getattr(settings, name, None) or "")
    for name in _ADDRESSES:
        yield from _forms(_password_of(getattr(settings, name, "")))
    for database in settings.DATABASES.values():
        yield from _forms(str(database.get("PASSWORD") or ""))


def _password_of(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, and as it stands in an address."""
    if len(secret) >= _SHORTEST:
        yield from {secret, unquote(secret), quote(secret, safe="")}
