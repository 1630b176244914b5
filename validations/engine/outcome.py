"""One file checked from beginning to end, and what there is to say of it as one JSON-like document."""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from validations.engine import batch, texts, workbook
from validations.engine.batch import SmallFile
from validations.engine.cells import letter
from validations.engine.check import FINDING_COLUMNS, Check
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Profile
from validations.engine.reading import Reading

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2
# ru_maxrss counts kilobytes on Linux and bytes on macOS
PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file. `items` are the first findings, `by_code` counts all of them."""

    path: Path
    reading: Reading | None
    error: str | None
    seconds: float
    by_code: dict[str, int]
    items: list[dict[str, Any]]

    @property
    def status(self) -> int:
        """0 clean, 1 findings, 2 not readable."""
        return UNREADABLE if self.reading is None else FINDINGS if self.by_code else CLEAN

    def document(self) -> dict[str, Any]:
        """The outcome as plain values, in the order in which they are read."""
        reading = self.reading
        return {
            "file": str(self.path),
            "readable": reading is not None,
            "error": self.error,
            "encoding": reading.encoding if reading else None,
            "delimiter": reading.delimiter if reading else None,
            "quotechar": reading.quotechar if reading else None,
            "escapechar": reading.escapechar if reading else None,
            "header_line": reading.header_line if reading else None,
            "columns": [column.label for column in reading.columns] if reading else [],
            "rows": reading.rows if reading else 0,
            "seconds": round(self.seconds, 4),
            "peak_memory_bytes": peak_memory_bytes(),
            "findings": {"total": sum(self.by_code.values()), "by_code": self.by_code},
            "items": self.items,
        }


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far.

    Linux's own count is asked first: `ru_maxrss` begins at what the process that started this one occupied.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT_BYTES


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be said and kept: how many findings (0 is all), in which language, and the cleaned file."""

    limit: int
    language: str
    cleaned: Path | None = None


def examine(path: Path, profile: Profile | None, options: Options, wanted: Wanted) -> Outcome:
    """The outcome for one file; a file that cannot be read is an outcome too."""
    started = time.perf_counter()
    try:
        reading, by_code, items = _check(path, profile, options, wanted)
    except UnreadableFileError as error:
        return Outcome(path, None, error.sentence(wanted.language), time.perf_counter() - started, {}, [])
    return Outcome(path, reading, None, time.perf_counter() - started, by_code, items)


def examine_all(
    files: Iterable[tuple[Path, Wanted]], profile: Profile | None, options: Options
) -> Iterator[Outcome]:
    """The outcome for each file in the order given, small ones checked together."""
    waiting: list[_Small | Outcome] = []
    rows = 0
    for path, wanted in files:
        if profile is None or not _is_small(path):
            yield from _judged(waiting, profile, options)
            waiting, rows = [], 0
            yield examine(path, profile, options, wanted)
            continue
        read = _read_small(path, options, wanted)
        waiting.append(read)
        rows += len(read.file.rows) if isinstance(read, _Small) else 0
        if rows >= batch.MAX_ROWS or len(waiting) >= batch.MAX_FILES:
            yield from _judged(waiting, profile, options)
            waiting, rows = [], 0
    yield from _judged(waiting, profile, options)


@dataclass(frozen=True, slots=True)
class _Small:
    """A small file that waits for the others of its batch."""

    path: Path
    wanted: Wanted
    file: SmallFile
    seconds: float


def _is_small(path: Path) -> bool:
    """True for a text file worth checking with others; how a workbook's cells are written needs its profile."""
    try:
        return path.stat().st_size <= batch.MAX_FILE_BYTES and not workbook.is_workbook(path)
    except (OSError, UnreadableFileError):
        return False


def _read_small(path: Path, options: Options, wanted: Wanted) -> _Small | Outcome:
    started = time.perf_counter()
    try:
        file = batch.read(path, options, wanted.cleaned)
    except UnreadableFileError as error:
        return Outcome(path, None, error.sentence(wanted.language), time.perf_counter() - started, {}, [])
    return _Small(path, wanted, file, time.perf_counter() - started)


def _judged(
    waiting: Sequence[_Small | Outcome], profile: Profile | None, options: Options
) -> Iterator[Outcome]:
    """The outcomes of a batch; the seconds its files took together are shared out evenly."""
    small = [entry for entry in waiting if isinstance(entry, _Small)]
    if profile is None or not small:
        yield from (entry for entry in waiting if isinstance(entry, Outcome))
        return
    started = time.perf_counter()
    results = iter(batch.check([entry.file for entry in small], profile, options))
    share = (time.perf_counter() - started) / len(small)
    for entry in waiting:
        if isinstance(entry, Outcome):
            yield entry
            continue
        findings = next(results)
        if findings is None:
            yield examine(entry.path, profile, options, entry.wanted)
            continue
        by_code = dict(sorted(Counter(finding[0] for finding in findings).items()))
        shown = (dict(zip(batch.COLUMNS, finding, strict=True)) for finding in findings)
        reading, language = entry.file.reading, entry.wanted.language
        items = [_item(row, reading, language) for row in islice(shown, entry.wanted.limit or None)]
        yield Outcome(entry.path, reading, None, entry.seconds + share, by_code, items)


def _check(
    path: Path, profile: Profile | None, options: Options, wanted: Wanted
) -> tuple[Reading, dict[str, int], list[dict[str, Any]]]:
    with Check(path, profile, options) as check:
        reading = check.read()
        summary = check.run_rules()
        if wanted.cleaned is not None:
            check.write_cleaned(wanted.cleaned)
        by_code = Counter[str]()
        for entry in sorted(summary.by_code, key=lambda entry: entry.code):  # one entry a code and severity
            by_code[entry.code] += entry.count
        rows = (
            dict(zip(FINDING_COLUMNS, row, strict=True)) for batch in check.finding_batches() for row in batch
        )
        items = [_item(row, reading, wanted.language) for row in islice(rows, wanted.limit or None)]
        return reading, dict(by_code), items


def _item(row: Mapping[str, Any], reading: Reading, language: str) -> dict[str, Any]:
    told = json.loads(row["params"]) if row["params"] else {}
    told = {"line": row["line"], "row": row["row"], "value": row["value"] or "", **told}
    return {
        "code": row["code"],
        "severity": row["severity"],
        "line": row["line"],
        "row": row["row"],
        "column": _column_name(reading, row["column_index"]),
        "value": row["value"] or "",
        "message": texts.message(row["code"], told, language),
    }


def _column_name(reading: Reading, index: int | None) -> str | None:
    if index is None:
        return None
    return (reading.columns[index].label if index < len(reading.columns) else "") or letter(index)
