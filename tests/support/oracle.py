"""One schema and one file, checked by this engine and by frictionless-py, and every difference explained or not.

Both get the same file and the same Table Schema. What they find is compared cell by cell (row, field and code), and for
keys row by row. A difference counts as explained only when it is one of DIFFERENCES, each of which stands, with its
reason, in docs/table-schema.md under the same name; anything else is a fault.
"""

import csv
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from frictionless import Resource

from validations.engine import batch
from validations.engine.check import Check
from validations.engine.forms import BLANKS
from validations.engine.options import Options
from validations.engine.profile import Profile

OPTIONS = Options(today=date(2026, 3, 20), encoding="utf-8", delimiter=",", quotechar='"', header_line=1)
# Findings about the schema; those about how the file was read have no counterpart.
COMPARED = frozenset(
    {"type-error", "constraint-error", "required", "unique-error", "primary-key", "foreign-key"}
)
ROW_CODES = frozenset({"unique-error", "primary-key", "foreign-key"})

Found = frozenset[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A schema, with its missing values, and the rows of a file; the first field names the row and is never empty."""

    schema: Mapping[str, Any]
    rows: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> list[str]:
        """The names of the fields."""
        return [entry["name"] for entry in self.schema["fields"]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that the two judge differently, with what each said."""

    field: Mapping[str, Any]
    text: str
    missing: tuple[str, ...]
    ours: frozenset[str]
    theirs: frozenset[str]

    @property
    def type(self) -> str:
        """The type of its field."""
        return str(self.field.get("type", "string"))

    @property
    def format(self) -> str:
        """The format of its field."""
        return str(self.field.get("format", "default"))

    @property
    def tidy(self) -> str:
        """The text without blanks around it."""
        return self.text.strip(BLANKS)

    @property
    def is_refused_by_us_alone(self) -> bool:
        """Whether only this engine says that the cell cannot be read."""
        return "type-error" in self.ours and "type-error" not in self.theirs

    @property
    def is_read_by_us_alone(self) -> bool:
        """Whether only frictionless says that the cell cannot be read."""
        return "type-error" in self.theirs and "type-error" not in self.ours


@dataclass(slots=True)
class Comparison:
    """What a comparison came to: names of differences in the list, and cells or rows that are in none of them."""

    explained: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    findings: int = 0


def compare(case: Case, folder: Path) -> Comparison:
    """How the two findings on one case differ."""
    path = _write(case, folder / "case.csv")
    return _compared(case, our_findings(case, path), their_findings(case, path))


def compare_together(cases: Sequence[Case], folder: Path) -> list[Comparison]:
    """How the two findings differ on cases of one schema, whose files this engine checks together."""
    paths = [_write(case, folder / f"case-{number}.csv") for number, case in enumerate(cases)]
    profile = Profile.from_descriptor({"name": "oracle", **cases[0].schema})
    results = batch.check([batch.read(path, OPTIONS, None) for path in paths], profile, OPTIONS)
    return [
        _compared(
            case,
            our_findings(case, path)
            if found is None
            else frozenset(
                (code, row, "" if index is None else case.names[index])
                for code, _, _, row, index, *_ in found
                if code in COMPARED
            ),
            their_findings(case, path),
        )
        for case, path, found in zip(cases, paths, results, strict=True)
    ]


def _write(case: Case, path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([case.names, *case.rows])
    return path


def _compared(case: Case, ours: Found, theirs: Found) -> Comparison:
    comparison = Comparison(findings=len(theirs))
    doubtful = _compare_cells(case, ours, theirs, comparison)
    _compare_rows(case, ours, theirs, doubtful, comparison)
    return comparison


def our_findings(case: Case, path: Path) -> Found:
    """What this engine finds: code, row and field."""
    profile = Profile.from_descriptor({"name": "oracle", **case.schema})
    with Check(path, profile, OPTIONS) as check:
        check.read()
        check.run_rules()
        found = [finding for some in check.finding_batches() for finding in some]
    broken = [finding for finding in found if finding[0] == "rule-failed"]
    assert not broken, broken
    return frozenset((code, row, name) for code, _, _, row, _, _, name, *_ in found if code in COMPARED)


def their_findings(case: Case, path: Path) -> Found:
    """What frictionless finds, a required cell that is empty under our code for it."""
    logging.getLogger("frictionless").setLevel(logging.ERROR)
    resource = Resource.from_descriptor(
        {
            "$schema": "https://datapackage.org/profiles/2.0/dataresource.json",
            "name": "case",
            "type": "table",
            "path": path.name,
            "encoding": "utf-8",
            "dialect": {"csv": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True}},
            "schema": dict(case.schema),
        },
        basepath=str(path.parent),
    )
    report = resource.validate(limit_errors=100_000)
    known = {"type-error", "constraint-error", "unique-error", "primary-key", "foreign-key"}
    errors = [error for task in report.tasks for error in task.errors]
    unknown = {error.type for error in [*errors, *report.errors]} - known
    assert not unknown, (unknown, [error.message for error in [*errors, *report.errors]])
    return frozenset(
        (
            "required" if 'constraint "required"' in error.note else error.type,
            getattr(error, "row_number", 0) - 1,  # the header is row 1 there
            getattr(error, "field_name", ""),
        )
        for error in errors
    )


def _compare_cells(case: Case, ours: Found, theirs: Found, comparison: Comparison) -> set[str]:
    """Note each cell judged differently; the names of the columns in which the two read some value differently."""
    doubtful: set[str] = set()
    missing = tuple(case.schema["missingValues"])
    for row, texts in enumerate(case.rows, start=1):
        for entry, text in zip(case.schema["fields"], texts, strict=True):
            said = [
                frozenset(code for code, at, name in found if (at, name) == (row, entry["name"]))
                for found in (ours, theirs)
            ]
            cell = Cell(
                entry, text, tuple(entry.get("missingValues", missing)), *(s - ROW_CODES for s in said)
            )
            found_names = [name for name, (explains, _) in DIFFERENCES.items() if explains(cell)]
            if found_names:
                doubtful.add(entry["name"])
            if cell.ours == cell.theirs:
                continue
            if found_names:
                comparison.explained.append(found_names[0])
                continue
            comparison.unexplained.append(
                f"{dict(entry)}: {text!r}: ours {sorted(cell.ours)}, theirs {sorted(cell.theirs)}"
            )
    return doubtful


def _compare_rows(case: Case, ours: Found, theirs: Found, doubtful: set[str], comparison: Comparison) -> None:
    """Note each row whose keys are judged differently, where all values of the key are read alike."""
    unsound = {(row, name) for code, row, name in ours | theirs if code in ("type-error", "constraint-error")}
    for code, columns in _keys(case):
        names = [case.names.index(name) for name in columns]
        if doubtful & set(columns):
            comparison.explained.append("value-read-differently")
            continue
        field_of_code = columns[0] if code == "unique-error" else None
        rows = [
            {row for at, row, name in found if at == code and field_of_code in (None, name)}
            for found in (ours, theirs)
        ]
        for row in sorted(rows[0] ^ rows[1]):
            cells = [case.rows[row - 1][index] for index in names]
            empty = [
                not cell
                or cell in case.schema["fields"][index].get("missingValues", case.schema["missingValues"])
                for index, cell in zip(names, cells, strict=True)
            ]
            if any(empty) and len(columns) > 1:
                comparison.explained.append("key-partly-empty")
            elif any((row, name) in unsound for name in columns):
                comparison.explained.append("key-not-readable")
            elif all(empty) and any(
                case.schema["fields"][index].get("constraints", {}).get("required") for index in names
            ):
                comparison.explained.append("key-required")
            else:
                comparison.unexplained.append(f"{code} {columns} row {row} {cells}: {case}")


def _keys(case: Case) -> list[tuple[str, list[str]]]:
    """Every check over rows that the schema asks for, with its columns."""
    keys = [
        ("unique-error", [entry["name"]])
        for entry in case.schema["fields"]
        if entry.get("constraints", {}).get("unique")
    ]
    if case.schema.get("primaryKey"):
        keys.append(("primary-key", list(case.schema["primaryKey"])))
    return keys + [
        ("foreign-key", [*key["fields"], *key["reference"]["fields"]])
        for key in case.schema.get("foreignKeys", [])
    ]


def _is_blank_sided(cell: Cell) -> bool:
    return cell.text != cell.tidy


def _is_empty_unlisted(cell: Cell) -> bool:
    return cell.text == "" and "" not in cell.missing


def _of(*types: str, pattern: str = "", format_: str | None = None) -> Callable[[Cell], bool]:
    """Cells of some types whose text has a pattern somewhere."""
    wanted = re.compile(pattern, re.DOTALL)

    def explains(cell: Cell) -> bool:
        is_format = format_ is None or cell.format == format_
        return cell.type in types and is_format and wanted.search(cell.tidy) is not None

    return explains


def _refused(explains: Callable[[Cell], bool]) -> Callable[[Cell], bool]:
    """The same, where it is this engine alone that refuses the cell."""
    return lambda cell: cell.is_refused_by_us_alone and explains(cell)


def _taken(explains: Callable[[Cell], bool]) -> Callable[[Cell], bool]:
    """The same, where it is this engine alone that reads the cell."""
    return lambda cell: cell.is_read_by_us_alone and explains(cell)


# Name, what tells that a cell falls under it, and the reason in a few words; docs/table-schema.md has both in full.
DIFFERENCES: Mapping[str, tuple[Callable[[Cell], bool], str]] = {
    "blanks": (_is_blank_sided, "blanks around a value mean nothing; a cell of blanks is empty"),
    "empty": (_is_empty_unlisted, "an empty cell is never a value"),
    "underscore": (
        _refused(_of("integer", "number", "geopoint", "list", "year", pattern="_")),
        "1_000 is Python",
    ),
    "other-digits": (
        _refused(lambda cell: any(c.isdigit() and not c.isascii() for c in cell.text)),
        "only full-width digits are taken for ASCII ones",
    ),
    "no-number": (
        _refused(_of("number", pattern=r"(?i)nan|inf")),
        "NaN and INF are no amounts; they spoil every sum",
    ),
    "large-number": (
        _refused(_of("number", "integer", "list", pattern=r"[0-9]{19}|[eE][+-]?[0-9]+")),
        "integers have 18 digits, numbers 20 before the mark and exponents that fit them",
    ),
    "number-groups": (
        _taken(_of("number", pattern=r"[0-9][ \u00a0\u202f][0-9]")),
        "a space parts thousands in French",
    ),
    "point-for-comma": (
        lambda cell: cell.is_read_by_us_alone and cell.field.get("decimalChar") == "," and "." in cell.text,
        "a point for the comma can mean nothing else",
    ),
    "leading-mark": (
        lambda cell: (
            cell.field.get("bareNumber") is False and re.search(r"^[^0-9-]*\.[0-9]", cell.tidy) is not None
        ),
        "a mark before the first digit belongs to the number",
    ),
    "short-date": (
        _refused(_of("date", "datetime", "list", pattern=r"(?<![0-9])[0-9](?![0-9])")),
        "days and months have two digits",
    ),
    "far-year": (
        _refused(_of("date", "datetime", "list", pattern=r"(?<![0-9])[03-9][0-9]{3}")),
        "years are 1000 to 2999",
    ),
    "any": (
        _of("date", "time", "datetime", format_="any"),
        "one of the usual formats, not whatever can be guessed",
    ),
    "short-time": (
        _taken(_of("time", "datetime", "list", pattern=r"[0-9]{1,2} ?[:hH] ?([0-9]{2})?")),
        "hours and minutes are a time",
    ),
    "hour-24": (_refused(_of("time", "datetime", "list", pattern="24:00")), "a day ends at 23:59:59"),
    "separator": (
        _refused(_of("datetime", "list", pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}[^T ]")),
        "T or a space stands between",
    ),
    "year-form": (_refused(_of("year", pattern="[^0-9]")), "a year is four digits"),
    "month-form": (_refused(_of("yearmonth", pattern=r"^(?![0-9]{4}-[0-9]{2}$)")), "a month is YYYY-MM"),
    "duration-form": (
        _refused(_of("duration", pattern=r"^[+-]?P(T?$|.*T$|[0-9]{4}-|.*[0-9]{10}|.*\.[0-9]{7})")),
        "a duration names at least one length",
    ),
    "uri-letters": (
        _refused(_of("string", format_="uri", pattern=r'[\s<>"{}|\\^`]')),
        "letters RFC 3986 has no place for",
    ),
    "uuid-form": (
        _refused(
            _of("string", format_="uuid", pattern=r"^(?![0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$)")
        ),
        "a UUID is written 8-4-4-4-12",
    ),
    "base64-letters": (
        _refused(_of("string", format_="binary", pattern=r"[^A-Za-z0-9+/=]|=[^=]|={3}|^=")),
        "letters RFC 4648 does not have",
    ),
    "point-form": (
        _refused(_of("geopoint", pattern=r'[0-9][eE]|"[0-9]|true|false|_|NaN|null')),
        "degrees are plain JSON numbers",
    ),
    "json-numbers": (
        _refused(_of("array", "object", "geojson", "geopoint", pattern=r"NaN|Infinity")),
        "JSON has no NaN",
    ),
    "json-equality": (
        lambda cell: (
            cell.type in ("array", "object", "geojson")
            and "enum" in cell.field.get("constraints", {})
            and "type-error" not in cell.ours | cell.theirs
        ),
        "structures are equal when their JSON is",
    ),
    "altitude": (
        _taken(_of("geojson", pattern=r"\[[^\[\],]+,[^\[\],]+,[^\[\],]+\]")),
        "a position may have an altitude",
    ),
}
# Differences about keys, which concern rows and not one cell.
KEY_DIFFERENCES: Mapping[str, str] = {
    "value-read-differently": "a column in which a cell falls under another difference has other values to compare",
    "key-partly-empty": "each empty part of a primary key is an error; a key that lacks a part refers to nothing",
    "key-not-readable": "a cell that cannot be read or breaks its pattern takes part in no key",
    "key-required": "an empty required cell is told once",
}
