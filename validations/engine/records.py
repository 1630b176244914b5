"""One broken record read in the nearest sane way: the reading with the right number of cells and the fewest faults.

RFC 4180 says what a quoted cell is, not what to do when a quotation mark is lost. Each cell of the line can be
read in a few ways (as plain text, or quoted up to one of the marks that stand before a delimiter); the cheapest
chain of such readings from one end of the line to the other is taken.
"""

import csv
import heapq
import re
from dataclasses import dataclass
from functools import lru_cache

CLOSERS_PER_CELL = (
    40  # ways in which one quoted cell may end that are tried; bounds the work on hostile lines
)
CHAINS_PER_PLACE = 12  # chains of readings kept for one place, the cheapest ones
SEARCHED_CHARS = 32_000  # longer broken lines are read without quoting
WORK_CHARS = 4_000_000  # text compared for one line before it, too, is read without quoting
PLAIN_WITH_QUOTES = 1.5  # a mark somewhere in an unquoted cell
PLAIN_OPENING = 2.0  # an unquoted cell that begins with a mark
PLAIN_ENCLOSED = 4.0  # an unquoted cell that begins and ends with one
INNER_MARK = 1.0  # the first undoubled mark inside a quoted cell
NEXT_INNER_MARK = 0.25  # each further one in the same cell
WRONG_WIDTH = 3.0  # for each cell too many or too few


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are told apart. `quotechar` may be empty; `escapechar` is the quote itself where it is doubled."""

    delimiter: str
    quotechar: str = '"'
    escapechar: str = '"'
    skip_space: bool = False  # white space after a delimiter is no part of the cell

    @property
    def closing(self) -> str:
        """The mark that ends a quoted cell; differs from the opening one for curly quotes."""
        return {"“": "”", "«": "»", "‘": "’"}.get(self.quotechar, self.quotechar)

    @property
    def escaped_bytes(self) -> re.Pattern[bytes] | None:
        """What the escape character makes plain, where it is another one than the mark itself."""
        if not self.quotechar or self.escapechar in ("", self.quotechar):
            return None
        escape, mark = re.escape(self.escapechar.encode()), re.escape(self.quotechar.encode())
        return re.compile(escape + b"(" + escape + b"|" + mark + b")")

    def unescape(self, line: str) -> str:
        """A line with its escaped marks doubled, as RFC 4180 writes them."""
        if not self.quotechar or self.escapechar in ("", self.quotechar) or self.escapechar not in line:
            return line
        escape, mark = re.escape(self.escapechar), re.escape(self.quotechar)
        doubled = self.quotechar * 2
        return re.sub(
            f"{escape}({escape}|{mark})", lambda m: doubled if m[1] == self.quotechar else m[1], line
        )


@dataclass(frozen=True, slots=True)
class Repaired:
    """Cells of a record, what the reading cost (0 is RFC 4180), and the first cell that was at fault."""

    cells: list[str]
    cost: float
    fault_index: int | None


@lru_cache(maxsize=64)
def _closer(dialect: Dialect) -> re.Pattern[str]:
    mark, delimiter = re.escape(dialect.closing), re.escape(dialect.delimiter)
    return re.compile(
        rf"{mark}[ \t]*(?={delimiter}|\r?\Z)"
        if dialect.delimiter.strip()
        else rf"{mark}(?={delimiter}|\r?\Z)"
    )


def _is_simple(dialect: Dialect) -> bool:
    """True when Python's csv module knows the dialect."""
    return len(dialect.delimiter) == len(dialect.quotechar) == 1 and dialect.closing == dialect.quotechar


@lru_cache(maxsize=64)
def _strict(dialect: Dialect) -> re.Pattern[str]:
    opening, closing, delimiter = map(re.escape, (dialect.quotechar, dialect.closing, dialect.delimiter))
    inside = rf"[^{closing}]*+(?:{closing}{closing}[^{closing}]*+)*+"
    cell = rf"(?:{opening}{inside}{closing}|[^{opening}{closing}{delimiter}\n]*+)"
    delimiter += " *+" if dialect.skip_space else ""
    return re.compile(rf"{cell}(?:{delimiter}{cell})*+")


def strict_cells(text: str, dialect: Dialect) -> list[str] | None:
    """The cells of a record that follows RFC 4180, line ends in quoted cells included; None when it does not."""
    if not _strict(dialect).fullmatch(text):
        return None
    if _is_simple(dialect):
        reader = csv.reader(
            [text],
            delimiter=dialect.delimiter,
            quotechar=dialect.quotechar,
            skipinitialspace=dialect.skip_space,
            strict=True,
        )
        return next(reader, [""])
    return _Search(text, dialect, None).best().cells


def parse(text: str, dialect: Dialect, width: int | None) -> Repaired:
    """The cheapest reading of one record; `width` is the number of cells a record should have, None if unknown."""
    if not dialect.quotechar or (dialect.quotechar not in text and dialect.closing not in text):
        return Repaired(_strip(text.split(dialect.delimiter), dialect), 0.0, None)
    if _is_simple(dialect):
        strict = strict_cells(text, dialect)
        if strict is not None:
            return Repaired(strict, 0.0, None)
    if len(text) > SEARCHED_CHARS:
        return Repaired(_strip(text.split(dialect.delimiter), dialect), PLAIN_OPENING, 0)
    return _Search(text, dialect, width).best()


