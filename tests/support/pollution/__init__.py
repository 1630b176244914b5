"""A corpus of polluted files with known truth: a table, spoilt in one way at a time, and what a reader should get.

The kinds of pollution follow what surveys of real CSV files count (dialects of the whole file or of one row, missing
and surplus delimiters, misplaced quotation marks, encodings, rows that are no rows) and what billing software writes.
"""

from collections.abc import Iterator

from tests.support.pollution import dialects, encodings, headers, oddities, quotes, ragged, surroundings
from tests.support.pollution.measure import score, values
from tests.support.pollution.table import Polluted

__all__ = ["Polluted", "corpus", "score", "values"]


def corpus() -> Iterator[Polluted]:
    """Every polluted file."""
    for family in (dialects, encodings, headers, surroundings, ragged, quotes, oddities):
        yield from family.files()
