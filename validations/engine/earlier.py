"""Records of the organization's earlier runs, as far as a rule of this file can need them.

The rules say which days and codes they look back at, the caller writes what the database holds of those into one file,
and only rows that can match a row of this file are kept beside it. Memory stays at the limit of the connection.
Source: docs/decisions/0016-earlier-runs.md
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from validations.engine.rules import Context, LookBack, Rule, literal
from validations.engine.values import TypedColumn

# The columns of the file, in this order and without a header; `run` is the number given to the run.
EARLIER_COLUMNS = (
    "run", "line", "record_id", "code", "service_date", "start_time", "provider", "patient", "amount_paid_cents",
)  # fmt: skip
TABLE = "earlier"


@dataclass(frozen=True, slots=True)
class Span:
    """Which earlier records one rule wants: their days, both included, their codes (None: any), and of which runs."""

    first: date
    last: date
    codes: tuple[str, ...] | None = None
    includes_refused: bool = False


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """One earlier run, for the message that names it."""

    number: int
    id: str
    file_name: str
    day: date
    is_refused: bool = False


def spans(connection: duckdb.DuckDBPyConnection, rules: Iterable[tuple[Rule, Context]]) -> tuple[Span, ...]:
    """What the rules want of earlier runs; empty when no row of the file could meet one."""
    found = []
    for rule, context in rules:
        wanted = looks_back(rule, context)
        row = connection.execute(wanted.days).fetchone() if wanted else None
        if wanted and row and row[0] is not None:
            codes = None if row[2] is None else tuple(row[2])
            found.append(Span(row[0], row[1], codes, wanted.includes_refused))
    return tuple(found)


def looks_back(rule: Rule, context: Context) -> LookBack | None:
    """What the rule wants of earlier runs, None where the file lacks what the rule itself needs."""
    return rule.looks_back(context) if all(context.has(name) for name in rule.back_needs) else None


def load(
    connection: duckdb.DuckDBPyConnection,
    source: Path,
    runs: Iterable[EarlierRun],
    columns: Mapping[str, TypedColumn],
    keep: Sequence[str],
) -> None:
    """Make the tables `earlier`, of the rows that meet one of the conditions, and `earlier_runs`."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE earlier_runs "
        "(run BIGINT, id VARCHAR, file_name VARCHAR, day DATE, is_refused BOOLEAN, position BIGINT)"
    )
    for position, run in enumerate(runs):
        connection.execute(
            "INSERT INTO earlier_runs VALUES (?, ?, ?, ?, ?, ?)",
            [run.number, run.id, run.file_name, run.day, run.is_refused, position],
        )
    types = ", ".join(f"'{name}': 'VARCHAR'" for name in EARLIER_COLUMNS)
    typed = (
        "SELECT run::BIGINT AS run, line::BIGINT AS line, "
        f"{_like(columns.get('record_id'), 'record_id')} AS record_id, code, "
        "TRY_CAST(service_date AS DATE) AS service_date, TRY_CAST(start_time AS TIME) AS start_time, "
        f"{_key(columns.get('provider'), 'provider')} AS provider_key, "
        f"{_key(columns.get('patient'), 'patient')} AS patient_key, "
        "TRY_CAST(amount_paid_cents AS BIGINT) AS amount_paid_cents "
        f"FROM read_csv({literal(str(source))}, auto_detect=false, header=false, delim=',', quote='\"', escape='\"', "
        f"new_line='\\n', columns={{{types}}})"
    )
    wanted = " OR ".join(f"({condition})" for condition in keep) or "false"
    connection.execute(f"CREATE OR REPLACE TABLE {TABLE} AS SELECT * FROM ({typed}) WHERE {wanted}")


def _like(column: TypedColumn | None, name: str) -> str:
    """The stored text as the type that the field has in `typed`."""
    return name if column is None else f"TRY_CAST({name} AS {column.sql_type})"


def _key(column: TypedColumn | None, name: str) -> str:
    """The hash of the characters that identify, as `typed` has it."""
    length = column.field.key_length if column else None
    return f"hash(substr({name}, 1, {length}))" if length else "NULL::UBIGINT"
