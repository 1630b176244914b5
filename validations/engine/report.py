"""What a checked file comes to: the verdict, the counts by code, the amounts accepted and at stake."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import duckdb

from validations.engine import facets
from validations.engine.facets import ColumnCount, ValueCount
from validations.engine.findings import Found
from validations.engine.rules import ERROR, INFO, SEVERITIES, WARNING
from validations.engine.runner import Outcome

Verdict = Literal["accepted", "accepted_with_warnings", "refused"]

# A chart of where in the file a code occurs: as many bars as a narrow panel shows.
BUCKETS = 60
# Examples on the page under each rule.
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Example:
    """One finding shown under its code."""

    line: int | None
    row: int | None
    column_index: int | None
    value: str | None
    params: Mapping[str, Any]
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class CodeSummary:
    """All findings of one code and severity.

    Shape: `lines` holds 60 counts, each for one sixtieth of the file's length.
    Units: `amount_cents` is the amount of the distinct rows concerned; for opportunities, what could be gained.
    """

    code: str
    severity: str
    count: int
    rows: int
    amount_cents: int
    examples: tuple[Example, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The report on one file.

    Units: accepted + at stake = total; at stake is the amount of the distinct rows with at least one error, rows
    named by
    a group finding included. `not_checked` counts, by rule, the rows left out of it because of another error in them;
    `missing_fields` names, by rule, the fields without a column that kept it from running; `broken` rules failed.
    """

    rows: int
    rows_checked: int
    rows_not_checked: int
    rows_with_errors: int
    by_severity: Mapping[str, int]
    by_code: tuple[CodeSummary, ...]
    by_column: tuple[ColumnCount, ...]
    by_value: tuple[ValueCount, ...]
    not_checked: Mapping[str, int]
    missing_fields: Mapping[str, tuple[str, ...]]
    broken: tuple[str, ...]
    amount_total_cents: int
    amount_at_stake_cents: int
    amount_accepted_cents: int
    verdict: Verdict


def summarize(
    connection: duckdb.DuckDBPyConnection, *, rows: int, last_line: int, amount: str | None, outcome: Outcome
) -> Summary:
    """The report on what `findings`, `named` and `typed` hold; `amount` is the column of the amounts in `typed`."""
    connection.execute(_concerned(has_amount=amount is not None, amount=amount or ""))
    by_code = _by_code(connection, max(last_line, 1))
    by_severity = {ERROR: 0, WARNING: 0, INFO: 0}
    for entry in by_code:
        by_severity[entry.severity] += entry.count
    with_errors, at_stake = _one(
        connection,
        "SELECT count(DISTINCT row), coalesce(sum(amount), 0)::BIGINT FROM (SELECT row, any_value(amount) AS amount "
        f"FROM concerned WHERE severity = '{ERROR}' GROUP BY row)",
    )
    (total,) = _one(connection, f"SELECT coalesce(sum({amount}), 0)::BIGINT FROM typed") if amount else (0,)
    return Summary(
        rows=rows,
        rows_checked=rows - outcome.rows_not_checked,
        rows_not_checked=outcome.rows_not_checked,
        rows_with_errors=with_errors,
        by_severity=by_severity,
        by_code=by_code,
        by_column=facets.by_column(connection),
        by_value=facets.by_value(connection),
        not_checked={code: count for code, count in outcome.not_checked.items() if count},
        missing_fields=dict(outcome.missing_fields),
        broken=tuple(outcome.broken),
        amount_total_cents=total,
        amount_at_stake_cents=at_stake,
        amount_accepted_cents=total - at_stake,
        verdict=verdict(by_severity),
    )


def summarize_structure(found: Iterable[Found], *, rows: int, last_line: int) -> Summary:
    """The report on a file of which only the structure was checked; one pass over its findings, in order of rows."""
    gathered: dict[tuple[str, str], _Gathered] = {}
    with_errors, last_error_row = 0, None
    for finding in found:
        code, severity, row = finding[:3]
        gathered.setdefault((code, severity), _Gathered()).add(finding, max(last_line, 1))
        if severity == ERROR and row is not None and row != last_error_row:
            with_errors, last_error_row = with_errors + 1, row
    by_severity = {ERROR: 0, WARNING: 0, INFO: 0}
    for (_, severity), entry in gathered.items():
        by_severity[severity] += entry.count
    ordered = sorted(
        gathered.items(), key=lambda item: (SEVERITIES.index(item[0][1]), -item[1].count, item[0][0])
    )
    return Summary(
        rows=rows,
        rows_checked=rows,
        rows_not_checked=0,
        rows_with_errors=with_errors,
        by_severity=by_severity,
        by_code=tuple(entry.summary(*key) for key, entry in ordered),
        by_column=(),
        by_value=(),
        not_checked={},
        missing_fields={},
        broken=(),
        amount_total_cents=0,
        amount_at_stake_cents=0,
        amount_accepted_cents=0,
        verdict=verdict(by_severity),
    )


