"""Records and findings go to the database in bulk: COPY on PostgreSQL, batched inserts elsewhere.

Each batch is committed by itself, into a result set that nobody sees yet: a long write never holds the lock
of a SQLite database, and progress is visible while rows arrive.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from django.db import connection, models, transaction

from validations.engine.check import FINDING_COLUMNS, RECORD_COLUMNS, Check
from validations.models import BillingRecord, Finding, ResultSet

Progress = Callable[[int, int | None], None]
# SQLite holds its write lock for one batch: 5,000 rows take about 50 ms.
BATCH_ROWS = 5_000
COPY_BLOCK_BYTES = 1024 * 1024


def write_records(check: Check, result: ResultSet, total: int, on_progress: Progress) -> int:
    """How many typed records were stored in the result set."""
    if connection.vendor == "postgresql":
        return _copy(BillingRecord, RECORD_COLUMNS, check.export_records(_owner(result)), total, on_progress)
    return _insert(
        BillingRecord, RECORD_COLUMNS, check.record_batches(BATCH_ROWS), result, total, on_progress
    )


def write_findings(check: Check, result: ResultSet, total: int, on_progress: Progress) -> int:
    """How many findings were stored in the result set."""
    if connection.vendor == "postgresql":
        return _copy(Finding, FINDING_COLUMNS, check.export_findings(_owner(result)), total, on_progress)
    return _insert(Finding, FINDING_COLUMNS, check.finding_batches(BATCH_ROWS), result, total, on_progress)


def _owner(result: ResultSet) -> dict[str, int]:
    return {"organization_id": result.organization_id, "result_id": result.pk}


def _copy(
    model: type[models.Model], columns: Sequence[str], source: Path, total: int, on_progress: Progress
) -> int:
    """Stream a CSV file, which the engine wrote with the owner's columns first, into the table."""
    names = ", ".join(f'"{name}"' for name in ("organization_id", "result_id", *columns))
    statement = f'COPY "{model._meta.db_table}" ({names}) FROM STDIN (FORMAT csv)'
    with transaction.atomic(), connection.cursor() as cursor, source.open("rb") as file:
        with cursor.copy(statement) as copy:
            while block := file.read(COPY_BLOCK_BYTES):
                copy.write(block)
        return int(cursor.rowcount)


def _insert(
    model: type[models.Model],
    columns: Sequence[str],
    batches: Iterable[list[tuple[Any, ...]]],
    result: ResultSet,
    total: int,
    on_progress: Progress,
) -> int:
    names = ", ".join(f'"{name}"' for name in ("organization_id", "result_id", *columns))
    places = ", ".join(["%s"] * (len(columns) + 2))
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608 -- the model's names
    owner = (result.organization_id, result.pk)
    done = 0
    for batch in batches:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, [(*owner, *row) for row in batch])
        done += len(batch)
        on_progress(done, total)
    return done
