"""The log of a run: steps are stored as a code and numbers, and read as sentences in the reader's language."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from validations.engine import texts
from validations.models import LogEntry, ValidationRun
from validations.sentences import reader_language, title_of
from validations.templatetags.bordereau import format_title


def log_step(run: ValidationRun, code: str, **params: Any) -> None:
    """Add one step to the run's log; its numbers and codes, never the value of a cell."""
    LogEntry.unscoped.create(organization_id=run.organization_id, run=run, code=code, params=params)


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


def _kept(params: dict[str, Any]) -> str:
    count = params["records"]
    text = ngettext(
        "%(count)s record of the interrupted attempt kept",
        "%(count)s records of the interrupted attempt kept",
        count,
    )
    return text % {"count": _number(count)}


def _findings(params: dict[str, Any]) -> str:
    count = params["findings"]
    return ngettext("%(count)s finding stored", "%(count)s findings stored", count) % {
        "count": _number(count)
    }


def _earlier(params: dict[str, Any]) -> str:
    count = params["records"]
    text = ngettext(
        "%(count)s record of earlier files compared", "%(count)s records of earlier files compared", count
    )
    return text % {"count": _number(count)}


def _fixes(params: dict[str, Any]) -> str:
    count = params["count"]
    sentence = ngettext("%(count)s fix accepted: %(rule)s", "%(count)s fixes accepted: %(rule)s", count)
    return sentence % {"count": _number(count), "rule": title_of(params["rule"], reader_language())}


def _undone(params: dict[str, Any]) -> str:
    count = params["count"]
    sentence = ngettext("%(count)s fix taken back: %(rule)s", "%(count)s fixes taken back: %(rule)s", count)
    return sentence % {"count": _number(count), "rule": title_of(params["rule"], reader_language())}


def _number(count: int) -> str:
    return texts.format_number(count, reader_language())


_SENTENCES: dict[str, Any] = {
    "received": lambda p: _("File received"),
    "started": lambda p: _("Attempt %(attempt)d of %(max_attempts)d started") % p,
    "read": _rows,
    "records-kept": _kept,
    "records-stored": _records,
    "earlier-read": _earlier,
    "findings-stored": _findings,
    "fixes-accepted": _fixes,
    "fixes-undone": _undone,
    "completed": lambda p: _("Check completed"),
    "retrying": lambda p: _("Attempt %(attempt)d was interrupted; the next one starts by itself") % p,
    "put-back": lambda p: _("The check was interrupted; it starts again by itself"),
    "retried": lambda p: _("Started again by a person"),
    "failed": lambda p: _("The file could not be processed"),
    "cancelled": lambda p: _("Cancelled"),
    "downloaded": lambda p: _("Downloaded: %(title)s") % {"title": format_title(p["format"])},
    "export-asked": lambda p: _("Asked for: %(title)s") % {"title": format_title(p["format"])},
    "export-made": lambda p: _("Made: %(title)s") % {"title": format_title(p["format"])},
}