@dataclass(slots=True)
class _Gathered:
    """One code and severity while its findings pass by."""

    count: int = 0
    rows: int = 0
    last_row: int | None = None
    examples: list[Example] = field(default_factory=list)
    lines: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, finding: Found, last_line: int) -> None:
        _, _, row, line, column, value, params, suggestion = finding
        self.count += 1
        if row is not None and row != self.last_row:
            self.rows, self.last_row = self.rows + 1, row
        self.lines[min(BUCKETS - 1, ((line or 1) - 1) * BUCKETS // last_line)] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(Example(line, row, column, value, json.loads(params or "{}"), suggestion))

    def summary(self, code: str, severity: str) -> CodeSummary:
        return CodeSummary(code, severity, self.count, self.rows, 0, tuple(self.examples), tuple(self.lines))


def verdict(by_severity: Mapping[str, int]) -> Verdict:
    """Refused with any error, accepted with warnings with any warning, else accepted."""
    if by_severity.get(ERROR):
        return "refused"
    return "accepted_with_warnings" if by_severity.get(WARNING) else "accepted"


def _concerned(*, has_amount: bool, amount: str) -> str:
    """The statement that makes `concerned`: each row a finding stands at or names, once per code and severity."""
    money = f"t.{amount}" if has_amount else "NULL::BIGINT"
    return (
        "CREATE OR REPLACE TEMP TABLE concerned AS SELECT f.code, f.severity, f.row, "
        f"{money} AS amount FROM (SELECT code, severity, row FROM findings WHERE row IS NOT NULL "
        "UNION SELECT code, severity, row FROM named) f LEFT JOIN typed t ON t.row = f.row"
    )


def _by_code(connection: duckdb.DuckDBPyConnection, last_line: int) -> tuple[CodeSummary, ...]:
    """One entry a code and severity: errors first, then by how many there are."""
    counted = connection.execute(
        "SELECT code, severity, n, coalesce(rows, 0), coalesce(CASE WHEN severity = 'info' THEN gain "
        "ELSE amount END, 0) "
        "FROM (SELECT code, severity, count(*) AS n, sum(amount_cents)::BIGINT AS gain FROM findings GROUP BY ALL) "
        "LEFT JOIN (SELECT code, severity, count(*) AS rows, sum(amount)::BIGINT AS amount FROM "
        "concerned GROUP BY ALL) "
        "USING (code, severity) ORDER BY severity = 'info', severity = 'warning', n DESC, code"
    ).fetchall()
    lines = _histograms(connection, last_line)
    examples = _examples(connection)
    return tuple(
        CodeSummary(code, severity, count, rows, amount, examples[code, severity], lines[code, severity])
        for code, severity, count, rows, amount in counted
    )


def _histograms(
    connection: duckdb.DuckDBPyConnection, last_line: int
) -> dict[tuple[str, str], tuple[int, ...]]:
    """Per code and severity the findings in each sixtieth of the file; file-level ones in the first."""
    filled: dict[tuple[str, str], list[int]] = {}
    bucket = f"least({BUCKETS - 1}, greatest(0, (coalesce(line, 1) - 1) * {BUCKETS} // {last_line}))"
    query = f"SELECT code, severity, {bucket} AS bucket, count(*) FROM findings GROUP BY ALL"
    for code, severity, index, count in connection.execute(query).fetchall():
        filled.setdefault((code, severity), [0] * BUCKETS)[index] = count
    return {key: tuple(counts) for key, counts in filled.items()}


def _examples(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[Example, ...]]:
    """Per code and severity the first few findings in the order of the file."""
    found: dict[tuple[str, str], list[Example]] = {}
    first = (
        "SELECT code, severity, arg_min({'line': line, 'row': row, 'column_index': column_index, 'value': value, "
        f"'params': params, 'suggestion': "
        f"suggestion}}, coalesce(line, 0), {EXAMPLES}) AS firsts FROM findings GROUP BY code, severity"
    )
    query = (
        "SELECT code, severity, e.line, e.row, e.column_index, e.value, e.params, e.suggestion "
        f"FROM (SELECT code, severity, unnest(firsts) AS e FROM ({first}))"
    )
    for code, severity, line, row, column, value, params, suggestion in connection.execute(query).fetchall():
        example = Example(line, row, column, value, json.loads(params or "{}"), suggestion)
        found.setdefault((code, severity), []).append(example)
    return {key: tuple(examples) for key, examples in found.items()}


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    return tuple(connection.execute(query).fetchone() or ())
