"""What a file is made from: a completed run, the findings asked for, the rows of the file, each read once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from validations.models import Finding, ValidationRun
from validations.querysets import findings_filtered

T = TypeVar("T")

# Rows read from the database at once.
CHUNK = 2000
# Rows between two looks at whether to go on, and two reports of how far it is.
TICK = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings, in which order."""

    code: str = ""
    severity: str = ""
    search: str = ""
    sort: str = "line"

    @property
    def is_everything(self) -> bool:
        """Whether no finding is left out."""
        return not (self.code or self.severity or self.search)


def nothing(done: int) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """One run on its way into a file, in one language."""

    run: ValidationRun
    language: str
    wanted: Wanted = field(default_factory=Wanted)
    # Told every few hundred rows how many there were; what it raises ends the file.
    tick: Callable[[int], None] = nothing

    def findings(self) -> Iterator[Finding]:
        """The findings asked for, read from the database piece by piece."""
        wanted = self.wanted
        found = findings_filtered(
            self.run, code=wanted.code, severity=wanted.severity, search=wanted.search, sort=wanted.sort
        )
        return self.counted(found.iterator(chunk_size=CHUNK))

    def counted(self, rows: Iterator[T]) -> Iterator[T]:
        """The same rows, and a tick now and then."""
        for number, row in enumerate(rows, start=1):
            if number % TICK == 0:
                self.tick(number)
            yield row
