"""The sentences of a run's log, made in the reader's language from the code and numbers that were stored."""

from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from validations.engine import texts
from validations.models import LogEntry


def sentence(entry: LogEntry) -> str:
    """What happened in one step of a run."""
    maker = _SENTENCES.get(entry.code)
    return maker(entry.params) if maker else entry.code


def _rows(params: dict[str, Any]) -> str:
    count = params["rows"]
    return ngettext("%(count)s row read", "%(count)s rows read", count) % {"count": _number(count)}


def _records(params: dict[str, Any]) -> str:
    count = params["records"]
    return ngettext("%(count)s record stored", "%(count)s records stored", count) % {"count": _number(count)}


def _findings(params: dict[str, Any]) -> str:
    count = params["findings"]
    return ngettext("%(count)s finding stored", "%(count)s findings stored", count) % {
        "count": _number(count)
    }


def _number(count: int) -> str:
    return texts.format_number(count, get_language() or "en")


_SENTENCES: dict[str, Any] = {
    "received": lambda p: _("File received"),
    "started": lambda p: _("Attempt %(attempt)d of %(max_attempts)d started") % p,
    "read": _rows,
    "records-stored": _records,
    "findings-stored": _findings,
    "completed": lambda p: _("Check completed"),
    "retrying": lambda p: _("Attempt %(attempt)d was interrupted; the next one starts by itself") % p,
    "retried": lambda p: _("Started again by a person"),
    "failed": lambda p: _("The file could not be processed"),
    "cancelled": lambda p: _("Cancelled"),
}
