"""Records and findings go to the database in bulk: COPY on PostgreSQL, batched inserts elsewhere.

Each part is committed by itself, into a result set that nobody sees yet: a long write never holds the lock of a
SQLite database, and progress is visible while rows arrive.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.db import connection, models, transaction

from validations.engine.check import FINDING_COLUMNS, RECORD_COLUMNS, Check
from validations.files import engine_folder
from validations.models import BillingRecord, Finding, ResultSet

Progress = Callable[[int, int | None], None]
# Called in each transaction once everything is written, right before its commit; raises where another attempt has the
# run by now. Not earlier: a worker that is frozen while it writes must not hold up the one that takes over.
Hold = Callable[[], None]
# SQLite holds its write lock for one batch: 5,000 rows take about 50 ms.
BATCH_ROWS = 5_000
# Records are stored in portions of so many rows, one COPY each: long enough that its start costs nothing, short enough
# that the bar moves. A later attempt goes on behind the last whole portion.
PORTION_ROWS = 100_000
COPY_BLOCK_BYTES = 1024 * 1024
_OWNER = ("organization_id", "result_id")


def kept_rows(result: ResultSet) -> int:
    """The rows of the file, from the first on, whose records an earlier attempt has stored in whole portions."""
    records = BillingRecord.unscoped.filter(result=result)
    last = records.aggregate(last=models.Max("row"))["last"] or 0
    whole = last // PORTION_ROWS * PORTION_ROWS
    return whole if whole and records.filter(row__lte=whole).count() == whole else 0


def write_records(
    check: Check, result: ResultSet, rows: int, on_progress: Progress, *, hold: Hold, kept: int = 0
) -> int:
    """How many typed records of a table of `rows` rows were stored in the result set; the first `kept` are there."""
    if connection.vendor != "postgresql":
        # What is the same in every row is said once, in the statement.
        absent = check.absent_columns
        columns = [name for name in RECORD_COLUMNS if name not in absent]
        batches = check.record_batches(BATCH_ROWS, columns=columns, rows=(kept + 1, rows), as_texts=True)
        statement = _statement(BillingRecord, columns, {**_owner(result), **absent})
        return _insert(statement, batches, on_progress, hold=hold, before=kept, total=rows)
    return _copy_records(check, result, rows, on_progress, hold=hold, kept=kept)


def _copy_records(
    check: Check, result: ResultSet, rows: int, on_progress: Progress, *, hold: Hold, kept: int
) -> int:
    """The same by COPY; while PostgreSQL takes one portion, the engine writes the next."""
    stored = 0
    portions = [
        (first, min(first + PORTION_ROWS - 1, rows)) for first in range(kept + 1, rows + 1, PORTION_ROWS)
    ]
    with (
        tempfile.TemporaryDirectory(prefix="copy-", dir=engine_folder()) as folder,
        ThreadPoolExecutor(max_workers=1) as pool,
    ):

        def export(portion: tuple[int, int]) -> Path:
            source = Path(folder) / f"records-{portion[0]}.csv"
            check.export_records(source, before=tuple(_owner(result).values()), rows=portion)
            return source

        coming = [pool.submit(export, portion) for portion in portions[:1]]
        for number, (_, last) in enumerate(portions, start=1):
            source = coming.pop().result()
            coming += [pool.submit(export, portion) for portion in portions[number : number + 1]]
            stored += _copy(BillingRecord, RECORD_COLUMNS, source, hold=hold)
            source.unlink()
            on_progress(last, rows)
    return stored


def write_findings(check: Check, result: ResultSet, total: int, on_progress: Progress, *, hold: Hold) -> int:
    """How many of `total` findings were stored in the result set: all."""
    if connection.vendor != "postgresql":
        statement = _statement(Finding, FINDING_COLUMNS, _owner(result))
        batches = check.finding_batches(BATCH_ROWS)
        return _insert(statement, batches, on_progress, hold=hold, total=total)
    with tempfile.TemporaryDirectory(prefix="copy-", dir=engine_folder()) as folder:
        source = Path(folder) / "findings.csv"
        check.export_findings(source, before=tuple(_owner(result).values()))
        stored = _copy(Finding, FINDING_COLUMNS, source, hold=hold)
    on_progress(total, total)
    return stored


def _owner(result: ResultSet) -> dict[str, int]:
    """What stands first in each row: whose it is."""
    return {"organization_id": result.organization_id, "result_id": result.pk}


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _copy(model: type[models.Model], columns: Sequence[str], source: Path, *, hold: Hold) -> int:
    """How many lines of a CSV file, in which the owner's two columns come first, went into the table."""
    statement = f'COPY "{model._meta.db_table}" ({_names((*_OWNER, *columns))}) FROM STDIN (FORMAT csv)'
    with transaction.atomic(), connection.cursor() as cursor, source.open("rb") as file:
        with cursor.copy(statement) as copy:
            while block := file.read(COPY_BLOCK_BYTES):
                copy.write(block)
        stored = int(cursor.rowcount)
        hold()
    return stored


def _statement(
    model: type[models.Model], columns: Sequence[str], same: Mapping[str, int | str | None]
) -> str:
    """The INSERT that takes values for the columns; `same` has numbers, and empty or no texts, of every row."""
    fixed = [
        "NULL" if value is None else f"{value:d}" if isinstance(value, int) else "''"
        for value in same.values()
    ]
    values = ", ".join([*fixed, *["%s"] * len(columns)])
    return f'INSERT INTO "{model._meta.db_table}" ({_names((*same, *columns))}) VALUES ({values})'  # noqa: S608 -- the model's names


def _insert(
    statement: str,
    batches: Iterable[list[tuple[Any, ...]]],
    on_progress: Progress,
    *,
    hold: Hold,
    total: int,
    before: int = 0,
) -> int:
    """How many rows went into the table; `before` were there already."""
    done = 0
    for batch in batches:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, batch)
            hold()
        done += len(batch)
        on_progress(before + done, total)
    return done
