"""One file, checked: the engine's front door.

    with Check(path, profile, options) as check:
        reading = check.read(on_progress)
        check.export_records(target)
        summary = check.run_rules(on_progress)
        check.export_findings(target)

Everything on disk lies in one temporary folder, gone on exit whatever happened. Without a profile only the structure is
checked, and no database is opened.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import duckdb

from validations.engine import reading as reading_half
from validations.engine import report, table
from validations.engine.earlier import EARLIER_COLUMNS, EarlierRun, Span
from validations.engine.errors import EngineError, TableTooBigError
from validations.engine.judge import FINDING_COLUMNS, RECORD_COLUMNS, Judge
from validations.engine.options import Options
from validations.engine.ownrules import OwnRule
from validations.engine.profile import Profile
from validations.engine.reading import Parsed, Reading
from validations.engine.report import Summary
from validations.engine.rules import literal

__all__ = ["EARLIER_COLUMNS", "FINDING_COLUMNS", "RECORD_COLUMNS", "Check", "EarlierRun", "Span"]

Progress = Callable[[int, int | None], None]
Batch = list[tuple[Any, ...]]

# Without a database, findings are sorted in memory; beyond this many, they are told in the order of the file as found.
SORTED_IN_MEMORY = 100_000


class Check(AbstractContextManager["Check"]):
    """One file on its way through reading, typing, rules and report; each phase is called once, in this order."""

    def __init__(
        self,
        path: Path,
        profile: Profile | None,
        options: Options | None = None,
        *,
        own_rules: Sequence[OwnRule] = (),
    ) -> None:
        self.path = path
        self.own_rules = own_rules
        self.profile = profile
        self.options = options or Options()
        self._exits = ExitStack()
        self._folder = Path()
        self._parsed: Parsed | None = None
        self._judge: Judge | None = None

    def __enter__(self) -> "Check":
        folder = tempfile.TemporaryDirectory(
            prefix="check-", dir=self.options.temp_dir, ignore_cleanup_errors=True
        )
        self._folder = Path(self._exits.enter_context(folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.close()

    def read(self, on_progress: Progress | None = None) -> Reading:
        """How the file was read; its columns are matched and its values typed.

        Raises: UnreadableFileError, permanent, when the file is no table; EngineError when the database failed, which
        may pass; whatever `on_progress` raises.
        """
        self._parsed = reading_half.read(self.path, self.options, self._folder, on_progress, self.profile)
        found = self._parsed.reading
        if self.profile is None:
            return found
        tell = on_progress or _silent
        with _no_cells_in_errors():
            connection = table.connect(self._folder, self.options.memory_limit_mb, self.options.threads)
            self._exits.callback(connection.close)
            table.load(connection, self._parsed)
            labels = [column.label for column in found.columns]
            self._judge = Judge(
                connection,
                labels,
                self.profile,
                self.options,
                own_rules=self.own_rules,
                own_folder=self._folder,
            )
            self._exits.callback(self._judge.close)
            self._judge.type_values(lambda: tell(found.rows, found.rows))
        matching = self._judge.matching
        formats = {typed.index: typed.pattern for typed in self._judge.columns}
        columns = tuple(
            dataclasses.replace(
                column,
                field=matching.fields[column.index],
                how=matching.how[column.index],
                date_format=formats.get(column.index, ""),
            )
            for column in found.columns
        )
        return dataclasses.replace(found, columns=columns)

    @property
    def earlier_path(self) -> Path:
        """Where the records of earlier runs are written for `load_earlier`; gone with everything else."""
        return self._folder / "earlier.csv"

    def look_back(self) -> tuple[Span, ...]:
        """What the rules want of earlier runs; empty when nothing could matter."""
        with _no_cells_in_errors():
            return self._judge.look_back() if self._judge else ()

    def load_earlier(self, runs: Iterable[EarlierRun]) -> None:
        """Take in what was written to `earlier_path`, in EARLIER_COLUMNS order, of runs given the oldest first."""
        if self._judge is not None:
            with _no_cells_in_errors():
                self._judge.load_earlier(self.earlier_path, runs)
        self.earlier_path.unlink()

    def service_days(self) -> tuple[date, date] | None:
        """The first and the last date of service in the file, None where there is none."""
        with _no_cells_in_errors():
            return self._judge.service_days() if self._judge else None

    def try_own_rule(self, examples: int) -> tuple[int, list[tuple[Any, ...]]] | None:
        """How much the one own rule finds, and the first findings with the cell in the first column; None if it failed.

        Shape: row, value, params as JSON, suggestion, first cell of the row.
        """
        judge = self._judge
        if judge is None or judge.try_own_rules(lambda: None).broken:
            return None
        (rule,) = self.own_rules
        found = f"FROM findings f WHERE f.code = {literal(rule.code)}"
        with _no_cells_in_errors():
            count = judge.connection.execute(f"SELECT count(*) {found}").fetchone() or (0,)
            rows = judge.connection.execute(
                f"SELECT f.row, f.value, f.params, f.suggestion, c.c0 FROM (SELECT * {found} ORDER BY row LIMIT "
                f"{examples:d}) f JOIN cells c USING (row) ORDER BY f.row"
            ).fetchall()
        return int(count[0]), rows

    def run_rules(self, on_progress: Progress | None = None) -> Summary:
        """The report, after schema and rules were checked.

        Raises: EngineError when the database failed, which may pass; whatever `on_progress` raises.
        """
        parsed, tell = self._read(), on_progress or _silent
        rows = parsed.reading.rows
        if self._judge is None:
            tell(rows, rows)
            return report.summarize_structure(parsed.findings(), rows=rows, last_line=_last_line(parsed))
        with _no_cells_in_errors():
            return self._judge.run_rules(
                lambda share: tell(int(share * rows), rows), rows=rows, last_line=_last_line(parsed)
            )

    def export_records(
        self, target: Path | BinaryIO, *, before: Sequence[int] = (), rows: tuple[int, int] | None = None
    ) -> None:
        """Write the records as CSV without header, RECORD_COLUMNS in order, as PostgreSQL's COPY reads it.

        Shape: `before` are numbers that stand first on each line; `rows` are the first and the last row wanted.
        """
        if self._judge is not None:
            self._copy(self._judge.records_query(rows), target, before)

    @property
    def absent_columns(self) -> dict[str, str | None]:
        """The columns of records that no column of the file fills, with the one value that they have."""
        return self._judge.absent_columns() if self._judge else {}

    def record_batches(
        self,
        size: int = 5000,
        *,
        columns: Sequence[str] = RECORD_COLUMNS,
        rows: tuple[int, int] | None = None,
        as_texts: bool = False,
    ) -> Iterator[Batch]:
        """The records as tuples of these columns; nothing else may be asked before the last batch.

        Shape: `rows` are the first and the last row wanted; as texts, days, times and decimals are what a database
        without such types takes.
        """
        if self._judge is None:
            return
        chosen = [f"{name}::VARCHAR" if as_texts and name in _NOT_IN_SQLITE else name for name in columns]
        query = f"SELECT {', '.join(chosen)} FROM ({self._judge.records_query(rows)})"
        with _no_cells_in_errors():
            yield from self._judge.batches(query, size)

    def export_findings(self, target: Path | BinaryIO, *, before: Sequence[int] = ()) -> None:
        """Write the findings as CSV without header, FINDING_COLUMNS in order, as PostgreSQL's COPY reads it.

        Shape: `before` are numbers that stand first on each line.
        """
        if self._judge is not None:
            self._copy(self._judge.findings_query(), target, before)
            return
        source = self._folder / "export.csv"
        with source.open("w", encoding="utf-8", newline="") as stream:
            for batch in self.finding_batches():
                stream.writelines(_copy_line((*before, *finding)) for finding in batch)
        _deliver(source, target)

    def finding_batches(self, size: int = 5000) -> Iterator[Batch]:
        """The findings as tuples in FINDING_COLUMNS order, by line and code."""
        if self._judge is not None:
            with _no_cells_in_errors():
                yield from self._judge.batches(self._judge.findings_query(), size)
            return
        batch: Batch = []
        for finding in self._structural_findings():
            batch.append(finding)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def write_cleaned(self, target: Path) -> None:
        """Write the parsed table as UTF-8, RFC 4180, commas, the header first."""
        self._read().write_cleaned(target)

    def _read(self) -> Parsed:
        if self._parsed is None:
            raise EngineError("read() comes first")
        return self._parsed

    def _structural_findings(self) -> Iterator[tuple[Any, ...]]:
        """The findings of the reading pass in FINDING_COLUMNS order."""
        parsed = self._read()
        labels = {column.index: column.label for column in parsed.reading.columns}
        found = parsed.findings()
        if sum(parsed.counts.values()) <= SORTED_IN_MEMORY:
            found = iter(sorted(found, key=lambda f: (f[3] is not None, f[3] or 0, f[0], f[4] or 0)))
        for code, severity, row, line, index, value, params, suggestion in found:
            label = "" if index is None else labels.get(index, "")
            yield (code, severity, line, row, index, label, "", value, params, suggestion, None, None)

    def _copy(self, query: str, target: Path | BinaryIO, before: Sequence[int]) -> None:
        """Let DuckDB write the query's rows inside the folder it may write to, then hand them over."""
        judge = self._judge
        if judge is None:
            return
        source = self._folder / "export.csv"
        quoted = str(source).replace("'", "''")
        with _no_cells_in_errors():
            judge.connection.execute(
                f"COPY (SELECT {_numbers(before)}* FROM ({query})) TO "
                f"'{quoted}' (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULL '')"
            )
        _deliver(source, target)


