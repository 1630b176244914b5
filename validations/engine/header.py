"""Where the header of a table stands, if it has one, judged by how the first rows differ from those below."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from validations.engine import cells as look
from validations.engine.dialect import SEP_LINE

COMPARED_ROWS = 40  # rows below a candidate whose kinds are compared with it
HEADER_ROWS = 5  # group, name and unit rows above each other; more has not been seen
VALUE_KINDS = look.TYPED - {"code", "integer"}  # years and codes stand in headers, dates and amounts do not
UNTYPED = 0.7  # how sure a header is above columns of words only
ALONE = 0.6  # and above nothing
TYPED_SHARE = 0.75  # of the filled cells of a column must be of one kind for the kind to mean something


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row of the beginning of the file and the physical line on which it starts."""

    line: int
    cells: list[str]

    @property
    def filled(self) -> int:
        """How many cells hold something."""
        return sum(1 for cell in self.cells if cell.strip())


@dataclass(frozen=True, slots=True)
class Header:
    """The header as found. `first` and `rows` are positions in the sample; `rows` is 0 when there is none."""

    first: int
    rows: int
    labels: tuple[str, ...]  # to match columns by
    cells: tuple[str, ...]  # as in the file, the cells of several rows joined by a space
    line: int | None
    lowest: tuple[str, ...] = ()  # the cells of the last header row, by which it is known again further down
    confidence: float = 1.0  # that this is the header, or that there is none; 1 where it was given


def find(sample: Sequence[SampleRow], width: int, given_line: int | None) -> Header:
    """The header among the first rows, or a header of no rows."""
    if given_line is not None:
        return _given(sample, given_line)
    first = _first_full_row(sample, width)
    first = _better_start(sample, first, width)
    below = sample[first + 1 : first + 1 + COMPARED_ROWS]
    kinds = column_kinds([row.cells for row in below], width)
    sure = _confidence(sample[first], below, kinds)
    if not _is_header(sample[first], below, kinds):
        return Header(first, 0, (), (), None, confidence=sure)
    rows = 1
    while rows < HEADER_ROWS and first + rows < len(sample) - 1:
        candidate = sample[first + rows]
        rest = sample[first + rows + 1 : first + rows + 1 + COMPARED_ROWS]
        if not _continues_header(sample[first], candidate, rest, width):
            break
        rows += 1
    return replace(_joined(sample, first, rows), confidence=sure)


def _confidence(row: SampleRow, below: Sequence[SampleRow], kinds: Sequence[str | None]) -> float:
    """How sure the first row is told from the rows below: by the share of typed columns that say the same of it."""
    differs, agrees = _votes(row.cells, kinds)
    if not differs and not agrees:
        return UNTYPED if below else ALONE
    return round(max(0.5, max(differs, agrees) / (differs + agrees)), 3)


def _given(sample: Sequence[SampleRow], line: int) -> Header:
    if line == 0:
        return Header(0, 0, (), (), None)
    place = next((index for index, row in enumerate(sample) if row.line == line), None)
    return Header(0, 0, (), (), -1) if place is None else _joined(sample, place, 1)


def _joined(sample: Sequence[SampleRow], first: int, rows: int) -> Header:
    parts = [row.cells for row in sample[first : first + rows]]
    width = max(map(len, parts))
    grid = [
        _spread([*part, *[""] * (width - len(part))], below)
        for part, below in zip(parts, [*parts[1:], None], strict=True)
    ]
    columns = list(zip(*grid, strict=True))
    if rows == 1:
        return Header(first, 1, tuple(parts[0]), tuple(parts[0]), sample[first].line, tuple(parts[0]))
    written = tuple(" ".join(cell for cell in column if cell.strip()) for column in columns)
    labels = tuple(
        next((cell.strip() for cell in reversed(column) if cell.strip()), "") for column in columns
    )
    named = [label for label in labels if label]
    if len(set(named)) < len(named):  # the lowest names alone do not tell the columns apart
        labels = tuple(
            " ".join(dict.fromkeys(cell.strip() for cell in column if cell.strip())) for column in columns
        )
    return Header(first, rows, labels, written, sample[first].line, tuple(parts[-1]))


def _spread(row: list[str], below: Sequence[str] | None) -> list[str]:
    """A row of group names with each name over all the columns it groups."""
    if below is None:
        return row
    spread: list[str] = []
    for index, cell in enumerate(row):
        named_below = index < len(below) and below[index].strip()
        spread.append(spread[-1] if not cell.strip() and named_below and spread else cell)
    return spread


def _first_full_row(sample: Sequence[SampleRow], width: int) -> int:
    """The first row that is part of the table: what stands above it is a title, a note or a date of export."""
    for index, row in enumerate(sample):
        if len(row.cells) == 1 and SEP_LINE.fullmatch(row.cells[0]):
            continue
        if (
            row.filled > width / 2
            or (row.filled == width and width <= 2)
            or _half_named(sample, index, width)
        ):
            return index
    return next((index for index, row in enumerate(sample) if row.filled), 0)


