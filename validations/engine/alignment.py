"""A row with too few or too many cells put under the right columns, when its content says where the fault is.

Padding a short row at its end shifts every cell behind the lost one and makes ten false findings of one fault.
The kinds of the columns (dates, amounts, codes) tell where a cell is missing or was cut in two; only a clear
answer is taken, otherwise the row is padded, or its surplus cut off, at the end.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from validations.engine import cells as look

CLEAR = 1.5  # how much better than padding at the end a reading must be
SAVING = 0.5  # the same where what is left over at the end would be lost
LOOSE_SPACE = (
    0.5  # what a space at its beginning costs a cell in a column without such cells: text was cut there
)
BEST_MATCH = 1.5  # no cell fits its column better
REMEMBERED_FORMS = 5_000  # forms of short rows whose places are kept: a file often breaks in one way
ANCHOR = 0.5  # a match that says something
ALIGNED_COLUMNS = 120  # wider tables are only padded: the search grows with the square of the width
MOST_JOINED = 12  # neighbors that can be one cut cell
# Rows from all over the samples: a cell that one row in thirty leaves empty must be seen to be empty.
LEARNED_ROWS = 240
DROPPED = 0.2  # what leaving out an empty cell costs
SHAPED_CHARS = 40  # what follows says little of a cell's form
ROUNDING = 1e-9  # more than adding up in another order can make


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
        self.spaced = [any(row[index].startswith(" ") for row in learned) for index in range(width)]
        self.useful = bool(rows) and 2 <= width <= ALIGNED_COLUMNS
        self._columns_by_form: dict[tuple[str, ...], list[int] | None] = {}
        self._scores_by_look: dict[tuple[str, str, bool], list[float]] = {}
        best = list(map(_best_match, self.columns))
        # what the columns from one on can add to a score at most
        self._most = [sum(best[column:]) for column in range(width + 1)]

    @staticmethod
    def _profile(values: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
        """How often each kind and each shape occurs in a column."""
        kinds, shapes = Counter(map(look.kind, values)), Counter(map(shape, values))
        total = max(1, len(values))
        return (
            {kind: count / total for kind, count in kinds.items()},
            {key: count / total for key, count in shapes.items() if count > 1},
        )

    def scores(self, cell: str) -> list[float]:
        """How well a cell fits each column, from -1 to about 1.5."""
        form = shape(cell)
        # a form without letters says all that the kind depends on, and comes again far more often than the cell
        kind = look.kind(form if "a" not in form and len(cell) <= SHAPED_CHARS else cell)
        key = (kind, form, cell.startswith(" "))
        known = self._scores_by_look.get(key)
        if known is None:
            if len(self._scores_by_look) >= REMEMBERED_FORMS:
                self._scores_by_look.clear()
            known = [self._match(*key, column) for column in range(self.width)]
            self._scores_by_look[key] = known
        return known

    def _match(self, found: str, form: str, is_spaced: bool, column: int) -> float:  # noqa: FBT001 (part of a key)
        """How well a cell of this kind and form fits a column."""
        kinds, shapes = self.columns[column]
        if found == "empty":
            return 0.3 if kinds.get("empty", 0) > 0.5 else -0.1 if kinds.get("empty") else -0.4
        share = sum(value for kind, value in kinds.items() if look.same_kind(kind, found))
        if found in ("word", look.TEXT):
            share = max(share, 0.9 * (kinds.get("word", 0) + kinds.get(look.TEXT, 0)))
        shaped = shapes.get(form, 0.0)
        loose = LOOSE_SPACE if is_spaced and not self.spaced[column] else 0.0
        return share + 0.5 * shaped - loose if share or shaped else -1.0

    def _at_end(self, cells: Sequence[str]) -> float:
        """How well the cells fit the first columns."""
        return sum(self.scores(cell)[column] for column, cell in enumerate(cells))

    def fits(self, cells: Sequence[str]) -> bool:
        """True when a row of the right width looks like the other rows, or nothing is known of them."""
        return not self.useful or self._at_end(cells) > 0.4 * self.width

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
        at_end = self._at_end(cells)
        if at_end + CLEAR >= BEST_MATCH * len(cells):
            return None
        score, best = self._best_gaps(cells)
        if score <= at_end + CLEAR or not self._anchored(best):
            return None
        return [column for column, cell in enumerate(best) if cell is not None]

    def _anchored(self, cells: Sequence[str | None]) -> bool:
        """True when some cell of a telling kind (a date, an amount, a code) stands where such cells belong."""
        return any(
            cell is not None and look.kind(cell) in look.TYPED and self.scores(cell)[index] >= ANCHOR
            for index, cell in enumerate(cells)
        )

    def _best_gaps(self, cells: list[str]) -> tuple[float, list[str | None]]:
        """The best way to leave some columns out, later columns first where it makes no difference."""
        count, width = len(cells), self.width
        best = [[float("-inf")] * (width + 1) for _ in range(count + 1)]
        for column in range(width + 1):
            best[0][column] = 0.0
        for taken in range(1, count + 1):
            scores = self.scores(cells[taken - 1])
            for column in range(taken, width - (count - taken) + 1):
                placed = best[taken - 1][column - 1] + scores[column - 1]
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
        scores = list(map(self.scores, cells))
        at_end = sum(scores[column][column] for column in range(self.width))
        is_loss = any(cell.strip() for cell in extra)
        if is_loss:
            at_end -= 0.5 * surplus
        wanted = at_end + (SAVING if is_loss else CLEAR)
        if wanted >= self._most[0]:
            return Alignment(kept, extra, "end")
        if surplus == 1:
            wanted = max(wanted, self._best_drop(cells, scores) - ROUNDING)
        score, best, dropped = self._best_joins(cells, scores, wanted)
        if score > wanted and self._anchored(best):
            return Alignment([*best], dropped, "aligned" if dropped else "joined")
        return Alignment(kept, extra, "end")

    def _best_drop(self, cells: list[str], scores: list[list[float]]) -> float:
        """The best score that leaving out a single empty cell comes to."""
        count = len(cells)
        return max(
            (
                sum(scores[place][place] for place in range(gone))
                + sum(scores[place][place - 1] for place in range(gone + 1, count))
                - DROPPED
                for gone in range(count)
                if not cells[gone].strip()
            ),
            default=float("-inf"),
        )

    def _best_joins(
        self, cells: list[str], scores: list[list[float]], wanted: float
    ) -> tuple[float, list[str], list[str]]:
        """The best way to join neighbors into one cell or to leave out empty cells, until the row fits.

        Ways that cannot come to more than the wanted score are given up early.
        Shape: a state is the number of cells used and of the surplus among them; its chain of steps leads to it.
        """
        count, surplus = len(cells), len(cells) - self.width
        chains: list[list[_Chain | None]] = [[None] * (surplus + 1) for _ in range(count + 1)]
        chains[0][0] = _Chain(0.0, None, None, 0)
        for used in range(count):
            for gone in range(min(surplus, used), max(-1, used - self.width - 1), -1):
                chain = chains[used][gone]
                if chain is None or chain.score + self._most[used - gone] <= wanted:
                    continue
                if gone < surplus and not cells[used].strip():
                    _keep_better(chains[used + 1], gone + 1, chain, -DROPPED, None, used)
                if used - gone < self.width:
                    _keep_better(chains[used + 1], gone, chain, scores[used][used - gone], cells[used], used)
                    self._join(chains, cells, chain, used, gone, wanted)
        return _unrolled(chains[count][surplus], cells)

    def _join(
        self,
        chains: list[list["_Chain | None"]],
        cells: list[str],
        chain: "_Chain",
        used: int,
        gone: int,
        wanted: float,
    ) -> None:
        """Take the steps that make one cell of two or more neighbors."""
        column, spare = used - gone, len(cells) - self.width - gone
        for joined in range(1, min(spare, MOST_JOINED, len(cells) - used - 1) + 1):
            cost = 0.3 + 0.1 * joined
            if chain.score + self._most[column] - cost <= wanted:
                return
            cell = self.delimiter.join(cells[used : used + joined + 1])
            gain = self.scores(cell)[column] - cost
            _keep_better(chains[used + joined + 1], gone + joined, chain, gain, cell, used)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A way to put the first cells of a long row under columns; `cell` None is one left out, at `place`."""

    score: float
    before: "_Chain | None"
    cell: str | None
    place: int


