"""Many small files checked together, because most of what checking one costs does not depend on its length.

DuckDB plans some seventy statements for every table, whatever its size. Files with the same header and the same
form of dates are put into one table, a number of the file behind each row, and every check groups by that number.
A file that is special in some way is not checked here but left to be checked alone.
Source: docs/decisions/0004-rules-as-sql.md
"""

import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from validations.engine import clock, columns, reading, table
from validations.engine.findings import Found
from validations.engine.judge import Judge
from validations.engine.options import Options
from validations.engine.profile import Profile
from validations.engine.reading import Parsed, Reading
from validations.engine.rules import OFF
from validations.engine.schema import GUESS_ROWS

# A file of this size takes about as long to check as its share of a common table saves.
MAX_FILE_BYTES = 200_000
# Rows and findings of a batch stay in memory: some 30 MB.
MAX_ROWS = 10_000
MAX_FILES = 500

COLUMNS = ("code", "severity", "line", "row", "column_index", "value", "params", "suggestion")
Finding = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class SmallFile:
    """One small file that was read, with its rows and what the reading found."""

    reading: Reading
    header: tuple[str, ...]
    breaks: tuple[tuple[int, int], ...]
    rows: tuple[tuple[str | None, ...], ...]
    found: tuple[Found, ...]

    @classmethod
    def of(cls, parsed: Parsed) -> "SmallFile":
        """The file in memory, so that its folder may go."""
        labels = tuple(column.label for column in parsed.reading.columns)
        rows = tuple(map(tuple, parsed.rows()))
        return cls(parsed.reading, labels, parsed.breaks, rows, tuple(parsed.findings()))


def read(path: Path, options: Options, cleaned: Path | None) -> SmallFile:
    """One small file, its cleaned table written where it is wanted.

    Raises: UnreadableFileError, permanent, when the file is no table.
    """
    with tempfile.TemporaryDirectory(prefix="check-", dir=options.temp_dir) as folder:
        parsed = reading.read(path, options, Path(folder))
        if cleaned is not None:
            parsed.write_cleaned(cleaned)
        return SmallFile.of(parsed)


def check(files: Sequence[SmallFile], profile: Profile, options: Options) -> list[list[Finding] | None]:
    """For each file its findings in COLUMNS order, by line.

    Shape: None for a file that must be checked alone.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, file in enumerate(files):
        groups.setdefault((file.header, tuple(_dates(file, profile).items())), []).append(number)
    results: list[list[Finding] | None] = [None] * len(files)
    for (_, decided), numbers in groups.items():
        found = _check_alike([files[number] for number in numbers], dict(decided), profile, options)
        for number, findings in zip(numbers, found, strict=True):
            results[number] = findings
    return results


def _dates(file: SmallFile, profile: Profile) -> dict[str, str]:
    """The likely format of each date column, as `schema.guess_dates` finds it."""
    fields = columns.match(file.header, profile).fields
    decided = {}
    for entry in profile.fields:
        if entry.type == "date" and entry.name in fields:
            index = fields.index(entry.name)
            cells = [row[index] or "" for row in file.rows[:GUESS_ROWS]]
            counts = [
                (sum(1 for cell in cells if re.fullmatch(clock.written(pattern)[0], cell)), -place, pattern)
                for place, pattern in enumerate(entry.formats)
            ]
            decided[entry.name] = max(counts)[2]
    return decided


def _check_alike(
    files: Sequence[SmallFile], decided: dict[str, str], profile: Profile, options: Options
) -> list[list[Finding] | None]:
    """The findings of files with one layout; None for all of them when a check failed."""
    labels = files[0].header
    with tempfile.TemporaryDirectory(prefix="check-", dir=options.temp_dir) as name:
        folder = Path(name)
        connection = table.connect(folder, options.memory_limit_mb, options.threads)
        try:
            _load(connection, folder, files, len(labels))
            judge = Judge(connection, labels, profile, options, has_many_files=True)
            try:
                alone = judge.type_files(decided)
                if judge.check_files().broken:
                    return [None] * len(files)
                return list(_findings(judge, files, alone))
            finally:
                judge.close()
        except duckdb.Error:  # checked alone, each file tells its own fault
            return [None] * len(files)
        finally:
            connection.close()


def _load(
    connection: duckdb.DuckDBPyConnection, folder: Path, files: Sequence[SmallFile], width: int
) -> None:
    """Make `cells`, `lines` and an empty `findings` of all files, rows and lines counted on from file to file."""
    cells, breaks, first = folder / "table.csv", folder / "breaks.csv", 0
    with cells.open("w", encoding="utf-8", newline="") as rows, breaks.open("w", encoding="ascii") as lines:
        for number, file in enumerate(files):
            rows.writelines(_line((*row, str(number))) for row in file.rows)
            lines.writelines(f"{row + first},{line}\n" for row, line in file.breaks if row <= len(file.rows))
            first += len(file.rows)
    table.load_files(connection, cells, breaks, width + 1)


def _line(cells: tuple[str | None, ...]) -> str:
    """One line of CSV in which a missing cell and an empty one differ."""
    quoted = ("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in cells)
    return ",".join(quoted) + "\n"


def _findings(
    judge: Judge, files: Sequence[SmallFile], alone: frozenset[int]
) -> Iterator[list[Finding] | None]:
    """The findings of each file in the order in which `Check` tells them."""
    starts = [0]
    for file in files:
        starts.append(starts[-1] + len(file.rows))
    at_rows: list[list[Finding]] = [[] for _ in files]
    query = f"SELECT {', '.join(COLUMNS)} FROM findings"
    for code, severity, line, row, *rest in judge.connection.execute(query).fetchall():
        number = bisect_right(starts, row - 1) - 1
        at_rows[number].append((code, severity, line, row - starts[number], *rest))
    for number, file in enumerate(files):
        if number in alone:
            yield None
            continue
        of_file = [found for at, found in judge.file_findings if at in (None, number)]
        told = [*_by_profile(file.found, judge.profile), *of_file]
        yield sorted([*at_rows[number], *map(_in_order, told)], key=_place)


def _by_profile(found: Sequence[Found], profile: Profile) -> Iterator[Found]:
    """The findings of the reading pass with the severities the profile wants."""
    settings: Mapping[str, Any] = profile.settings
    for finding in found:
        code, severity = finding[:2]
        wanted = settings[code].severity if code in settings else None
        if wanted != OFF:
            yield (code, wanted or severity, *finding[2:])


def _in_order(found: Found) -> Finding:
    code, severity, row, line, *rest = found
    return (code, severity, line, row, *rest)


def _place(finding: Finding) -> tuple[Any, ...]:
    """What findings are sorted by: line (file-level ones first), code, column, row, parameters."""
    code, _, line, row, index, _, params, *_ = finding
    return (line or 0, code, index is None, index or 0, row is None, row or 0, params or "")
