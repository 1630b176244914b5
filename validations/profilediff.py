"""What changed from one version of a profile to another, one line a thing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from validations.engine.rules import OFF, RULES
from validations.models import Severity
from validations.sentences import reader_language, title_of

_SEVERITIES = {**dict(Severity.choices), OFF: gettext_lazy("Off")}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: where, and what stood and stands there; empty where there was or is nothing."""

    place: str
    before: str
    after: str


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every difference between two descriptors: of columns, of rules, and of the rest."""
    return [*_columns(before, after), *_rules(before, after), *_rest(before, after)]


def _columns(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = ({field["name"]: field for field in side.get("fields", [])} for side in (before, after))
    for name in [*old, *(name for name in new if name not in old)]:
        place = _("Column “%(name)s”") % {"name": name}
        if name not in new:
            yield Change(place, _("there"), _("removed"))
        elif name not in old:
            yield Change(place, "", _("added"))
        else:
            yield from _inside(place, _flat(old[name]), _flat(new[name]))
    kept = [name for name in old if name in new]
    order = [name for name in new if name in old]
    if kept != order:
        yield Change(_("Order of the columns"), ", ".join(kept), ", ".join(order))


def _rules(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (side.get("rules", {}) for side in (before, after))
    for code in sorted({*old, *new}):
        place = _("Rule “%(title)s”") % {"title": title_of(code, reader_language())}
        yield from _inside(place, _setting(old.get(code)), _setting(new.get(code)), _words(code))


def _rest(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    named = ("fields", "rules")
    old, new = ({key: side[key] for key in side if key not in named} for side in (before, after))
    yield from _inside("", _flat(old), _flat(new))


def _setting(value: Any) -> dict[str, Any]:
    return {"severity": value} if isinstance(value, str) else dict(value or {})


def _inside(
    place: str, old: Mapping[str, Any], new: Mapping[str, Any], words: Mapping[str, str] | None = None
) -> Iterator[Change]:
    told = words or {}
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            word = told.get(key, key)
            where = f"{place} · {word}" if place else word
            yield Change(where, _shown(old.get(key)), _shown(new.get(key)))


def _words(code: str) -> dict[str, str]:
    """What the settings of a rule are called."""
    rule = RULES.get(code)
    language = reader_language()
    named = {parameter.name: parameter.title.to(language) for parameter in rule.parameters} if rule else {}
    return {"severity": _("Severity"), **named}


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with what objects inside it hold beside everything else: `constraints.required`."""
    flat: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": told for inner, told in value.items()}
        else:
            flat[key] = value
    return flat


def _shown(value: Any) -> str:
    """A value as it reads: severities in words, lists with commas, numbers of a stretch of time with its days."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(_SEVERITIES.get(value, value))
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    if isinstance(value, list) and all(isinstance(entry, Mapping) and "value" in entry for entry in value):
        return "; ".join(_period(entry) for entry in value)
    return json.dumps(value, ensure_ascii=False)


def _period(entry: Mapping[str, Any]) -> str:
    days = f" ({entry.get('from', '…')} – {entry.get('to', '…')})" if {"from", "to"} & set(entry) else ""
    source = f", {entry['source']}" if entry.get("source") else ""
    return f"{entry['value']}{days}{source}"
