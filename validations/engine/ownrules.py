"""Rules that staff wrote as one query, run beside the others, each in a sandbox of its own."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from validations.engine import sandbox
from validations.engine.profile import Profile
from validations.engine.queries import check_query
from validations.engine.rules import literal
from validations.engine.runner import Outcome, Worker
from validations.engine.sandbox import Limits, Request, SandboxError
from validations.engine.texts import Text
from validations.engine.values import TypedColumn

logger = logging.getLogger(__name__)

DATABASE = "own.duckdb"
HITS = "own-hits.csv"


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One version of a rule that staff wrote."""

    code: str
    severity: str
    title: Text
    sql: str
    version: int = 1


def check(sql: str, profile: Profile, folder: Path) -> None:
    """Look at a query and let it run over an empty table with the profile's columns.

    Raises: QueryError, in words, for what may not be said; SandboxError with the reason for what does not run.
    """
    check_query(sql)
    database = folder / DATABASE
    sandbox.make_empty_database(profile, database)
    request = Request(sql, database, Limits(cpu_seconds=5), tells_errors=True)
    sandbox.run(request, folder / HITS, lambda: None)


def run(
    rules: Sequence[OwnRule],
    worker: Worker,
    columns: Sequence[TypedColumn],
    folder: Path,
    outcome: Outcome,
    tick: Callable[[], None],
) -> None:
    """Gather the hits of each rule; one that fails is noted by its name and stops nothing.

    Raises: whatever `tick` raises.
    """
    if not rules:
        return
    database = folder / DATABASE
    sandbox.make_database(worker.connection, columns, database)
    rows = worker.connection.execute("SELECT count(*) FROM typed").fetchone() or (0,)
    limits = Limits(max_hits=max(rows[0], 1))
    for rule in rules:
        if not is_intact(rule):
            _fail(rule, outcome)
            continue
        try:
            sandbox.run(Request(rule.sql, database, limits, {"version": rule.version}), folder / HITS, tick)
            worker.execute(gather(rule, folder / HITS), tick)
        except (SandboxError, duckdb.Error):
            _fail(rule, outcome)
        else:
            outcome.not_checked[rule.code] = 0
    database.unlink()
    (folder / HITS).unlink(missing_ok=True)


def is_intact(rule: OwnRule) -> bool:
    """Whether the stored query would still be let in today."""
    try:
        check_query(rule.sql)
    except ValueError:
        return False
    return True


def gather(rule: OwnRule, hits: Path) -> str:
    """The statement that puts the hits of a rule into the table of hits, those at rows that there are."""
    columns = "{'row': 'BIGINT', 'field': 'VARCHAR', 'value': 'VARCHAR', 'suggestion': 'VARCHAR', 'params': 'VARCHAR'}"
    source = (
        f"read_csv({literal(str(hits))}, auto_detect=false, header=false, delim=',', quote='\"', escape='\"', "
        f"new_line='\\n', columns={columns})"
    )
    return (
        f"INSERT INTO hits SELECT {literal(rule.code)}, row, field, nullif(value, '')[2:], params, "
        f"nullif(suggestion, '')[2:], NULL, NULL, NULL, {literal(rule.severity)} FROM {source} "
        "WHERE row IN (SELECT row FROM typed)"
    )


def named(rules: Sequence[OwnRule]) -> Mapping[str, Text]:
    """The titles of rules by their code."""
    return {rule.code: rule.title for rule in rules}


def _fail(rule: OwnRule, outcome: Outcome) -> None:
    # No detail: DuckDB's texts quote cells.
    logger.error("own rule %s could not be run", rule.code)
    outcome.broken.append(rule.code)
