"""A row with too few or too many cells put under the right columns, when its content says where the fault is.

Padding a short row at its end shifts every cell behind the lost one and makes ten false findings of one fault.
The kinds of the columns (dates, amounts, codes) tell where a cell is missing or was cut in two; only a clear
answer is taken, otherwise the row is padded, or its surplus cut off, at the end.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from validations.engine import cells as look

CLEAR = 1.5  # how much better than padding at the end a reading must be
BEST_MATCH = 1.5  # no cell fits its column better
REMEMBERED_FORMS = 5_000  # forms of short rows whose places are kept: a file often breaks in one way
ANCHOR = 0.5  # a match that says something
ALIGNED_COLUMNS = 120  # wider tables are only padded: the search grows with the square of the width
MOST_JOINED = 12  # neighbors that can be one cut cell
# Rows from all over the samples: a cell that one row in thirty leaves empty must be seen to be empty.
LEARNED_ROWS = 240


@dataclass(frozen=True, slots=True)
class Alignment:
    """Cells under their columns (None where missing), what was left over, and how it was done."""

    cells: list[str | None]
    extra: list[str]
    how: str  # end, aligned, joined


class Aligner:
    """Knows the columns of a table from rows that are as they should be."""

    def __init__(self, rows: Sequence[Sequence[str]], width: int, delimiter: str) -> None:
        self.width, self.delimiter = width, delimiter
        learned = rows[:: max(1, len(rows) // LEARNED_ROWS)][:LEARNED_ROWS]
        self.columns = [self._profile([row[index] for row in learned]) for index in range(width)]
        self.useful = bool(rows) and 2 <= width <= ALIGNED_COLUMNS
        self._columns_by_form: dict[tuple[str, ...], list[int] | None] = {}
        self.match = lru_cache(maxsize=4096)(self._match)

    @staticmethod
    def _profile(values: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
        """How often each kind and each shape occurs in a column."""
        kinds, shapes = Counter(map(look.kind, values)), Counter(map(shape, values))
        total = max(1, len(values))
        return (
            {kind: count / total for kind, count in kinds.items()},
            {key: count / total for key, count in shapes.items() if count > 1},
        )

    def _match(self, cell: str, column: int) -> float:
        """How well a cell fits a column, from -1 to about 1.5."""
        kinds, shapes = self.columns[column]
        found = look.kind(cell)
        if found == "empty":
            return 0.3 if kinds.get("empty", 0) > 0.5 else -0.1 if kinds.get("empty") else -0.4
        share = sum(value for kind, value in kinds.items() if look.same_kind(kind, found))
        if found in ("word", look.TEXT):
            share = max(share, 0.9 * (kinds.get("word", 0) + kinds.get(look.TEXT, 0)))
        shaped = shapes.get(shape(cell), 0.0)
        return share + 0.5 * shaped if share or shaped else -1.0

    def fits(self, cells: Sequence[str]) -> bool:
        """True when a row of the right width looks like the other rows, or nothing is known of them."""
        if not self.useful:
            return True
        return sum(self.match(cell, index) for index, cell in enumerate(cells)) > 0.4 * self.width

    def align(self, cells: list[str]) -> Alignment:
        """The row under its columns."""
        if len(cells) <= self.width:
            return self._fill(cells)
        return self._cut(cells)

    def _fill(self, cells: list[str]) -> Alignment:
        padded: list[str | None] = [*cells, *[None] * (self.width - len(cells))]
        if not self.useful or not any(cell.strip() for cell in cells):
            return Alignment(padded, [], "end")
        form = tuple(map(shape, cells))
        if form not in self._columns_by_form:
            if len(self._columns_by_form) >= REMEMBERED_FORMS:
                self._columns_by_form.clear()
            self._columns_by_form[form] = self._best_columns(cells)
        columns = self._columns_by_form[form]
        if columns is None:
            return Alignment(padded, [], "end")
        aligned: list[str | None] = [None] * self.width
        for cell, column in zip(cells, columns, strict=True):
            aligned[column] = cell
        return Alignment(aligned, [], "aligned")

    def _best_columns(self, cells: list[str]) -> list[int] | None:
        """The column of each cell of a short row, None when that is the first columns as far as can be told."""
        at_end = sum(self.match(cell, index) for index, cell in enumerate(cells))
        if at_end + CLEAR >= BEST_MATCH * len(cells):
            return None
        score, best = self._best_gaps(cells)
        if score <= at_end + CLEAR or not self._anchored(best):
            return None
        return [column for column, cell in enumerate(best) if cell is not None]

    def _anchored(self, cells: Sequence[str | None]) -> bool:
        """True when some cell of a telling kind (a date, an amount, a code) stands where such cells belong."""
        return any(
            cell is not None and look.kind(cell) in look.TYPED and self.match(cell, index) >= ANCHOR
            for index, cell in enumerate(cells)
        )

    def _best_gaps(self, cells: list[str]) -> tuple[float, list[str | None]]:
        """The best way to leave some columns out, later columns first where it makes no difference."""
        count, width = len(cells), self.width
        best = [[float("-inf")] * (width + 1) for _ in range(count + 1)]
        for column in range(width + 1):
            best[0][column] = 0.0
        for taken in range(1, count + 1):
            for column in range(taken, width - (count - taken) + 1):
                placed = best[taken - 1][column - 1] + self.match(cells[taken - 1], column - 1)
                best[taken][column] = max(placed, best[taken][column - 1])
        aligned: list[str | None] = [None] * width
        taken, column = count, width
        while taken:
            while best[taken][column - 1] == best[taken][column] and column > taken:
                column -= 1
            aligned[column - 1] = cells[taken - 1]
            taken, column = taken - 1, column - 1
        return best[count][width], aligned

    def _cut(self, cells: list[str]) -> Alignment:
        kept: list[str | None] = [*cells[: self.width]]
        extra = cells[self.width :]
        surplus = len(extra)
        if not self.useful or len(cells) > 3 * ALIGNED_COLUMNS:
            return Alignment(kept, extra, "end")
        at_end = sum(self.match(cell, index) for index, cell in enumerate(cells[: self.width]))
        if any(cell.strip() for cell in extra):
            at_end -= 0.5 * surplus
        score, best, dropped = self._best_joins(cells)
        if score > at_end + CLEAR and self._anchored(best):
            return Alignment([*best], dropped, "aligned" if dropped else "joined")
        return Alignment(kept, extra, "end")

    def _best_joins(self, cells: list[str]) -> tuple[float, list[str], list[str]]:
        """The best way to join neighbors into one cell or to leave out empty cells, until the row fits."""
        count, width = len(cells), self.width
        surplus = count - width
        reached: dict[tuple[int, int], tuple[float, tuple[int, int] | None, str | None]] = {
            (0, 0): (0.0, None, None)
        }
        for used in range(count):
            for column in range(max(0, used - surplus), min(width, used) + 1):
                if (used, column) not in reached:
                    continue
                score = reached[used, column][0]
                for goal, gain, cell in self._moves(cells, used, column, surplus - (used - column)):
                    if goal not in reached or score + gain > reached[goal][0]:
                        reached[goal] = (score + gain, (used, column), cell)
        if (count, width) not in reached:
            return float("-inf"), [], []
        return self._retrace(reached, cells)

    def _moves(
        self, cells: list[str], used: int, column: int, spare: int
    ) -> list[tuple[tuple[int, int], float, str | None]]:
        moves: list[tuple[tuple[int, int], float, str | None]] = []
        if spare and not cells[used].strip():
            moves.append(((used + 1, column), -0.2, None))
        if column < self.width:
            for joined in range(min(spare, MOST_JOINED, len(cells) - used - 1) + 1):
                cell = self.delimiter.join(cells[used : used + joined + 1])
                gain = self.match(cell, column) - (0.3 + 0.1 * joined if joined else 0.0)
                moves.append(((used + joined + 1, column + 1), gain, cell))
        return moves

    def _retrace(
        self,
        reached: dict[tuple[int, int], tuple[float, tuple[int, int] | None, str | None]],
        cells: list[str],
    ) -> tuple[float, list[str], list[str]]:
        kept: list[str] = []
        dropped: list[str] = []
        place: tuple[int, int] | None = (len(cells), self.width)
        score = reached[len(cells), self.width][0]
        while place is not None:
            _, before, cell = reached[place]
            if before is not None and cell is None:
                dropped.append(cells[before[0]])
            elif cell is not None:
                kept.append(cell)
            place = before
        return score, kept[::-1], dropped[::-1]


ALIKE = str.maketrans(
    dict.fromkeys(range(48, 58), "9") | {code: "a" for code in range(0x180) if chr(code).isalpha()}
)


def shape(cell: str) -> str:
    """The cell with digits and letters made alike, so that `GAGE85010112` and `ROYL62051203` are one shape."""
    return cell[:40].strip().translate(ALIKE)
