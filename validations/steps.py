"""The sentences of a run's log, made in the reader's language from the code and numbers that were stored."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from validations.models import LogEntry


def sentence(entry: LogEntry) -> str:
    """What happened in one step of a run."""
    maker = _SENTENCES.get(entry.code)
    return maker(entry.params) if maker else entry.code


def _counted(singular: str, plural: str, count: int) -> str:
    return ngettext(singular, plural, count) % {"count": count}


_SENTENCES: dict[str, Any] = {
    "received": lambda p: _("File received"),
    "started": lambda p: _("Attempt %(attempt)d of %(max_attempts)d started") % p,
    "read": lambda p: _counted("%(count)d row read", "%(count)d rows read", p["rows"]),
    "records-stored": lambda p: _counted("%(count)d record stored", "%(count)d records stored", p["records"]),
    "findings-stored": lambda p: _counted(
        "%(count)d finding stored", "%(count)d findings stored", p["findings"]
    ),
    "completed": lambda p: _("Check completed"),
    "retrying": lambda p: _("Attempt %(attempt)d was interrupted; the next one starts by itself") % p,
    "retried": lambda p: _("Started again by a person"),
    "failed": lambda p: _("The file could not be processed"),
    "cancelled": lambda p: _("Cancelled"),
}
