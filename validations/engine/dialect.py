"""The delimiter, quoting and header of a file, from samples of its beginning, middle and end.

A dialect is good when it cuts the lines into equally many cells (pattern) and the cells look like something
(kind). The product of the two decides, as in CleverCSV's published measure, over a bounded number of lines.

Source: G. van den Burg et al., "Wrangling messy CSV files by detecting row and type patterns" (2019)
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from validations.engine import cells as look
from validations.engine.records import Dialect, strict_cells

SCORED_LINES = 60  # lines cut by each candidate; more did not change a decision in the corpus
SCORED_CHARS = 4_000  # of each line
# how likely a character is to be meant as the delimiter when it would work
PRIOR = {";": 1.0, ",": 1.0, "\t": 1.05, "|": 1.0, "^": 0.8, "~": 0.8, ":": 0.35, " ": 0.4}
# marks that stand inside names and times too: only many equal cuts show that they delimit
WEAK = {":": 0.6, " ": 0.75}
MANY_CUTS = 5
DOUBLE = ("||", "::", ";;", "~|~", "|~|", "@@", "##")
UNUSED = (",", ";", "\t", "|")  # what a table of one column is said to be delimited by
ONE_COLUMN = 0.3  # what a table of one column must be beaten by
SURE = 0.55  # a score from here on is not doubted
LOOSE_CLOSING = re.compile(r'" +(?=[;,\t|])')  # spaces between a closing mark and the delimiter
SEP_LINE = re.compile(r"\ufeff?\"?sep=(.|\\t)\"?[;,\t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guess:
    """A dialect, how well it fits, and the number of cells that most lines then have."""

    dialect: Dialect
    score: float
    width: int
    share: float  # of lines that have this many cells


def detect(
    lines: Sequence[str], delimiter: str | None, quotechar: str | None, escapechar: str | None
) -> Guess:
    """The dialect that fits the sample lines best; what the caller has fixed is kept."""
    sample = [LOOSE_CLOSING.sub('"', line[:SCORED_CHARS]) for line in lines if line.strip()]
    delimiters = [delimiter] if delimiter is not None else _delimiter_candidates(sample)
    sample = _spread(sample)
    quotes = [quotechar] if quotechar is not None else _quote_candidates(sample)
    cuts = [
        _cut_by(sample, Dialect(mark, quote, quote if escapechar is None else escapechar, spaced))
        for mark in delimiters
        for quote in quotes
        for spaced in _spacings(sample, mark, quote)
    ]
    best = _best(cuts)
    if best is None or (
        delimiter is None and (best.score < _one_column_score(sample) or _are_amounts(sample, best))
    ):
        quote = quotes[0]
        unused = next((mark for mark in UNUSED if not any(mark in line for line in sample)), ",")
        return Guess(Dialect(unused, quote, quote), _one_column_score(sample), 1, 1.0)
    return _refine(best, lines, escapechar)


def _spread(sample: list[str]) -> list[str]:
    """At most SCORED_LINES lines: the first quarter from the start, the others evenly from the whole."""
    if len(sample) <= SCORED_LINES:
        return sample
    head = SCORED_LINES // 4
    rest = sample[head:]
    step = len(rest) / (SCORED_LINES - head)
    return sample[:head] + [rest[int(index * step)] for index in range(SCORED_LINES - head)]


def _delimiter_candidates(sample: list[str]) -> list[str]:
    text = "\n".join(sample[:400])
    double = [mark for mark in DOUBLE if text.count(mark) >= max(2, len(sample) // 2)]
    # a mark that only ever stands doubled is half of a delimiter
    halves = {mark[0] for mark in double if text.count(mark) * len(mark) == text.count(mark[0])}
    return double + [mark for mark in PRIOR if mark in text and mark not in halves]


AT_EDGE = {
    mark: re.compile(
        rf"(?:^|[;,\t|:^~ ]){re.escape(mark)}[^{re.escape(close)}]*{re.escape(close)}(?=$|[;,\t|:^~ ])",
        re.MULTILINE,
    )
    for mark, close in (('"', '"'), ("'", "'"), ("“", "”"), ("”", "”"), ("«", "»"), ("`", "`"))
}


def _quote_candidates(sample: list[str]) -> list[str]:
    """The marks that stand at both edges of cells, the most frequent first; the double quote when none does."""
    text = "\n".join(sample[:SCORED_LINES])
    counts = {mark: len(pattern.findall(text)) for mark, pattern in AT_EDGE.items() if mark in text}
    found = sorted((mark for mark, count in counts.items() if count), key=lambda mark: -counts[mark])
    if not found or '"' not in found:
        found.append('"')
    return found[:2]


def _cut(line: str, dialect: Dialect) -> list[str] | None:
    """The cells of a sample line; None where the line breaks the rules of quoting."""
    mark = dialect.quotechar
    if not mark or mark not in line:
        return line.split(dialect.delimiter)
    return strict_cells(line, dialect)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The sample cut by one dialect: how evenly it falls apart, and the rows to look into."""

    dialect: Dialect
    width: int
    share: float
    pattern: float
    prior: float
    rows: list[list[str]]

    @property
    def guess(self) -> Guess:
        """The dialect with its score, which takes a look at every cell."""
        if not self.pattern:
            return Guess(self.dialect, 0.0, self.width, self.share)
        score = self.pattern * _kind_score(self.rows, self.dialect) * self.prior
        return Guess(self.dialect, score, self.width, self.share)


