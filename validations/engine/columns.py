"""Which column of a file is which field of a profile.

Four ways, the surest first: the header exactly, an alias exactly, either of them blind to accents, case, spaces and
marks, and at last close spelling. A header is never matched because it contains another one.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from validations.engine.cells import letter
from validations.engine.profile import Field, Profile

How = Literal["exact", "alias", "folded", "close"]

# One slip in a word of five letters still names it; in a shorter one it makes another word ("role", "code").
SHORTEST_CLOSE_LABEL = 5
# From this length on two slips are still nearer to the word than to any other header of a billing file.
TWO_SLIPS_LENGTH = 10
# dBASE and shapefile exports cut every header at ten characters.
CUT_LENGTH = 10
# Suggestions for a missing header: the nearest few, not a list of all columns.
MAX_CANDIDATES = 3


@dataclass(frozen=True, slots=True)
class HeaderProblem:
    """One file-level finding about the header."""

    code: str
    column_index: int | None
    value: str | None
    params: Mapping[str, Any]
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """The outcome: for each column its field and how it was found, and what is wrong with the header."""

    fields: tuple[str | None, ...]
    how: tuple[How | None, ...]
    problems: tuple[HeaderProblem, ...]


@dataclass(slots=True)
class _State:
    """The matching while it grows."""

    labels: Sequence[str]
    fields: list[str | None]
    how: list[How | None]
    problems: list[HeaderProblem] = field(default_factory=list)

    def take(self, index: int, name: str, how: How) -> None:
        self.fields[index] = name
        self.how[index] = how


def fold(label: str) -> str:
    """The label without accents, case, spaces and marks: `Élément_de contexte` gives `elementdecontexte`."""
    decomposed = unicodedata.normalize("NFKD", label.casefold())
    return "".join(c for c in decomposed if c.isalnum() and not unicodedata.combining(c))


def edit_distance(left: str, right: str, limit: int) -> int:
    """How many letters must be put in, left out, changed or swapped with their neighbor; limit + 1 "
    "if more than that."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        current = [i]
        for j, b in enumerate(right, start=1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, previous = previous, current
    return min(previous[-1], limit + 1)


def match(labels: Sequence[str], profile: Profile) -> Matching:
    """The fields of a file's columns, with one problem for each header that is missing, unknown, "
    "doubled or misspelled."""
    state = _State(labels, [None] * len(labels), [None] * len(labels))
    _match_by(state, profile, "exact", lambda f: {f.label, f.name}, str.strip)
    _match_by(state, profile, "alias", lambda f: set(f.aliases), str.strip)
    _match_by(state, profile, "folded", _folded_spellings, fold)
    _match_close(state, profile)
    _report_doubles(state, profile)
    _report_missing(state, profile)
    _report_extra(state)
    return Matching(tuple(state.fields), tuple(state.how), tuple(state.problems))


def close_fields(label: str, fields: Iterable[Field]) -> list[tuple[int, Field]]:
    """The fields whose spelling is near the label, the nearest first, with their distance."""
    folded = fold(label)
    found = []
    for entry in fields:
        distances = [_distance(folded, spelling) for spelling in _folded_spellings(entry)]
        near = [distance for distance in distances if distance is not None]
        if near:
            found.append((min(near), entry))
    return sorted(found, key=lambda pair: pair[0])


def _folded_spellings(entry: Field) -> set[str]:
    """Every known spelling of a field's header, folded."""
    spellings = {
        fold(text) for text in (entry.label, entry.title.fr, entry.title.en, entry.name, *entry.aliases)
    }
    return spellings - {""}


def _match_by(
    state: _State,
    profile: Profile,
    how: How,
    spellings: Callable[[Field], set[str]],
    key: Callable[[str], str],
) -> None:
    """Give every field still free the first unmatched column whose label is one of its spellings."""
    known: dict[str, list[str]] = {}
    for entry in profile.fields:
        for spelling in spellings(entry):
            known.setdefault(spelling, []).append(entry.name)
    for index, label in enumerate(state.labels):
        names = known.get(key(label), [])
        if state.fields[index] is None and len(names) == 1 and names[0] not in state.fields:
            state.take(index, names[0], how)


def _match_close(state: _State, profile: Profile) -> None:
    """Match what is left by close spelling, where exactly one field is nearest and no other column is nearer to it."""
    free = [entry for entry in profile.fields if entry.name not in state.fields]
    wishes: dict[str, list[tuple[int, int]]] = {}
    for index, label in enumerate(state.labels):
        near = close_fields(label, free) if state.fields[index] is None else []
        if near and (len(near) == 1 or near[0][0] < near[1][0]):
            wishes.setdefault(near[0][1].name, []).append((near[0][0], index))
    titles = {entry.name: entry for entry in free}
    for name, candidates in wishes.items():
        candidates.sort()
        if len(candidates) > 1 and candidates[0][0] == candidates[1][0]:
            continue
        index = candidates[0][1]
        state.take(index, name, "close")
        params = {"column": letter(index), "expected": titles[name].label, **_titles(titles[name])}
        state.problems.append(
            HeaderProblem("incorrect-label", index, state.labels[index], params, titles[name].label)
        )


def _report_doubles(state: _State, profile: Profile) -> None:
    """Name every second column that spells a field already found under another spelling."""
    for entry in profile.fields:
        first = state.fields.index(entry.name) if entry.name in state.fields else None
        if first is None:
            continue
        for index, label in enumerate(state.labels):
            if state.fields[index] is None and fold(label) in _folded_spellings(entry):
                if label == state.labels[first]:
                    continue  # the reading pass has reported equal labels
                params = {
                    "column": letter(index),
                    "first_column": letter(first),
                    "label": label,
                    **_titles(entry),
                }
                state.problems.append(HeaderProblem("duplicate-label", index, label, params))


def _report_missing(state: _State, profile: Profile) -> None:
    """Name every required field without a column, with the unmatched headers that come near."""
    free = [(index, label) for index, label in enumerate(state.labels) if state.fields[index] is None]
    for entry in profile.fields:
        if entry.constraints.required and entry.name not in state.fields:
            near = [label for _, label in free if close_fields(label, [entry])][:MAX_CANDIDATES]
            params = {"label": entry.label, "candidates": near, **_titles(entry)}
            state.problems.append(HeaderProblem("missing-label", None, None, params))


def _report_extra(state: _State) -> None:
    """Name every column no field wants; its cells are kept beside the record."""
    doubles = {problem.column_index for problem in state.problems if problem.code == "duplicate-label"}
    for index, label in enumerate(state.labels):
        if state.fields[index] is None and label.strip() and index not in doubles:
            params = {"column": letter(index), "label": label}
            state.problems.append(HeaderProblem("extra-label", index, label, params))


def _titles(entry: Field) -> dict[str, str]:
    """A field's name for the reader, in each language."""
    return {"title_en": entry.title.en, "title_fr": entry.title.fr}


def _allowed(folded: str) -> int:
    """How many slips a header of this length may hold."""
    if len(folded) < SHORTEST_CLOSE_LABEL:
        return 0
    return 2 if len(folded) >= TWO_SLIPS_LENGTH else 1


def _distance(label: str, spelling: str) -> int | None:
    """The slips between two folded headers, None if too many; a header cut at ten characters counts as one slip."""
    if _digits(label) != _digits(spelling):
        return None
    if len(label) < len(spelling) and _is_cut(label, spelling):
        return 1
    allowed = min(_allowed(label), _allowed(spelling))
    distance = edit_distance(label, spelling, allowed)
    return distance if distance <= allowed else None


def _is_cut(label: str, spelling: str) -> bool:
    """Whether the label is the spelling after a format with ten-character headers; marks were folded away."""
    return CUT_LENGTH - 2 <= len(label) <= CUT_LENGTH and spelling.startswith(label)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
