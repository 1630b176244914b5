"""The measure: ten values from 0 to 1 for each file, summed and averaged over the files, plain and weighted.

The ten are success, and precision, recall and F1 of the cells of the header, of the records and of all cells.

Source: G. Vitagliano et al., "Pollock: A Data Loading Benchmark" (PVLDB 2023), section 5
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.support.pollution.table import Polluted, Row
from tests.support.pollution.weights import weight

Values = tuple[float, ...]
FAILED: Values = (0.0,) * 10


@dataclass(frozen=True, slots=True)
class Score:
    """The mean sums over all files; 10 is the best."""

    plain: float
    weighted: float


def agreement(expected: Iterable[str], got: Iterable[str]) -> Values:
    """Precision, recall and F1 of one bag of texts against another; two empty ones agree."""
    wanted, given = Counter(expected), Counter(got)
    if not wanted and not given:
        return 1.0, 1.0, 1.0
    common = sum((wanted & given).values())
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / sum(given.values()), common / sum(wanted.values())
    return precision, recall, 2 * precision * recall / (precision + recall)


def values(truth: Polluted, got: Sequence[Row] | None) -> Values:
    """The ten values of one file as it was read, its header first; None where it was not read at all."""
    if got is None:
        return FAILED
    has_header = truth.header is not None
    header, rows = (got[:1], got[1:]) if has_header else ([], got)
    expected = [truth.header, *truth.rows] if truth.header is not None else truth.rows
    return (
        1.0,
        *agreement(truth.header or [], (cell for row in header for cell in row)),
        *agreement(("\x1f".join(row) for row in truth.rows), ("\x1f".join(row) for row in rows)),
        *agreement((cell for row in expected for cell in row), (cell for row in got for cell in row)),
    )


def score(files: Sequence[Polluted], read: Mapping[str, Sequence[Row] | None]) -> Score:
    """The measure of one reader over the files, by their names; a file's weight is shared by those of its kind."""
    kinds = Counter(file.kind for file in files)
    sums = {file.name: sum(values(file, read[file.name])) for file in files}
    weights = {file.name: weight(file.kind) / kinds[file.kind] for file in files}
    weighted = sum(sums[name] * weights[name] for name in sums) / sum(weights.values())
    return Score(sum(sums.values()) / len(sums), weighted)
