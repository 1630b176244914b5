"""Which jobs a person looks for: the filters of the job list, as its address and its search box have them.

Every word of the search box is understood as exactly one thing, and the page says as which: an id or its beginning,
a task, an organization, `arguments.path=value`, `key:value`, and else a text of an error.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from jobs import tenants
from jobs.declarations import TASKS
from jobs.models import Job, JobStatus
from jobs.moments import earliest

LONGEST_TEXT = 300
LONGEST_WORD = 200
# The beginning of an id that is worth a look: as long as the one that lists show.
SHORTEST_ID = 8
SHORTEST_NAME = 4
# Parameters of the list's address that filter it.
PARAMETERS = (
    "status", "queue", "task", "tenant_id", "worker", "error_group", "batch", "schedule", "since", "until", "q",
)  # fmt: skip

_WORDS = re.compile(
    r'(?P<key>[A-Za-z_]+):"(?P<quoted>[^"]*)"?|"(?P<phrase>[^"]*)"?|(?P<word>arguments\.[^=\s"]+="[^"]*"?|\S+)'
)
_ARGUMENT = re.compile(r"arguments\.(?P<path>[^=\s]+)=(?P<value>.*)", re.DOTALL)
_KEYED = re.compile(r"(?P<key>[a-z_]+):(?P<value>\S+)")
_HEX = re.compile(r"[0-9a-f]{1,32}")
_AGO = re.compile(r"(?P<number>\d{1,5})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# What people type -> the name of the filter.
_KEYS = {
    "status": "status", "queue": "queue", "task": "task", "worker": "worker", "since": "since", "until": "until",
    "batch": "batch", "schedule": "schedule", "group": "error_group", "tenant": "tenant_id", "id": "id",
    "organization": "organization", "org": "organization", "organisation": "organization", "error": "error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; an empty field asks for nothing."""

    status: str = ""
    # Statuses that an action is for; beside the one that was asked for.
    among: tuple[str, ...] = ()
    queue: str = ""
    tasks: tuple[str, ...] = ()
    tenant_ids: tuple[int, ...] = ()
    worker: str = ""
    error_group: str = ""
    batch: uuid.UUID | None = None
    schedule: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    # First and last id of the range that begins with the typed letters.
    ids: tuple[uuid.UUID, uuid.UUID] | None = None
    errors: tuple[str, ...] = ()
    # Path and value of an argument, as text.
    arguments: tuple[tuple[tuple[str, ...], str], ...] = ()
    # Typed, and not understood, or not this person's to ask.
    unknown: tuple[str, ...] = ()
    # Field -> what was typed for it, for the page.
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every job is asked for."""
        return not any((self.condition(), self.arguments, self.errors))

    def condition(self) -> Q:
        """The part that columns with an index answer."""
        condition = Q()
        for name, value in self._columns():
            condition &= Q(**{name: value})
        return condition

    def narrow(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        """Those of the rows that are asked for."""
        rows = rows.filter(self.condition())
        for text in self.errors:
            rows = rows.filter(
                Q(error_message__icontains=text)
                | Q(error_class__icontains=text)
                | Q(error_code__icontains=text)
            )
        for number, (path, value) in enumerate(self.arguments):
            name = f"argument_{number}"
            rows = rows.alias(**{name: Cast(_at(path), TextField())}).filter(**{name: value})
        return rows

    def _columns(self) -> Iterator[tuple[str, Any]]:
        several = (("task", self.tasks), ("tenant_id", self.tenant_ids), ("status", self.among))
        for column, values in several:
            if values:
                yield (column, values[0]) if len(values) == 1 else (f"{column}__in", values)
        for name in ("status", "queue", "worker", "error_group", "batch", "schedule"):
            if value := getattr(self, name):
                yield name, value
        yield from self._span()
        if self.ids:
            yield "pk__range", self.ids

    def span(self) -> Q:
        """The time in which the jobs were created."""
        return Q(**dict(self._span()))

    def _span(self) -> Iterator[tuple[str, Any]]:
        for lookup, moment in (("created_at__gte", self.since), ("created_at__lt", self.until)):
            if moment:
                yield lookup, earliest(moment)


def parse(parameters: Mapping[str, str], *, may_see_arguments: bool, now: datetime | None = None) -> Filters:
    """The filters in an address; what is not understood is named in `unknown` and asks for nothing.

    Lengths of time such as `since=2h` count back from `now`.
    """
    found = Filters(typed={})
    now = now or timezone.now()
    for name in PARAMETERS:
        value = str(parameters.get(name, "")).replace("\x00", "").strip()[:LONGEST_TEXT]
        if value and name != "q":
            found = _with(found, name, value, now)
    for key, word in _words(str(parameters.get("q", "")).replace("\x00", "")[:LONGEST_TEXT]):
        found = _understood(found, key, word[:LONGEST_WORD], now, may_see_arguments=may_see_arguments)
    if (found.errors or found.error_group) and not found.status:
        # Only failed jobs have an error that stays; asked so, an index leads there.
        found = replace(found, status=JobStatus.FAILED)
    return found


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Key and value of each word; the key is empty for words without one."""
    for match in _WORDS.finditer(text):
        if match["key"]:
            yield match["key"].lower(), match["quoted"]
        elif match["phrase"] is not None:
            yield "error", match["phrase"]
        elif (keyed := _KEYED.fullmatch(match["word"])) and keyed["key"].lower() in _KEYS:
            yield keyed["key"].lower(), keyed["value"]
        else:
            yield "", match["word"]