def _strip(cells: list[str], dialect: Dialect) -> list[str]:
    return [cell.lstrip(" ") for cell in cells] if dialect.skip_space else cells


@dataclass(frozen=True, slots=True)
class _Step:
    """One cell in a chain of readings."""

    cost: float
    count: int
    cell: str
    fault: bool
    before: "_Step | None"


class _Search:
    """Shortest path over the places where a cell can begin."""

    def __init__(self, text: str, dialect: Dialect, width: int | None) -> None:
        self.text, self.dialect, self.width = text, dialect, width
        self.end = len(text)
        # the best chain to each place, by number of cells so far: the count decides at the end
        self.reached: dict[int, dict[int, _Step]] = {0: {}}
        self.places = [0]
        self.work = 0

    def best(self) -> Repaired:
        self.reached[0][0] = _Step(0.0, 0, "", fault=False, before=None)
        while self.places and self.work < WORK_CHARS:
            place = heapq.heappop(self.places)
            if place <= self.end:
                steps = sorted(self.reached[place].values(), key=lambda step: step.cost)
                self._expand(place, steps[:CHAINS_PER_PLACE])
        ends = self.reached.get(self.end + 1)
        if self.work >= WORK_CHARS or not ends:
            cells = _strip(self.text.split(self.dialect.delimiter), self.dialect)
            return Repaired(cells, PLAIN_OPENING, 0)
        return _unroll(min(ends.values(), key=self._final_cost))

    def _final_cost(self, step: _Step) -> tuple[float, int]:
        off = abs(step.count - self.width) if self.width else 0
        return step.cost + WRONG_WIDTH * off, -step.count

    def _expand(self, place: int, steps: list[_Step]) -> None:
        for end, cell, cost in self._readings(place):
            after = end + len(self.dialect.delimiter) if end < self.end else self.end + 1
            self.work += end - place + 1
            if after not in self.reached:
                heapq.heappush(self.places, after)
            known = self.reached.setdefault(after, {})
            for step in steps:
                count = step.count + 1
                total = step.cost + cost
                if count not in known or total < known[count].cost:
                    known[count] = _Step(total, count, cell, fault=cost > 0, before=step)

    def _readings(self, place: int) -> list[tuple[int, str, float]]:
        """Each way to read the cell that begins here: (where it ends, its text, what that costs)."""
        text, dialect = self.text, self.dialect
        end = text.find(dialect.delimiter, place)
        end = self.end if end < 0 else end
        plain = text[place:end]
        opening = _opening(text, place, dialect)
        cost = 0.0
        if dialect.quotechar in plain or dialect.closing in plain:
            cost = PLAIN_WITH_QUOTES if opening is None else PLAIN_OPENING
            if (
                opening is not None
                and opening <= end - len(dialect.closing)
                and plain.rstrip().endswith(dialect.closing)
            ):
                cost = PLAIN_ENCLOSED
        readings = [(end, plain.lstrip(" ") if dialect.skip_space else plain, cost)]
        if opening is not None:
            readings += self._quoted_readings(opening)
        return readings

    def _quoted_readings(self, opening: int) -> list[tuple[int, str, float]]:
        readings: list[tuple[int, str, float]] = []
        for match in _closer(self.dialect).finditer(self.text, opening):
            inner = self.text[opening : match.start()]
            cell, faults = _unescape(inner, self.dialect)
            self.work += len(inner)
            cost = INNER_MARK + NEXT_INNER_MARK * (faults - 1) if faults else 0.0
            readings.append((match.end(), cell, cost))
            if faults == 0 or len(readings) >= CLOSERS_PER_CELL:
                break
        return readings


def _opening(text: str, place: int, dialect: Dialect) -> int | None:
    """Where the text of a quoted cell begins, when a quoted cell can begin here."""
    if dialect.delimiter.strip():
        while text.startswith((" ", "\t"), place) and not text.startswith(dialect.delimiter, place):
            place += 1
    return place + len(dialect.quotechar) if text.startswith(dialect.quotechar, place) else None


def _unescape(inner: str, dialect: Dialect) -> tuple[str, int]:
    """The text of a quoted cell and the number of marks in it that nothing escapes."""
    mark = dialect.closing
    if mark not in inner:
        return inner, 0
    pairs = inner.replace(mark * 2, "")
    faults = pairs.count(mark)
    return inner.replace(mark * 2, mark), faults


def _unroll(step: _Step) -> Repaired:
    cells: list[str] = []
    fault: int | None = None
    current: _Step | None = step
    while current is not None and current.before is not None:
        cells.append(current.cell)
        if current.fault:
            fault = current.count - 1
        current = current.before
    return Repaired(cells[::-1], step.cost, fault)
