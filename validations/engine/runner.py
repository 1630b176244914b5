"""Runs checks over `typed` and settles what they found into `findings`.

Every check, of the schema or of a rule, is one SELECT that yields hits. They gather in the table `hits`; at the
end they
get their physical line, the text of the cell and the amount at stake, all in one pass, and join the findings of the
reading pass.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from functools import partial

import duckdb

from validations.engine import texts
from validations.engine.rules import HIT_COLUMNS, INFO, OFF, WARNING, Context, Rule, literal
from validations.engine.texts import CodeTexts, Text
from validations.engine.values import TypedColumn

logger = logging.getLogger(__name__)

# Progress is due every quarter of a second; the look at the clock itself costs nothing.
TICK_SECONDS = 0.2
# A cell in a finding: enough to recognize it, bounded for the database and the page.
MAX_VALUE_CHARS = 200
# A group finding names its lines; an invoice of a million lines must not become one text of eight megabytes.
MAX_NAMED_LINES = 50

Progress = Callable[[int, int | None], None]

texts.register(
    CodeTexts(
        code="rule-failed",
        severity=WARNING,
        title=Text("A rule could not be run", "Une règle n'a pas pu être exécutée"),
        message=Text(
            "The rule “{rule:text}” could not be run on this file. The other rules were.",
            "La règle « {rule:text} » n'a pas pu être exécutée sur ce fichier. Les autres l'ont été.",
        ),
        explanation=Text(
            "A fault of this program, or of the rule's parameters, stopped one rule. Its lines were not judged by it.",
            "Une panne du programme, ou des paramètres de la règle, en a arrêté une. Elle n'a jugé aucune ligne.",
        ),
        fix=Text(
            "Tell support the name of the rule. Nothing in the file has to be changed for it.",
            "Donnez le nom de la règle au soutien. Rien n'est à changer dans le fichier pour cela.",
        ),
    )
)


class Worker:
    """Runs statements on one connection while progress keeps being told, so that a cancel stops a long statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._pool = ThreadPoolExecutor(max_workers=1)

    def close(self) -> None:
        """End the helper thread."""
        self._pool.shutdown()

    def execute(self, statement: str, tick: Callable[[], None]) -> None:
        """Run one statement to its end.

        Raises: whatever `tick` raises, after the statement was interrupted; duckdb.Error when it fails.
        """
        future = self._pool.submit(self.connection.execute, statement)
        while True:
            try:
                future.result(timeout=TICK_SECONDS)
            except FutureTimeoutError:
                self._tick(tick, future.cancel)
            else:
                return

    def _tick(self, tick: Callable[[], None], cancel: Callable[[], bool]) -> None:
        try:
            tick()
        except BaseException:
            cancel()
            self.connection.interrupt()
            raise


@dataclass(slots=True)
class Outcome:
    """What running the rules came to, beside the findings."""

    not_checked: dict[str, int] = field(default_factory=dict)
    missing_fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    rows_not_checked: int = 0


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """An empty table `hits`."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE hits (code VARCHAR, row BIGINT, field VARCHAR, value VARCHAR, params VARCHAR, "
        "suggestion VARCHAR, rows BIGINT[], other_row BIGINT, amount_cents BIGINT, severity VARCHAR)"
    )


def gather(code: str, severity: str, query: str) -> str:
    """The statement that puts a check's hits into the table, never graver than the severity the profile gives."""
    columns = ", ".join(HIT_COLUMNS[:-1])
    mildest = literal(severity) if severity == INFO else f"coalesce(severity, {literal(severity)})"
    return f"INSERT INTO hits SELECT {literal(code)}, {columns}, {mildest} FROM ({query})"


def run_rules(
    worker: Worker,
    rules: Iterable[tuple[Rule, Context]],
    progress: Callable[[float], None],
) -> Outcome:
    """Run each rule; one that fails is noted and does not stop the others."""
    outcome = Outcome()
    every = list(rules)
    for done, (rule, context) in enumerate(every):
        share = done / len(every)
        progress(share)
        if context.severity == OFF:
            continue
        if not rule.applies(context):
            _note_missing(outcome, rule, context)
            continue
        try:
            worker.execute(gather(rule.code, context.severity, rule.sql(context)), partial(progress, share))
        except (duckdb.Error, KeyError, TypeError, ValueError):
            # No detail: DuckDB's texts quote cells.
            logger.error("rule %s could not be run", rule.code)  # noqa: TRY400 - a traceback would quote cells
            outcome.broken.append(rule.code)
        else:
            outcome.not_checked[rule.code] = 0
    ran = [(rule, context) for rule, context in every if rule.code in outcome.not_checked]
    _count_not_checked(worker.connection, ran, outcome)
    return outcome