def _understood(found: Filters, key: str, word: str, now: datetime, *, may_see_arguments: bool) -> Filters:
    if not word:
        return found
    if key:
        return _with(found, _KEYS.get(key, ""), word, now)
    if argument := _ARGUMENT.fullmatch(word):
        if not may_see_arguments:
            return replace(found, unknown=(*found.unknown, word))
        one = (tuple(argument["path"].split(".")[:8]), argument["value"].strip('"'))
        if not all(map(_is_step, one[0])):
            return replace(found, unknown=(*found.unknown, word))
        return replace(found, arguments=(*found.arguments, one))
    if ids := id_range(word):
        return replace(found, ids=ids, typed={**found.typed, "id": word})
    if word in TASKS or (named := _tasks_like(word)):
        return replace(found, tasks=(word,) if word in TASKS else named, typed={**found.typed, "task": word})
    if numbers := _tenants_named(word):
        return replace(found, tenant_ids=numbers, typed={**found.typed, "organization": word})
    return replace(found, errors=(*found.errors, word))


def _with(found: Filters, name: str, value: str, now: datetime) -> Filters:
    """The filters with one more, or with the value among the unknown ones."""
    read = _READERS.get(name)
    fields = read(value, found, now) if read else {}
    if not fields:
        return replace(found, unknown=(*found.unknown, value))
    return replace(found, **fields, typed={**found.typed, name: value})


# What a filter's text sets; nothing for a text that it cannot have.
Reader = Callable[[str, Filters, datetime], dict[str, Any]]


def _status(text: str, found: Filters, now: datetime) -> dict[str, Any]:
    return {"status": text} if text in JobStatus.values else {}


def _tenant(text: str, found: Filters, now: datetime) -> dict[str, Any]:
    return {"tenant_ids": (int(text),)} if _is_number(text) else {}


def _organization(text: str, found: Filters, now: datetime) -> dict[str, Any]:
    numbers = tenants.find(text)
    return {"tenant_ids": tuple(numbers)} if numbers else {}


def _id(text: str, found: Filters, now: datetime) -> dict[str, Any]:
    ids = id_range(text)
    return {"ids": ids} if ids else {}


def _batch(text: str, found: Filters, now: datetime) -> dict[str, Any]:
    ids = id_range(text)
    return {"batch": ids[0]} if ids and ids[0] == ids[1] else {}


def _moment(name: str) -> Reader:
    def read(text: str, found: Filters, now: datetime) -> dict[str, Any]:
        moment = moment_of(text, now)
        return {name: moment} if moment else {}

    return read


_READERS: dict[str, Reader] = {
    "status": _status,
    "queue": lambda text, found, now: {"queue": text},
    "worker": lambda text, found, now: {"worker": text},
    "error_group": lambda text, found, now: {"error_group": text},
    "task": lambda text, found, now: {"tasks": (text,)},
    "error": lambda text, found, now: {"errors": (*found.errors, text)},
    "tenant_id": _tenant,
    "organization": _organization,
    "id": _id,
    "batch": _batch,
    "schedule": lambda text, found, now: {"schedule": int(text)} if _is_number(text) else {},
    "since": _moment("since"),
    "until": _moment("until"),
}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The first and the last id that begin with the text; None when it is not the beginning of one."""
    letters = text.lower().replace("-", "")
    if not _HEX.fullmatch(letters) or len(letters) < SHORTEST_ID:
        return None
    return uuid.UUID(letters.ljust(32, "0")), uuid.UUID(letters.ljust(32, "f"))


def moment_of(text: str, now: datetime) -> datetime | None:
    """The moment that a person means by `2h` (so long ago), `2026-11-22` or `2026-11-22T10:30`, in their zone."""
    try:
        if ago := _AGO.fullmatch(text.lower()):
            moment: datetime | None = now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
        else:
            moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 -- made aware below
        if moment is not None and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
    except (ValueError, OverflowError):
        return None
    # Near the ends of the calendar a moment cannot be told in every zone.
    return moment if moment is not None and 1970 < moment.year < 9000 else None


def _tasks_like(word: str) -> tuple[str, ...]:
    """The declared tasks that a word stands for: the name of a function, or with a dot or an underscore a part."""
    part, is_part = word.lower(), re.search(r"[._]", word) is not None
    return tuple(
        sorted(
            name for name in TASKS if name.lower().endswith(f".{part}") or (is_part and part in name.lower())
        )
    )


def _tenants_named(word: str) -> tuple[int, ...]:
    """The tenants whose name begins with a word that is long enough to be meant so."""
    if len(word) < SHORTEST_NAME or word.isdecimal():
        return ()
    names = tenants.names(tenants.find(word))
    return tuple(number for number, name in names.items() if name.lower().startswith(word.lower()))


def _is_step(name: str) -> bool:
    """Whether it leads on in a JSON value: a number is a place in a list, which both databases count from 0 to 2³¹."""
    try:
        return 0 <= int(name) < 2**31
    except ValueError:
        return True


def _at(path: tuple[str, ...]) -> KeyTextTransform:
    """The argument at the path, as text."""
    inner: Any = F("arguments")
    for name in path[:-1]:
        inner = KeyTransform(name, inner)
    return KeyTextTransform(path[-1], inner)