# Columns of types that SQLite does not have.
_NOT_IN_SQLITE = {"service_date", "start_time", "end_time", "units"}


def _numbers(before: Sequence[int]) -> str:
    """Numbers as the beginning of a SELECT list."""
    return "".join(f"{number:d}, " for number in before)


def _copy_line(values: tuple[Any, ...]) -> str:
    """One line of CSV in which an empty text and nothing at all differ, as PostgreSQL's COPY reads it."""
    cells = (
        "" if v is None else f'"{v.replace(chr(34), chr(34) * 2)}"' if isinstance(v, str) else str(v)
        for v in values
    )
    return ",".join(cells) + "\n"


def _deliver(source: Path, target: Path | BinaryIO) -> None:
    """Move an export to where it was asked for."""
    if isinstance(target, Path):
        shutil.move(source, target)
        return
    with source.open("rb") as stream:
        shutil.copyfileobj(stream, target, 1 << 20)
    source.unlink()


def _last_line(parsed: Parsed) -> int:
    """The physical line the last row begins at."""
    first_row, first_line = parsed.breaks[-1]
    return max(1, first_line + parsed.reading.rows - first_row)


def _silent(done: int, total: int | None) -> None:
    """Progress nobody asked for."""


@contextmanager
def _no_cells_in_errors() -> Iterator[None]:
    """Turn DuckDB's errors, whose texts quote cells, into our own without them."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise TableTooBigError from None
    except duckdb.Error as error:
        kind = type(error).__name__
    else:
        return
    raise EngineError(f"the table could not be checked ({kind})")
