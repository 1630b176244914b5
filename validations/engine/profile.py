"""File formats as data: a Frictionless Table Schema with aliases, units and rule settings.

A profile is one JSON document. Beside the standard's own words it knows, per field: `titles` and `aliases` (other
spellings of the header), `unit` ("cents": kept as whole cents), `decimals`, `formats` (dates: one of these is chosen
for the whole column), `errorCode` (the rule that reports a value which cannot be read), `keyLength` (how many leading
characters identify the thing) and `expected` (`{"en", "fr"}`: what the pattern asks for, in words). Beside the fields:
`tables` (reference tables by role) and `rules` (`{code: {"severity": ..., parameter: value}}`, for rules and table
errors alike).
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, cast

import duckdb

from validations.engine import rules
from validations.engine.clock import DATE_FORMATS, is_pattern
from validations.engine.rules import Parameter
from validations.engine.texts import Text, known_codes

FOLDER = Path(__file__).parent / "profiles"
TYPES = (
    "string", "integer", "number", "boolean", "date", "time", "datetime", "duration", "year", "yearmonth", "list",
    "array", "object", "geopoint", "geojson", "any",
)  # fmt: skip
# What a field of each type may be demanded beside being there, being one of some values, and being its only one.
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_LENGTHS = ("minLength", "maxLength")
_CONSTRAINTS_OF: Mapping[str, tuple[str, ...]] = {
    "string": ("pattern", *_LENGTHS),
    "integer": _BOUNDS,
    "number": _BOUNDS,
    "date": _BOUNDS,
    "time": _BOUNDS,
    "datetime": _BOUNDS,
    "duration": _BOUNDS,
    "year": _BOUNDS,
    "yearmonth": _BOUNDS,
    "array": _LENGTHS,
    "object": _LENGTHS,
    "list": _LENGTHS,
    "any": ("pattern", *_LENGTHS),
}
_FORMATS: Mapping[str, tuple[str, ...]] = {
    "string": ("default", "email", "uri", "uuid", "binary"),
    "geopoint": ("default", "array", "object"),
    "geojson": ("default", "topojson"),
}
_ITEM_TYPES = ("string", "integer", "boolean", "number", "datetime", "date", "time")
# DuckDB accepts more than this in one statement; a billing file with more columns than that is another kind of file.
MAX_FIELDS = 200
# A pattern is compiled by RE2 for each file; a longer one is a mistake or an attack.
MAX_PATTERN_LENGTH = 500
MAX_MARK_LENGTH = 10
# The standard's defaults for a boolean field.
NO_TITLE = Text("", "")
TRUE_VALUES = ("true", "True", "TRUE", "1")
FALSE_VALUES = ("false", "False", "FALSE", "0")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RESERVED = frozenset({"row", "line", "extra", "field", "value", "rows", "params"})
_FIELD_KEYS = frozenset(
    {
        "name", "type", "format", "formats", "title", "titles", "description", "example", "aliases", "constraints",
        "unit", "decimals", "decimalChar", "groupChar", "bareNumber", "trueValues", "falseValues", "errorCode",
        "keyLength", "missingValues", "rdfType", "expected", "delimiter", "itemType", "categories", "categoriesOrdered",
        "sensitive",
    }
)  # fmt: skip
_CONSTRAINTS = frozenset({"required", "unique", "pattern", "enum", *_BOUNDS, *_LENGTHS})
# Rules group rows by these; where a profile does not say how much of the text identifies, this much does.
_KEYED = frozenset({"patient", "provider"})
KEY_CHARS = 64
_PERIOD_KEYS = frozenset({"value", "from", "to", "source"})


class ProfileError(ValueError):
    """A profile's descriptor is wrong; `path` says where in it, `problem` what, in both languages."""

    def __init__(self, path: str, problem: Text) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem.en}")


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the standard lets a profile demand of a field's values."""

    required: bool = False
    unique: bool = False
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    exclusive_minimum: str | None = None
    exclusive_maximum: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a profile."""

    name: str
    type: str = "string"
    label: str = ""
    title: Text = NO_TITLE
    aliases: tuple[str, ...] = ()
    constraints: Constraints = Constraints()
    formats: tuple[str, ...] = ()
    unit: str = ""
    decimals: int | None = None
    decimal_char: str = "."
    group_char: str = ""
    has_currency: bool = False
    true_values: tuple[str, ...] = TRUE_VALUES
    false_values: tuple[str, ...] = FALSE_VALUES
    error_code: str = ""
    key_length: int | None = None
    expected: Text = NO_TITLE
    format: str = "default"
    missing_values: tuple[str, ...] | None = None
    delimiter: str = ","
    item_type: str = "string"
    # Holds data of a patient: masked for readers without the right to see it.
    is_sensitive: bool = False

    @property
    def column(self) -> str:
        """The field's name in the typed table; money carries its unit."""
        return f"{self.name}_cents" if self.unit == "cents" else self.name


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Fields whose values must occur elsewhere: in this file (`resource` is empty) or in a reference table, by role."""

    fields: tuple[str, ...]
    resource: str
    referenced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What a profile says about one code: a severity (None: the code's own) and parameters."""

    severity: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A file format, checked and ready to use."""

    name: str
    title: Text
    fields: tuple[Field, ...]
    missing_values: tuple[str, ...] = ("",)
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, RuleSetting] = field(default_factory=dict)
    descriptor: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_descriptor(cls, descriptor: Mapping[str, Any]) -> "Profile":
        """The profile that a descriptor describes.

        Raises: ProfileError, naming the path in the descriptor, when something in it is wrong.
        """
        return _Reader(descriptor).profile()

    def setting(self, code: str) -> RuleSetting:
        """What this profile says about a code, nothing special where it says nothing."""
        return self.settings.get(code, RuleSetting())

    def by_name(self) -> dict[str, Field]:
        """The fields by their names."""
        return {entry.name: entry for entry in self.fields}


def shipped_profiles() -> tuple[str, ...]:
    """The names of the profiles that come with the project."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def load_profile(name: str) -> Profile:
    """A shipped profile by its name.

    Raises: ProfileError when no shipped profile has the name.
    """
    if name not in shipped_profiles():
        known = ", ".join(shipped_profiles())
        raise ProfileError(
            "name",
            Text(
                f"There is no profile of this name. Known are: {known}.",
                f"Aucun profil ne porte ce nom. Connus : {known}.",
            ),
        )
    return Profile.from_descriptor(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@cache
def reference_table(name: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The header and the rows of a shipped reference table.

    Raises: ProfileError when there is no such table.
    """
    path = FOLDER / f"{name}.csv"
    if not _SLUG.fullmatch(name) or not path.is_file():
        raise ProfileError(
            "tables", Text("There is no such reference table.", "Cette table de référence n'existe pas.")
        )
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    return tuple(header), tuple(tuple(row) for row in rows)


@cache
def is_bounded_pattern(pattern: str) -> bool:
    """Whether RE2, whose matching time is bounded, understands the pattern."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        return False
    try:
        with duckdb.connect(":memory:", config={"threads": 1}) as connection:
            connection.execute(f"SELECT regexp_full_match('', {rules.literal(pattern)})")
    except duckdb.Error:
        return False
    return True


class _Reader:
    """Reads one descriptor, keeping the path for the error that may come."""

    def __init__(self, descriptor: Mapping[str, Any]) -> None:
        self.source = self._object(descriptor, "profile")

    def profile(self) -> Profile:
        """The whole profile."""
        name = self._text(self.source.get("name"), "name")
        if not _SLUG.fullmatch(name):
            self._fail(
                "name",
                "Use lower-case letters, digits and hyphens.",
                "Utilisez minuscules, chiffres et traits d'union.",
            )
        fields, tables = self._fields(), self._tables()
        return Profile(
            name=name,
            title=self._titles(self.source, name, "title"),
            fields=fields,
            missing_values=self._missing(self.source.get("missingValues", [""]), "missingValues"),
            primary_key=self._key(self.source.get("primaryKey", []), "primaryKey", fields),
            unique_keys=self._unique_keys(fields),
            foreign_keys=self._foreign_keys(fields, tables),
            tables=tables,
            settings=self._settings(),
            descriptor=self.source,
        )

    def _fields(self) -> tuple[Field, ...]:
        entries = self._list(self.source.get("fields"), "fields")
        if not 0 < len(entries) <= MAX_FIELDS:
            self._fail("fields", f"Give 1 to {MAX_FIELDS} fields.", f"Indiquez de 1 à {MAX_FIELDS} champs.")
        fields = tuple(self._field(entry, f"fields[{index}]") for index, entry in enumerate(entries))
        seen: set[str] = set()
        for index, entry in enumerate(fields):
            if entry.name in seen:
                self._fail(
                    f"fields[{index}].name", "Two fields have this name.", "Deux champs portent ce nom."
                )
            seen.add(entry.name)
        return fields

    def _field(self, source: Any, path: str) -> Field:
        entry = self._object(source, path)
        self._only(entry, _FIELD_KEYS, path)
        name = self._text(entry.get("name"), f"{path}.name")
        if not _NAME.fullmatch(name) or name in _RESERVED or name.endswith(("_raw", "_key", "_cents")):
            self._fail(f"{path}.name", "This name cannot be used.", "Ce nom ne peut pas être utilisé.")
        kind = self._one_of(entry.get("type", "string"), TYPES, f"{path}.type")
        return Field(
            name=name,
            type=kind,
            label=self._text(entry.get("title", name), f"{path}.title"),
            title=self._titles(entry, name, f"{path}.title"),
            aliases=self._texts(entry.get("aliases", []), f"{path}.aliases"),
            constraints=self._constraints(entry, kind, path),
            formats=self._formats(entry, kind, path),
            unit=self._one_of(entry.get("unit", ""), ("", "cents"), f"{path}.unit"),
            decimals=self._count(entry.get("decimals"), f"{path}.decimals"),
            decimal_char=self._mark(entry.get("decimalChar", "."), f"{path}.decimalChar"),
            group_char=self._mark(entry.get("groupChar", "") or None, f"{path}.groupChar"),
            has_currency=not self._flag(entry.get("bareNumber", True), f"{path}.bareNumber"),
            true_values=self._texts(entry.get("trueValues", TRUE_VALUES), f"{path}.trueValues"),
            false_values=self._texts(entry.get("falseValues", FALSE_VALUES), f"{path}.falseValues"),
            error_code=self._code(entry.get("errorCode", ""), f"{path}.errorCode"),
            key_length=self._key_length(entry, name, kind, path),
            expected=self._both(entry.get("expected"), f"{path}.expected"),
            format=self._format(entry, kind, f"{path}.format"),
            missing_values=self._missing(entry["missingValues"], f"{path}.missingValues")
            if "missingValues" in entry
            else None,
            delimiter=self._mark(entry.get("delimiter", ","), f"{path}.delimiter"),
            item_type=self._one_of(entry.get("itemType", "string"), _ITEM_TYPES, f"{path}.itemType"),
            is_sensitive=self._flag(entry.get("sensitive", False), f"{path}.sensitive"),
        )

    def _key_length(self, entry: Mapping[str, Any], name: str, kind: str, path: str) -> int | None:
        """How much of the text identifies: as given; all that rules group by of those who always are."""
        given = self._count(entry.get("keyLength"), f"{path}.keyLength")
        return KEY_CHARS if given is None and name in _KEYED and kind in ("string", "any") else given

    def _constraints(self, source: Mapping[str, Any], kind: str, field_path: str) -> Constraints:
        path = f"{field_path}.constraints"
        entry = self._object(source.get("constraints", {}), path)
        self._only(entry, _CONSTRAINTS, path)
        for name in entry:
            if name in {"pattern", *_BOUNDS, *_LENGTHS} - set(_CONSTRAINTS_OF.get(kind, ())):
                self._fail(
                    f"{path}.{name}",
                    f"A field of the type “{kind}” cannot be limited in this way.",
                    f"Un champ du type « {kind} » ne peut pas être limité ainsi.",
                )
        pattern = entry.get("pattern")
        if pattern is not None and not is_bounded_pattern(self._text(pattern, f"{path}.pattern")):
            self._fail(
                f"{path}.pattern",
                "This is no regular expression that can be checked in bounded time (RE2).",
                "Ce n'est pas une expression régulière vérifiable en temps borné (RE2).",
            )
        mark = "." if source.get("unit") == "cents" else str(source.get("decimalChar", "."))
        return Constraints(
            required=self._flag(entry.get("required", False), f"{path}.required"),
            unique=self._flag(entry.get("unique", False), f"{path}.unique"),
            pattern=pattern,
            enum=self._enum(source, entry, field_path, mark),
            minimum=_lexical(entry.get("minimum"), mark),
            maximum=_lexical(entry.get("maximum"), mark),
            exclusive_minimum=_lexical(entry.get("exclusiveMinimum"), mark),
            exclusive_maximum=_lexical(entry.get("exclusiveMaximum"), mark),
            min_length=self._count(entry.get("minLength"), f"{path}.minLength"),
            max_length=self._count(entry.get("maxLength"), f"{path}.maxLength"),
        )

    def _enum(
        self, source: Mapping[str, Any], entry: Mapping[str, Any], path: str, mark: str
    ) -> tuple[str, ...]:
        """The values allowed: those of the constraint, else the field's categories, with or without labels."""
        values = self._list(entry.get("enum", []), f"{path}.constraints.enum")
        if not values:
            values = self._unlabelled(source.get("categories", []), f"{path}.categories")
        return tuple(_lexical(value, mark) or "" for value in values)

    def _formats(self, entry: Mapping[str, Any], kind: str, path: str) -> tuple[str, ...]:
        if kind != "date":
            return ()
        single = entry.get("format", "default")
        default = {"default": ["%Y-%m-%d"], "any": list(DATE_FORMATS)}.get(single, [single])
        formats = self._texts(entry.get("formats", default), f"{path}.formats")
        for index, pattern in enumerate(formats):
            self._pattern(pattern, f"{path}.formats[{index}]" if "formats" in entry else f"{path}.format")
        return formats or ("%Y-%m-%d",)

    def _format(self, entry: Mapping[str, Any], kind: str, path: str) -> str:
        chosen = self._text(entry.get("format", "default"), path)
        if kind in ("date", "time", "datetime"):
            return chosen if chosen in ("default", "any") else self._pattern(chosen, path)
        return self._one_of(chosen, _FORMATS.get(kind, ("default",)), path)

    def _pattern(self, text: str, path: str) -> str:
        if not is_pattern(text):
            self._fail(
                path,
                "This is no format of a date or time, such as %d/%m/%Y.",
                "Ce n'est pas un format de date ou d'heure, comme %d/%m/%Y.",
            )
        return text

    def _mark(self, value: Any, path: str) -> str:
        """A mark between digits or items, empty where none is given."""
        if value is None:
            return ""
        mark = self._text(value, path)
        if not 0 < len(mark) <= MAX_MARK_LENGTH or any(letter.isdigit() or letter in "+-" for letter in mark):
            self._fail(
                path,
                "Give a short mark that is neither a digit nor a sign.",
                "Indiquez une marque courte, ni chiffre ni signe.",
            )
        return mark

    def _missing(self, source: Any, path: str) -> tuple[str, ...]:
        return self._texts(self._unlabelled(source, path), path)

    def _unlabelled(self, source: Any, path: str) -> list[Any]:
        """Values as they are or as `{"value", "label"}`, without their labels."""
        values = self._list(source, path)
        return [value.get("value") if isinstance(value, Mapping) else value for value in values]

    def _key(self, source: Any, path: str, fields: tuple[Field, ...]) -> tuple[str, ...]:
        """The names of a key's fields, given as a list or as one name."""
        names = self._texts([source] if isinstance(source, str) else source, path)
        for index, name in enumerate(names):
            self._one_of(name, tuple(entry.name for entry in fields), f"{path}[{index}]")
        return names

    def _unique_keys(self, fields: tuple[Field, ...]) -> tuple[tuple[str, ...], ...]:
        keys = self._list(self.source.get("uniqueKeys", []), "uniqueKeys")
        return tuple(self._key(key, f"uniqueKeys[{index}]", fields) for index, key in enumerate(keys))

    def _foreign_keys(self, fields: tuple[Field, ...], tables: Mapping[str, str]) -> tuple[ForeignKey, ...]:
        keys = self._list(self.source.get("foreignKeys", []), "foreignKeys")
        return tuple(
            self._foreign_key(key, f"foreignKeys[{index}]", fields, tables) for index, key in enumerate(keys)
        )

    def _foreign_key(
        self, source: Any, path: str, fields: tuple[Field, ...], tables: Mapping[str, str]
    ) -> ForeignKey:
        entry = self._object(source, path)
        names = self._key(entry.get("fields"), f"{path}.fields", fields)
        reference = self._object(entry.get("reference"), f"{path}.reference")
        resource = self._one_of(reference.get("resource", ""), ("", *tables), f"{path}.reference.resource")
        known = reference_table(tables[resource])[0] if resource else tuple(f.name for f in fields)
        wanted = reference.get("fields")
        referenced = self._texts([wanted] if isinstance(wanted, str) else wanted, f"{path}.reference.fields")
        for index, name in enumerate(referenced):
            self._one_of(name, known, f"{path}.reference.fields[{index}]")
        if len(names) != len(referenced) or not names:
            self._fail(
                f"{path}.reference.fields",
                "Name as many fields here as in the key itself.",
                "Nommez ici autant de champs que dans la clé.",
            )
        return ForeignKey(names, resource, referenced)

    def _tables(self) -> dict[str, str]:
        entry = self._object(self.source.get("tables", {}), "tables")
        for role, name in entry.items():
            if not _NAME.fullmatch(role) or not _SLUG.fullmatch(self._text(name, f"tables.{role}")):
                self._fail(f"tables.{role}", "This is no name of a table.", "Ce n'est pas un nom de table.")
            reference_table(name)
        return dict(entry)

    def _settings(self) -> dict[str, RuleSetting]:
        entry = self._object(self.source.get("rules", {}), "rules")
        return {code: self._setting(code, setting) for code, setting in entry.items()}

    def _setting(self, code: str, source: Any) -> RuleSetting:
        path = f"rules.{code}"
        self._code(code, path)
        entry = dict(self._object({"severity": source} if isinstance(source, str) else source, path))
        severity = entry.pop("severity", None)
        if severity is not None:
            self._one_of(severity, rules.SEVERITIES, f"{path}.severity")
        known = {p.name: p for p in rules.RULES[code].parameters} if code in rules.RULES else {}
        for name, value in entry.items():
            if name not in known:
                self._fail(f"{path}.{name}", "There is no such parameter.", "Ce paramètre n'existe pas.")
            self._parameter(known[name], value, f"{path}.{name}")
        return RuleSetting(severity, entry)

    def _parameter(self, parameter: Parameter, value: Any, path: str) -> None:
        if isinstance(parameter.default, tuple):
            self._texts(value, path)
        elif isinstance(value, list) and isinstance(parameter.default, int):
            for index, period in enumerate(value):
                self._period(parameter, period, f"{path}[{index}]")
        elif isinstance(value, bool) or not isinstance(value, type(parameter.default)):
            self._fail(path, "This value is of the wrong kind.", "Cette valeur n'est pas du bon type.")

    def _period(self, parameter: Parameter, source: Any, path: str) -> None:
        entry = self._object(source, path)
        self._only(entry, _PERIOD_KEYS, path)
        if isinstance(entry.get("value"), bool) or not isinstance(entry.get("value"), int):
            self._fail(f"{path}.value", "Give a whole number.", "Indiquez un nombre entier.")
        for key in ("from", "to"):
            if entry.get(key) is not None and not _is_day(entry[key]):
                self._fail(f"{path}.{key}", "Give a date as YYYY-MM-DD.", "Indiquez une date AAAA-MM-JJ.")

    def _titles(self, entry: Mapping[str, Any], default: str, path: str) -> Text:
        titles = self._object(entry.get("titles", {}), f"{path}s")
        title = self._text(entry.get("title", default), path)
        return Text(self._text(titles.get("en", title), path), self._text(titles.get("fr", title), path))

    def _both(self, value: Any, path: str) -> Text:
        """A text in both languages, empty where it is not given."""
        if value is None:
            return NO_TITLE
        entry = self._object(value, path)
        self._only(entry, frozenset({"en", "fr"}), path)
        return Text(self._text(entry.get("en"), f"{path}.en"), self._text(entry.get("fr"), f"{path}.fr"))

    def _code(self, value: Any, path: str) -> str:
        if value and value not in known_codes():
            self._fail(
                path,
                "There is no rule or table error of this name.",
                "Aucune règle ni erreur de table ne porte ce nom.",
            )
        return str(value)

    def _only(self, entry: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        for key in entry:
            if key not in known:
                self._fail(f"{path}.{key}", "This word is not known here.", "Ce mot n'est pas connu ici.")

    def _object(self, value: Any, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self._fail(path, "An object is expected.", "Un objet est attendu.")
        return cast("Mapping[str, Any]", value)

    def _list(self, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            self._fail(path, "A list is expected.", "Une liste est attendue.")
        return list(cast("list[Any]", value))

    def _text(self, value: Any, path: str) -> str:
        if not isinstance(value, str):
            self._fail(path, "A text is expected.", "Un texte est attendu.")
        return value

    def _texts(self, value: Any, path: str) -> tuple[str, ...]:
        return tuple(
            self._text(item, f"{path}[{index}]") for index, item in enumerate(self._list(value, path))
        )

    def _flag(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            self._fail(path, "True or false is expected.", "Vrai ou faux est attendu.")
        return bool(value)

    def _count(self, value: Any, path: str) -> int | None:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            self._fail(
                path, "A whole number from 0 is expected.", "Un nombre entier à partir de 0 est attendu."
            )
        return value

    def _one_of(self, value: Any, known: tuple[str, ...], path: str) -> str:
        if value not in known:
            choices = ", ".join(repr(choice) for choice in known)
            self._fail(path, f"Use one of: {choices}.", f"Utilisez l'une des valeurs : {choices}.")
        return str(value)

    def _fail(self, path: str, english: str, french: str) -> NoReturn:
        raise ProfileError(path, Text(english, french))


def _lexical(value: Any, mark: str) -> str | None:
    """A value of a descriptor as a cell would write it; a number gets the field's decimal mark."""
    if value is None or isinstance(value, str):
        return value
    told = json.dumps(value, ensure_ascii=False)
    return told.replace(".", mark) if isinstance(value, float) else told


def _is_day(value: object) -> bool:
    """Whether the value is a calendar date in the ISO form."""
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True
