"""What a file is made from: a completed run, the findings asked for, the rows of the file, each read once."""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, TypeVar

from django.db.models import QuerySet

from validations import rebuilding
from validations.models import Finding, ValidationRun
from validations.querysets import FindingFilter, findings_filtered, findings_of
from validations.rebuilding import Changes, Row
from validations.veil import OPEN, Veil, drawn_over

T = TypeVar("T")

# Rows read from the database at once.
CHUNK = 2000
# Rows between two looks at whether to go on, and two reports of how far it is.
TICK = 500
# Of columns, of which a file has at most 2,000.
FILE_FINDINGS = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings, in which order."""

    code: str = ""
    severity: str = ""
    column: int | None = None
    value: str | None = None
    search: str = ""
    sort: str = "line"
    # For a reader who may not see data of patients.
    masked: bool = False
    # The decisions about fixes, as validations.fixes.Decisions writes them.
    fixes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filter(self) -> FindingFilter:
        """Which findings, whatever their order."""
        return FindingFilter(self.code, self.severity, self.column, self.value, self.search)


def untold(rows: int) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """One run on its way into a file, in one language."""

    run: ValidationRun
    language: str
    wanted: Wanted = field(default_factory=Wanted)
    # Told now and then how many more rows were read; what it raises ends the file.
    tick: Callable[[int], None] = untold

    @property
    def veil(self) -> Veil:
        """What the reader may not see of the run."""
        return drawn_over(self.run) if self.wanted.masked else OPEN

    def findings(self) -> Iterator[Finding]:
        """The findings asked for as the reader may see them, read from the database piece by piece."""
        veil = self.veil
        found = findings_filtered(self.run, replace(self.wanted.filter, veil=veil), self.wanted.sort)
        return map(veil.over, self._counted(_in_pieces(found)))

    def table(self, changes: Changes | None = None) -> Iterator[Row]:
        """The rows of the file as they were sent but for the changes, read piece by piece."""
        return self._counted(rebuilding.rows_of(self.run, changes))

    def rows(self) -> Iterator[tuple[Row, list[Finding]]]:
        """The same rows, each with all of its findings."""
        found = findings_of(self.run).exclude(row=None).order_by("row", "line", "id")
        beside = _by_row(_in_pieces(found))
        waiting = next(beside, None)
        for row in self.table():
            # What stands at a row that is no record, such as a row of totals, is told elsewhere.
            while waiting and waiting[0] < row.number:
                waiting = next(beside, None)
            yield row, waiting[1] if waiting and waiting[0] == row.number else []

    def file_findings(self) -> list[Finding]:
        """What concerns the columns of the whole file; there are few."""
        found = findings_of(self.run).filter(row=None).exclude(column_index=None)
        return list(found.order_by("line", "id")[:FILE_FINDINGS])

    def _counted(self, rows: Iterator[T]) -> Iterator[T]:
        for number, row in enumerate(rows, start=1):
            if number % TICK == 0:
                self.tick(TICK)
            yield row


def _in_pieces(findings: QuerySet[Finding]) -> Iterator[Finding]:
    """The findings in their order, eight bytes of memory for each, and no cursor open between two of them.

    On SQLite nothing can be written beside an open cursor once another process has written; progress is.
    """
    ids = array("q", findings.values_list("pk", flat=True).iterator(chunk_size=CHUNK))
    for start in range(0, len(ids), CHUNK):
        piece = ids[start : start + CHUNK]
        found = findings.order_by().in_bulk(piece)
        yield from (found[pk] for pk in piece if pk in found)


def _by_row(findings: Iterator[Finding]) -> Iterator[tuple[int, list[Finding]]]:
    """The findings of each row, in the order of the rows."""
    for row, group in groupby(findings, key=lambda finding: finding.row):
        if row is not None:
            yield row, list(group)
