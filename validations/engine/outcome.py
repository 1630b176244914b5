"""One file checked from beginning to end, and what there is to say of it as one JSON-like document."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from validations.engine import texts
from validations.engine.check import FINDING_COLUMNS, Check
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Profile
from validations.engine.reading import Reading, letter

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
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT_BYTES,
            "findings": {"total": sum(self.by_code.values()), "by_code": self.by_code},
            "items": self.items,
        }


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


def _check(
    path: Path, profile: Profile | None, options: Options, wanted: Wanted
) -> tuple[Reading, dict[str, int], list[dict[str, Any]]]:
    with Check(path, profile, options) as check:
        reading = check.read()
        summary = check.run_rules()
        if wanted.cleaned is not None:
            check.write_cleaned(wanted.cleaned)
        by_code = {entry.code: entry.count for entry in sorted(summary.by_code, key=lambda entry: entry.code)}
        rows = (
            dict(zip(FINDING_COLUMNS, row, strict=True)) for batch in check.finding_batches() for row in batch
        )
        items = [_item(row, reading, wanted.language) for row in islice(rows, wanted.limit or None)]
        return reading, by_code, items


def _item(row: Mapping[str, Any], reading: Reading, language: str) -> dict[str, Any]:
    told = json.loads(row["params"]) if row["params"] else {}
    told = {"line": row["line"], "row": row["row"], "value": row["value"], **told}
    return {
        "code": row["code"],
        "severity": row["severity"],
        "line": row["line"],
        "row": row["row"],
        "column": _column_name(reading, row["column_index"]),
        "value": row["value"],
        "message": texts.message(row["code"], told, language),
    }


def _column_name(reading: Reading, index: int | None) -> str | None:
    if index is None:
        return None
    return (reading.columns[index].label if index < len(reading.columns) else "") or letter(index)