def _keep_better(
    chains: list[_Chain | None], gone: int, before: _Chain, gain: float, cell: str | None, place: int
) -> None:
    """Put a longer chain where it is the first or a better one."""
    known = chains[gone]
    if known is None or before.score + gain > known.score:
        chains[gone] = _Chain(before.score + gain, before, cell, place)


def _unrolled(chain: _Chain | None, cells: list[str]) -> tuple[float, list[str], list[str]]:
    if chain is None:
        return float("-inf"), [], []
    score, kept, dropped = chain.score, list[str](), list[str]()
    while chain.before is not None:
        if chain.cell is None:
            dropped.append(cells[chain.place])
        else:
            kept.append(chain.cell)
        chain = chain.before
    return score, kept[::-1], dropped[::-1]


def _best_match(profile: tuple[dict[str, float], dict[str, float]]) -> float:
    """No cell fits a column with these kinds and shapes better."""
    kinds, shapes = profile
    shares = [sum(value for kind, value in kinds.items() if look.same_kind(kind, found)) for found in kinds]
    words = 0.9 * (kinds.get("word", 0) + kinds.get(look.TEXT, 0))
    return max([0.3, words, *shares]) + 0.5 * max(shapes.values(), default=0.0) + ROUNDING


ALIKE = str.maketrans(
    dict.fromkeys(range(48, 58), "9") | {code: "a" for code in range(0x180) if chr(code).isalpha()}
)


def shape(cell: str) -> str:
    """The cell with digits and letters made alike, so that `GAGE85010112` and `ROYL62051203` are one shape."""
    return cell[:SHAPED_CHARS].strip().translate(ALIKE)
