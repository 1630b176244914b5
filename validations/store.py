"""Records and findings go to the database in bulk: COPY on PostgreSQL, batched inserts elsewhere.

Each part is committed by itself, into a result set that nobody sees yet: a long write never holds the lock of a
SQLite database, and progress is visible while rows arrive.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.db import connection, models, transaction

from validations.engine.check import FINDING_COLUMNS, RECORD_COLUMNS, Check
from validations.files import engine_folder
from validations.models import BillingRecord, Finding, ResultSet

Progress = Callable[[int, int | None], None]
# SQLite holds its write lock for one batch: 5,000 rows take about 50 ms.
BATCH_ROWS = 5_000
# One COPY of records: long enough that its start costs nothing, short enough that the bar moves.
COPY_ROWS = 100_000
COPY_BLOCK_BYTES = 1024 * 1024


def write_records(check: Check, result: ResultSet, rows: int, on_progress: Progress) -> int:
    """How many typed records of a table of `rows` rows were stored in the result set."""
    if connection.vendor != "postgresql":
        batches = check.record_batches(BATCH_ROWS, before=_owner(result))
        return _insert(BillingRecord, RECORD_COLUMNS, batches, rows, on_progress)
    return _copy_records(check, result, rows, on_progress)


def _copy_records(check: Check, result: ResultSet, rows: int, on_progress: Progress) -> int:
    """The same by COPY; while PostgreSQL takes one portion, the engine writes the next."""
    stored = 0
    portions = [(first, min(first + COPY_ROWS - 1, rows)) for first in range(1, rows + 1, COPY_ROWS)]
    with (
        tempfile.TemporaryDirectory(prefix="copy-", dir=engine_folder()) as folder,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):

        def export(portion: tuple[int, int]) -> Path:
            source = Path(folder) / f"records-{portion[0]}.csv"
            check.export_records(source, before=_owner(result), rows=portion)
            return source

        coming = [pool.submit(export, portion) for portion in portions[:1]]
        for number, (_, last) in enumerate(portions, start=1):
            source = coming.pop().result()
            coming += [pool.submit(export, portion) for portion in portions[number : number + 1]]
            stored += _copy(BillingRecord, RECORD_COLUMNS, source)
            source.unlink()
            on_progress(last, rows)
    return stored


def write_findings(check: Check, result: ResultSet, total: int, on_progress: Progress) -> int:
    """How many of `total` findings were stored in the result set: all."""
    if connection.vendor != "postgresql":
        batches = check.finding_batches(BATCH_ROWS, before=_owner(result))
        return _insert(Finding, FINDING_COLUMNS, batches, total, on_progress)
    with tempfile.TemporaryDirectory(prefix="copy-", dir=engine_folder()) as folder:
        source = Path(folder) / "findings.csv"
        check.export_findings(source, before=_owner(result))
        stored = _copy(Finding, FINDING_COLUMNS, source)
    on_progress(total, total)
    return stored


def _owner(result: ResultSet) -> tuple[int, int]:
    return (result.organization_id, result.pk)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in ("organization_id", "result_id", *columns))


def _copy(model: type[models.Model], columns: Sequence[str], source: Path) -> int:
    """How many lines of a CSV file, in which the owner's two columns come first, went into the table."""
    statement = f'COPY "{model._meta.db_table}" ({_names(columns)}) FROM STDIN (FORMAT csv)'
    with transaction.atomic(), connection.cursor() as cursor, source.open("rb") as file:
        with cursor.copy(statement) as copy:
            while block := file.read(COPY_BLOCK_BYTES):
                copy.write(block)
        return int(cursor.rowcount)


def _insert(
    model: type[models.Model],
    columns: Sequence[str],
    batches: Iterable[list[tuple[Any, ...]]],
    total: int,
    on_progress: Progress,
) -> int:
    """How many rows, in which the owner's two columns come first, went into the table."""
    places = ", ".join(["%s"] * (len(columns) + 2))
    statement = f'INSERT INTO "{model._meta.db_table}" ({_names(columns)}) VALUES ({places})'  # noqa: S608 -- the model's names
    done = 0
    for batch in batches:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, batch)
        done += len(batch)
        on_progress(done, total)
    return done
