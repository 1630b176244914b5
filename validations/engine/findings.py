"""Findings of the reading pass on their way to disk: ten million of them take no more memory than ten."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from validations.engine.table_errors import severity

VALUE_CHARS = 200  # of a cell shown in a finding
SPOOLED_FINDINGS = 2_000  # kept in memory before they go to disk

# code, severity, row, line, column index, value, params as JSON, suggestion
Found = tuple[str, str, int | None, int | None, int | None, str, str, str | None]
Param = str | int | list[str] | list[int] | tuple[int, ...]


class FindingSpool:
    """Findings on their way to disk, in the order found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._waiting: list[Found] = []
        self._flushed = False
        # What the line of a finding is called where the file was made of a sheet, whose rows the reader counts.
        self.line_of: Callable[[int], int] | None = None

    def add(
        self,
        code: str,
        params: Mapping[str, Param] | None = None,
        *,
        row: int | None = None,
        line: int | None = None,
        column_index: int | None = None,
        value: str = "",
        suggestion: str | None = None,
    ) -> None:
        """Note one finding."""
        if line is not None and self.line_of is not None:
            line = self.line_of(line)
        text = _as_json(params or {})
        self._waiting.append(
            (code, severity(code), row, line, column_index, value[:VALUE_CHARS], text, suggestion)
        )
        self.counts[code] += 1
        if len(self._waiting) >= SPOOLED_FINDINGS:
            self.flush()

    def flush(self) -> None:
        """Write what waits; the file exists afterwards only if there was anything."""
        if self._waiting:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(self._waiting)
            self._waiting.clear()
            self._flushed = True

    def __iter__(self) -> Iterator[Found]:
        """Every finding noted so far, in the order found."""
        if self._flushed:
            with self.path.open(encoding="utf-8", newline="") as file:
                for code, level, row, line, column, value, params, suggestion in csv.reader(file):
                    yield (
                        code,
                        level,
                        _number(row),
                        _number(line),
                        _number(column),
                        value,
                        params,
                        suggestion or None,
                    )
        yield from self._waiting


_encode = json.JSONEncoder(ensure_ascii=False).encode


def _as_json(params: Mapping[str, Param]) -> str:
    """The parameters as JSON; those without lists come again and again."""
    key = tuple(params.items())
    try:
        return _remembered_json(key)
    except TypeError:  # a list has no hash
        return _encode(dict(key))


@lru_cache(maxsize=2_000)
def _remembered_json(items: tuple[tuple[str, Param], ...]) -> str:
    return _encode(dict(items))


def _number(text: str) -> int | None:
    return int(text) if text else None
