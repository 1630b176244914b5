"""Counts by rule, column and value: what a page about a million findings asks for, counted once while they are here."""

from dataclasses import dataclass

import duckdb

# Values listed for one rule in one column, the most frequent first, and for a whole file.
VALUES_OF_COLUMN = 20
VALUES_OF_FILE = 1_000


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """The findings of one code and severity in one column; `column_index` None stands for no column.

    `values` is the number of different values, `fixes` that of the findings whose cell has a proposed fix.
    """

    code: str
    severity: str
    column_index: int | None
    count: int
    values: int
    fixes: int


@dataclass(frozen=True, slots=True)
class ValueCount:
    """One value that occurs often among the findings of one code and severity in one column."""

    code: str
    severity: str
    column_index: int | None
    value: str
    count: int


def by_column(connection: duckdb.DuckDBPyConnection) -> tuple[ColumnCount, ...]:
    """What `findings` holds, by code, severity and column; the most frequent first."""
    rows = connection.execute(
        "SELECT code, severity, column_index, count(*) AS n, count(DISTINCT coalesce(value, '')), "
        "count(suggestion) FILTER (row IS NOT NULL AND column_index IS NOT NULL) "
        "FROM findings GROUP BY code, severity, column_index ORDER BY n DESC, code, column_index"
    ).fetchall()
    return tuple(ColumnCount(*row) for row in rows)


def by_value(connection: duckdb.DuckDBPyConnection) -> tuple[ValueCount, ...]:
    """The most frequent values of each code, severity and column in `findings`; the most frequent first."""
    rows = connection.execute(
        "SELECT code, severity, column_index, value, n FROM (SELECT *, row_number() OVER (PARTITION BY code, severity, "
        "column_index ORDER BY n DESC, value) AS place FROM (SELECT code, severity, column_index, "
        "coalesce(value, '') AS value, count(*) AS n FROM findings WHERE column_index IS NOT NULL "
        f"GROUP BY ALL)) WHERE place <= {VALUES_OF_COLUMN} ORDER BY place, n DESC, code, column_index "
        f"LIMIT {VALUES_OF_FILE}"
    ).fetchall()
    return tuple(ValueCount(*row) for row in rows)