def _cut_by(sample: list[str], dialect: Dialect) -> _Cut:
    rows = [row for line in sample if (row := _cut(line, dialect)) is not None]
    lengths = Counter(len(row) for row in rows)
    if not rows or set(lengths) == {1}:
        return _Cut(dialect, 1, 1.0, 0.0, 0.0, [])
    width, count = max(lengths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    share = count / max(1, len(rows))
    pattern = share * (1 - 1 / width) * (len(rows) / len(sample)) ** 0.5
    regular = [row for row in rows if len(row) == width] or rows
    prior = PRIOR.get(dialect.delimiter, 0.9)
    if width >= MANY_CUTS:
        prior = WEAK.get(dialect.delimiter, prior)
    return _Cut(dialect, width, share, pattern, prior, regular[:SCORED_LINES])


def _best(cuts: Sequence[_Cut]) -> Guess | None:
    """The guess with the highest score, the first of equal ones; cuts too uneven to reach it are not looked into."""
    best: tuple[float, int] | None = None
    chosen: Guess | None = None
    order = sorted(range(len(cuts)), key=lambda index: -cuts[index].pattern * cuts[index].prior)
    for index in order:
        if best is not None and cuts[index].pattern * cuts[index].prior < best[0]:
            break
        guess = cuts[index].guess
        if best is None or (guess.score, -index) > best:
            best, chosen = (guess.score, -index), guess
    return chosen


def _kind_score(rows: list[list[str]], dialect: Dialect) -> float:
    total = sum(_worth(cell, dialect) for row in rows for cell in row[:60])
    return total / max(1, sum(min(60, len(row)) for row in rows))


OTHER_MARKS = re.compile(r"[;\t|,\"]")


def _worth(cell: str, dialect: Dialect) -> float:
    """How much a cell looks like one cell: 1 for a number or date, less for text, little for leftovers of a cut."""
    kind = look.kind(cell)
    if kind == "empty":
        return 0.6
    if kind != look.TEXT:
        return 1.0
    stripped = cell.strip()
    mark = dialect.quotechar
    if mark and (stripped.startswith(mark) or stripped.endswith(mark)):
        return 0.1
    if stripped[:1] in "\"'“«" and stripped[-1:] in "\"'”»":
        return 0.2
    if not OTHER_MARKS.search(cell):
        return 0.85
    return 0.6 if cell.count(",") == 1 and len(OTHER_MARKS.findall(cell)) == 1 else 0.35


def _one_column_score(sample: list[str]) -> float:
    """How well the lines stand as cells of one column."""
    worths = [_worth(line, Dialect("\x1f", '"')) for line in sample]
    return ONE_COLUMN * sum(worths) / max(1, len(worths))


AMOUNT = re.compile(r"-?\d{1,3}(?:[ \u00a0\u202f]?\d{3})*,\d\d")


def _are_amounts(sample: list[str], guess: Guess) -> bool:
    """True when the commas that seem to delimit are the decimal commas of one column of amounts under its name."""
    if guess.dialect.delimiter != "," or guess.width != 2 or "," in sample[0]:
        return False
    return all(AMOUNT.fullmatch(line.strip()) for line in sample[1:])


def _refine(best: Guess, lines: Sequence[str], escapechar: str | None) -> Guess:
    """The winner with what can only be told once the delimiter is known: the escape."""
    dialect = best.dialect
    escape = escapechar if escapechar is not None else _escape(lines, dialect)
    refined = Dialect(dialect.delimiter, dialect.quotechar, escape, dialect.skip_space)
    return Guess(refined, best.score, best.width, best.share)


def _spacings(sample: list[str], delimiter: str, quotechar: str) -> tuple[bool, ...]:
    """Whether a space behind the delimiter may be no part of the cell: only where quoted cells begin behind it."""
    if not quotechar or not delimiter.strip():
        return (False,)
    behind = sum(line.count(f"{delimiter} {quotechar}") for line in sample)
    at_once = sum(line.count(delimiter + quotechar) for line in sample)
    return (True,) if behind > 2 * at_once else (False,)


def _escape(lines: Sequence[str], dialect: Dialect) -> str:
    """The backslash when quotation marks inside cells carry one and are not doubled; else the mark itself."""
    quote = dialect.quotechar
    if not quote:
        return quote
    text = "\n".join(lines)
    if "\\" not in text:
        return quote
    backslashed = len(re.findall(rf"(?<!\\)(?:\\\\)*\\{re.escape(quote)}", text))
    doubled = len(
        re.findall(rf"(?<![{re.escape(quote + dialect.delimiter)}\n\\]){re.escape(quote * 2)}", text)
    )
    bare = len(re.findall(rf"\w{re.escape(quote)}\w", text))
    return "\\" if backslashed > max(doubled, bare) else quote
