"""The database answers in time, and is set up for many writers."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, connection

from jobs import census
from jobs.doctor import Examination, Finding, check, error, ok, warning

SLOW_MS, VERY_SLOW_MS = 20.0, 500.0
NEARLY_FULL = 0.8
# Claims and settlements are single statements; one that is cut off earlier than this was waiting for a lock.
SHORTEST_STATEMENT_MS = 10_000
_ROUNDS = 10


@check("database")
def look_at_database(examination: Examination) -> Iterator[Finding]:
    """The database answers, quickly, with the settings that the platform counts on."""
    try:
        median = _median_ms()
    except DatabaseError as problem:
        yield error(
            f"The database does not answer: {type(problem).__name__}: {problem}",
            "Nothing works without it; workers wait and go on by themselves.",
            "Start it, or set DATABASE_URL to where it is.",
        )
        return
    version = ".".join(map(str, connection.get_database_version()))
    yield ok(f"{connection.vendor} {version} answers")
    seen = f"A round trip takes {median:.1f} ms (median of {_ROUNDS})"
    why = "A job costs two round trips, a page a dozen."
    action = "Look at the load of the database and at the network between."
    if median > VERY_SLOW_MS:
        yield error(seen, why, action)
    else:
        yield warning(seen, why, action) if median > SLOW_MS else ok(seen)
    yield from (_sqlite() if connection.vendor == "sqlite" else _postgresql())


def _median_ms() -> float:
    spent = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        _value("SELECT 1")
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def _sqlite() -> Iterator[Finding]:
    mode = str(_value("PRAGMA journal_mode")).lower()
    if mode in ("wal", "memory"):
        yield ok(f"SQLite's journal mode is {mode}")
    else:
        yield error(
            f"SQLite's journal mode is {mode}.",
            "Readers and writers block each other.",
            "Set PRAGMA journal_mode=WAL, as config/settings.py does; the file must not lie on a network share.",
        )
    if connection.settings_dict["OPTIONS"].get("transaction_mode") == "IMMEDIATE":
        yield ok("Transactions begin IMMEDIATE")
    else:
        yield error(
            "Transactions do not begin IMMEDIATE.",
            "Two writers fail at once instead of waiting for each other.",
            'Set OPTIONS["transaction_mode"] = "IMMEDIATE".',
        )
    try:
        hosts = {worker.host for worker in census.living_workers()}
    except DatabaseError:
        # The tables are not there yet, as the check of the migrations says.
        return
    if len(hosts) > 1:
        yield error(
            f"Workers run on {len(hosts)} machines.",
            "SQLite is for one machine: over a network its locks do not hold.",
            "Move to PostgreSQL: set DATABASE_URL.",
        )


def _postgresql() -> Iterator[Finding]:
    isolation = _value("SHOW default_transaction_isolation")
    if isolation == "read committed":
        yield ok("Transactions are read committed")
    else:
        yield error(
            f"default_transaction_isolation is {isolation}.",
            "Claims of jobs would fail with serialization errors.",
            "Set it to 'read committed' for this database and user.",
        )
    timeout_ms = int(_value("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"))
    if 0 < timeout_ms < SHORTEST_STATEMENT_MS:
        yield warning(
            f"statement_timeout is {timeout_ms} ms.",
            "The statistics and the pruning of a busy site take longer and would never end.",
            f"Set it to {SHORTEST_STATEMENT_MS} ms or more for this user.",
        )
    used = int(_value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
    limit = int(_value("SHOW max_connections"))
    seen = f"{used} of {limit} connections are open"
    if used > limit * NEARLY_FULL:
        yield warning(
            seen,
            "Without a free connection pages fail and workers wait.",
            "Raise max_connections, or put PgBouncer in between.",
        )
    else:
        yield ok(seen)