def _note_missing(outcome: Outcome, rule: Rule, context: Context) -> None:
    missing = tuple(name for name in rule.needs if not context.has(name))
    if missing and not rule.judges_format:
        outcome.missing_fields[rule.code] = missing


def _count_not_checked(
    connection: duckdb.DuckDBPyConnection, ran: Sequence[tuple[Rule, Context]], outcome: Outcome
) -> None:
    """Fill in how many rows each rule left out, and how many rows some rule left out."""
    conditions = {
        rule.code: context.unsound for rule, context in ran if context.unsound and not rule.judges_format
    }
    if not conditions:
        return
    anything = " OR ".join(f"({condition})" for condition in conditions.values())
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
    required = sorted(
        {facts.column for _, context in ran for facts in context.fields.values() if facts.is_required}
    )
    suspect = " OR ".join(["odd IS NOT NULL", *(f"{column} IS NULL" for column in required)])
    row = connection.execute(
        f"SELECT count(*) FILTER ({anything}), {counts} FROM (SELECT * FROM typed WHERE {suspect})"
    ).fetchone()
    values = row or (0,) * (len(conditions) + 1)
    outcome.rows_not_checked = values[0]
    outcome.not_checked.update(zip(conditions, values[1:], strict=True))


def settle(
    worker: Worker, columns: Sequence[TypedColumn], amount: str | None, tick: Callable[[], None]
) -> None:
    """Move the hits into `findings`, with line, cell, amount and the lines a group finding names.

    The table `named` keeps every row that a group finding names, for the sum at stake.
    """
    connection = worker.connection
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE named AS SELECT rowid AS hit, code, severity, unnest(rows) AS row FROM hits "
        "WHERE rows IS NOT NULL"
    )
    present = [column for column in columns if column.index is not None]
    position = " ".join(f"WHEN {literal(c.field.name)} THEN {c.index}" for c in present)
    cell = " ".join(
        f"WHEN {literal(c.field.name)} THEN coalesce(t.{c.field.name}_raw, {c.text.format(f't.{c.field.column}')})"
        for c in present
    )
    money = f"t.{amount}" if amount else "NULL::BIGINT"
    worker.execute(
        f"""
        INSERT INTO findings
        WITH grouped AS (
            SELECT n.hit, list(n.line ORDER BY n.line)[1:{MAX_NAMED_LINES}] AS lines, count(*) AS line_count,
                sum({money}) AS total
            FROM (SELECT n.hit, n.row, l.first_line + n.row - l.first_row AS line
                  FROM named n ASOF LEFT JOIN lines l ON n.row >= l.first_row) n LEFT JOIN typed t ON t.row = n.row
            GROUP BY n.hit
        ), others AS (
            SELECT h.hit, l.first_line + h.other_row - l.first_row AS other_line
            FROM (SELECT rowid AS hit, other_row FROM hits WHERE other_row IS NOT NULL) h
            ASOF LEFT JOIN lines l ON h.other_row >= l.first_row
        ), placed AS (
            SELECT h.*, l.first_line + h.row - l.first_row AS line
            FROM (SELECT rowid AS hit, * FROM hits) h ASOF LEFT JOIN lines l ON h.row >= l.first_row
        )
        SELECT h.code, h.severity, h.row, h.line, {f"CASE h.field {position} END" if position else "NULL"}::INTEGER,
            left({f"coalesce(h.value, CASE h.field {cell} END)" if cell else "h.value"}, {MAX_VALUE_CHARS}),
            CASE WHEN g.hit IS NULL AND o.hit IS NULL THEN h.params ELSE json_merge_patch(h.params,
                json_object('lines', g.lines, 'line_count', g.line_count, 'other_line', o.other_line))::VARCHAR END,
            h.suggestion, coalesce(h.amount_cents, g.total, CASE WHEN h.severity <> 'info' THEN {money} END)
        FROM placed h LEFT JOIN grouped g USING (hit) LEFT JOIN others o USING (hit)
        LEFT JOIN typed t ON t.row = h.row
        """,
        tick,
    )
