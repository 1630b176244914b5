"""A profile proposed from a sample file: what the reading detected, and per column what its values have in common.

Where a header is one that a shipped profile knows, the shipped field is taken over, with its rules; everything else is
judged by its values. Nothing is certain: a person looks at it and saves it.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from validations.engine import columns as column_matching
from validations.engine import reading as reading_half
from validations.engine.cells import letter
from validations.engine.clock import DATE_FORMATS
from validations.engine.columns import fold
from validations.engine.options import Options
from validations.engine.profile import load_profile, shipped_profiles
from validations.engine.reading import Reading

# Enough values to see the form of a column; a person corrects what the rest of the file would have told.
SAMPLE_ROWS = 5_000
# A shipped profile is taken for the file's own when it knows this share of the headers.
KNOWN_SHARE = 0.5
# So few different values in so many rows look like a list of choices.
MOST_CHOICES, LEAST_REPEATS = 8, 10
_TIME = re.compile(r"([01]?[0-9]|2[0-3])[:hH][0-5][0-9]")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_MONEY = re.compile(r"-?[0-9]{1,3}(?:([ \u00a0\u202f,.]?)[0-9]{3})*([.,])[0-9]{2}(?:[ \u00a0\u202f]?\$)?")
_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]+)?")
_FIXED_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Proposal:
    """How the sample was read, the descriptor, and which shipped profile lent its fields."""

    reading: Reading
    descriptor: dict[str, Any]
    like: str = ""


def propose(path: Path, options: Options) -> Proposal:
    """A descriptor that the sample file fits.

    Raises: UnreadableFileError, permanent, when the file is no table.
    """
    with tempfile.TemporaryDirectory(prefix="propose-", dir=options.temp_dir) as folder:
        parsed = reading_half.read(path, options, Path(folder))
        rows = list(islice(parsed.rows(), SAMPLE_ROWS))
    labels = [column.label or letter(column.index) for column in parsed.reading.columns]
    like, known = _nearest(labels)
    names = _names(labels, known)
    fields = [
        _field(label, name, [(row[index] or "").strip() for row in rows], known.get(index))
        for index, (label, name) in enumerate(zip(labels, names, strict=True))
    ]
    descriptor: dict[str, Any] = {"missingValues": [""], "fields": fields}
    if like:
        shipped = load_profile(like).descriptor
        descriptor |= {key: shipped[key] for key in ("missingValues", "tables", "rules") if key in shipped}
    return Proposal(parsed.reading, descriptor, like)


def _nearest(labels: Sequence[str]) -> tuple[str, Mapping[int, Mapping[str, Any]]]:
    """The shipped profile that knows most of the headers, and its fields by column; none where it knows too few."""
    best: tuple[str, dict[int, Mapping[str, Any]]] = ("", {})
    for name in shipped_profiles():
        profile = load_profile(name)
        entries = {entry["name"]: entry for entry in profile.descriptor["fields"]}
        matching = column_matching.match(labels, profile)
        sure = zip(matching.fields, matching.how, strict=True)
        found = {i: entries[field] for i, (field, how) in enumerate(sure) if field and how != "close"}
        if len(found) > len(best[1]):
            best = (name, found)
    return best if len(best[1]) >= max(2, KNOWN_SHARE * len(labels)) else ("", {})


def _names(labels: Sequence[str], known: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """A name of its own for each column: the shipped one, else made of the header."""
    taken = {str(entry["name"]) for entry in known.values()}
    names = []
    for index, label in enumerate(labels):
        if index in known:
            names.append(str(known[index]["name"]))
            continue
        base = (
            re.sub(r"^[0-9]+", "", fold(label).encode("ascii", "ignore").decode())[:40]
            or f"column{index + 1}"
        )
        # Endings and words that the typed table uses itself.
        base = (
            f"{base}_field" if base in ("row", "line", "extra", "field", "value", "rows", "params") else base
        )
        name = next(made for made in _numbered(base) if made not in taken)
        taken.add(name)
        names.append(name)
    return names


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}{number}"
        number += 1


def _field(label: str, name: str, cells: Sequence[str], shipped: Mapping[str, Any] | None) -> dict[str, Any]:
    if shipped is not None:
        return dict(shipped) | {"title": label}
    filled = [cell for cell in cells if cell]
    entry: dict[str, Any] = {"name": name, "title": label, "titles": {"en": label, "fr": label}}
    found: dict[str, Any] = _type(filled) if filled else {"type": "string"}
    if found["type"] == "string":
        # May be a name or a number of a patient: a person who looks at the proposal says that it is none.
        found["sensitive"] = True
    constraints: dict[str, Any] = dict(found.pop("constraints", {}))
    if cells and len(filled) == len(cells):
        constraints["required"] = True
    return entry | found | ({"constraints": constraints} if constraints else {})


def _type(cells: Sequence[str]) -> dict[str, Any]:
    """Type, format and constraints that all the values have in common; the strictest that fits."""
    for look in (_date, _time, _fixed, _money, _whole, _decimal, _boolean, _choice):
        if (found := look(cells)) is not None:
            return found
    return {"type": "string"}


def _date(cells: Sequence[str]) -> dict[str, Any] | None:
    fits = [pattern for pattern in DATE_FORMATS if all(_is_date(cell, pattern) for cell in cells)]
    # The day before the month where both fit, as French files have it; a person sees both.
    fits = [pattern for pattern in fits if pattern != "%m/%d/%Y" or "%d/%m/%Y" not in fits]
    return {"type": "date", "formats": fits, "errorCode": "date-format"} if fits else None


def _is_date(cell: str, pattern: str) -> bool:
    try:
        datetime.strptime(cell, pattern)  # noqa: DTZ007 -- a form is tried, no moment is meant
    except ValueError:
        return False
    return re.fullmatch(DATE_FORMATS[pattern][0], cell) is not None


def _time(cells: Sequence[str]) -> dict[str, Any] | None:
    return {"type": "time", "errorCode": "time-format"} if _all(_TIME, cells) else None


def _fixed(cells: Sequence[str]) -> dict[str, Any] | None:
    """Numbers that are names: all of one length, which zeros in front or five digits give away."""
    length = len(cells[0])
    alike = _all(_FIXED_DIGITS, cells) and all(len(cell) == length for cell in cells)
    if not alike or length < 2 or not (length >= 5 or any(cell.startswith("0") for cell in cells)):
        return None
    return {"type": "string", "constraints": {"pattern": f"[0-9]{{{length}}}"}}


def _money(cells: Sequence[str]) -> dict[str, Any] | None:
    matches = [_MONEY.fullmatch(cell) for cell in cells]
    marks = {match.group(2) for match in matches if match}
    if not all(matches) or len(marks) != 1:
        return None
    mark = marks.pop()
    groups = {
        (match.group(1) or "").replace("\u00a0", " ").replace("\u202f", " ") for match in matches if match
    }
    groups -= {"", mark}
    group = groups.pop() if len(groups) == 1 else ""
    entry = {
        "type": "number",
        "unit": "cents",
        "decimalChar": mark,
        "groupChar": group,
        "errorCode": "money-format",
    }
    return entry | ({"bareNumber": False} if any("$" in cell for cell in cells) else {})


def _whole(cells: Sequence[str]) -> dict[str, Any] | None:
    return {"type": "integer"} if _all(_INTEGER, cells) else None


def _decimal(cells: Sequence[str]) -> dict[str, Any] | None:
    if not _all(_NUMBER, cells):
        return None
    marks = {mark for cell in cells for mark in ",." if mark in cell}
    if len(marks) != 1:
        return None
    mark = marks.pop()
    places = max(len(cell.partition(mark)[2]) for cell in cells)
    return {"type": "number", "decimalChar": mark, "decimals": min(places, 10)}


def _boolean(cells: Sequence[str]) -> dict[str, Any] | None:
    values = {cell.casefold() for cell in cells}
    for true, false in (
        ("true", "false"),
        ("vrai", "faux"),
        ("oui", "non"),
        ("yes", "no"),
        ("o", "n"),
        ("y", "n"),
    ):
        if values <= {true, false} and len(values) == 2:
            written = sorted(set(cells))
            return {
                "type": "boolean",
                "trueValues": [cell for cell in written if cell.casefold() == true],
                "falseValues": [cell for cell in written if cell.casefold() == false],
            }
    return None


def _choice(cells: Sequence[str]) -> dict[str, Any] | None:
    choices = sorted(set(cells))
    if len(choices) > MOST_CHOICES or len(cells) < LEAST_REPEATS * len(choices):
        return None
    return {"type": "string", "constraints": {"enum": choices}}


def _all(shape: re.Pattern[str], cells: Sequence[str]) -> bool:
    return all(shape.fullmatch(cell) for cell in cells)