def _half_named(sample: Sequence[SampleRow], index: int, width: int) -> bool:
    """True for a row that names half of the columns and stands right above the next row of the table."""
    row = sample[index]
    if row.filled * 2 < width or row.filled < 2 or len(row.cells) != width or index + 1 >= len(sample):
        return False
    follows = sample[index + 1].line == row.line + 1 and sample[index + 1].filled > width / 2
    return follows and not any(look.kind(cell) in VALUE_KINDS for cell in row.cells)


def _better_start(sample: Sequence[SampleRow], first: int, width: int) -> int:
    """A row of the right width close below, when the first full row is too wide and only that one is a header."""
    if len(sample[first].cells) <= width:
        return _group_row(sample, first, width)
    for index in range(first + 1, min(first + 4, len(sample))):
        below = sample[index + 1 : index + 1 + COMPARED_ROWS]
        kinds = column_kinds([row.cells for row in below], width)
        if len(sample[index].cells) == width and any(kinds) and _is_header(sample[index], below, kinds):
            return index
    return first


def _group_row(sample: Sequence[SampleRow], first: int, width: int) -> int:
    """The row above the header, when it names groups of columns."""
    above = first - 1
    if above < 0 or len(sample[above].cells) != width or sample[above].line != sample[first].line - 1:
        return first
    below = sample[first + 1 : first + 1 + COMPARED_ROWS]
    kinds = column_kinds([row.cells for row in below], width)
    is_group = sample[above].filled >= 2 and _is_header(sample[first], below, kinds)
    return (
        above
        if is_group and not any(look.kind(cell) in look.NUMERIC for cell in sample[above].cells)
        else first
    )


def column_kinds(rows: Sequence[Sequence[str]], width: int) -> list[str | None]:
    """For each column the kind that most of its filled cells have, None for text and for mixed columns."""
    kinds: list[str | None] = []
    for column in range(width):
        seen = Counter(look.kind(row[column]) for row in rows if column < len(row))
        seen.pop("empty", None)
        numeric = sum(count for kind, count in seen.items() if kind in look.NUMERIC)
        best, count = max(seen.items(), key=lambda item: item[1], default=(look.TEXT, 0))
        total = sum(seen.values())
        if numeric >= TYPED_SHARE * max(1, total):
            best, count = "decimal", numeric
        kinds.append(best if best in look.TYPED and count >= TYPED_SHARE * total else None)
    return kinds


def _votes(row: Sequence[str], kinds: Sequence[str | None]) -> tuple[int, int]:
    """How many typed columns the row differs from, and how many it agrees with."""
    differs = agrees = 0
    for cell, expected in zip(row, kinds, strict=False):
        found = look.kind(cell)
        if expected is None or found == "empty":
            continue
        if look.same_kind(found, expected):
            agrees += 1
        else:
            differs += 1
    return differs, agrees


def _is_header(row: SampleRow, below: Sequence[SampleRow], kinds: Sequence[str | None]) -> bool:
    kinds_here = [look.kind(cell) for cell in row.cells]
    differs, agrees = _votes(row.cells, kinds)
    if differs or agrees:
        texts = sum(1 for kind in kinds_here if kind in ("word", look.TEXT, "code"))
        return differs > agrees or (differs > 0 and texts > len(row.cells) / 2 and differs * 2 >= agrees)
    if not below:
        return not any(kind in look.TYPED and kind != "code" for kind in kinds_here)
    typed_here = sum(1 for kind in kinds_here if kind in look.TYPED and kind != "code")
    if typed_here > len(row.cells) / 3:
        return False
    return _labels_are_not_values(row, below)


def _labels_are_not_values(row: SampleRow, below: Sequence[SampleRow]) -> bool:
    """True unless a label comes again as a value of its own column, as it would in a table without header."""
    for index, label in enumerate(row.cells):
        values = [other.cells[index] for other in below if index < len(other.cells)]
        if label.strip() and label in values and row.cells != below[0].cells:
            return False
    filled = [cell.strip() for cell in row.cells if cell.strip()]
    return len(set(filled)) == len(filled)


def _continues_header(first: SampleRow, candidate: SampleRow, below: Sequence[SampleRow], width: int) -> bool:
    if candidate.cells == first.cells:
        return width > 1  # in a single column a value may well equal the name
    if not below or candidate.filled == 0 or len(candidate.cells) != width:
        return False
    if any(look.kind(cell) in VALUE_KINDS for cell in candidate.cells):
        return False
    kinds = column_kinds([row.cells for row in below], width)
    if candidate.line == first.line + 1 and first.filled <= width / 2:
        # the first row only names groups of columns; the names proper are below it
        return _is_header(candidate, below, kinds)
    differs, agrees = _votes(candidate.cells, kinds)
    typed = sum(1 for kind in kinds if kind is not None)
    return agrees == 0 and differs >= 2 and differs >= typed / 2
