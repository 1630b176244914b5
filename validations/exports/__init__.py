"""Files that people download: one file each, and nothing else to edit.

A module in this package makes one object of a class of its own that is a `Format`, and registers it. What formats
share stands in `source` (what is read), `workbook` and `overview`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from django_stubs_ext import StrOrPromise

from jobs.registry import Registry
from validations.exports.source import Source, Wanted
from validations.models import ValidationRun

__all__ = ["Format", "Source", "Wanted", "formats", "in_order", "load"]


class Format(ABC):
    """One kind of file that can be taken away from a completed run."""

    # In addresses and stored rows: lower case, with hyphens.
    name: ClassVar[str]
    # What it is called in the menu and in notices, and what somebody would want it for, in the reader's language.
    title: ClassVar[StrOrPromise]
    hint: ClassVar[StrOrPromise]
    # The end of the file's name, and what stands before it, behind the name of the uploaded file.
    extension: ClassVar[str]
    suffix: ClassVar[StrOrPromise]
    content_type: ClassVar[str]
    # The order in the menu: small numbers first.
    position: ClassVar[int]
    # A worker makes it however small the run is.
    by_worker: ClassVar[bool] = False
    # It is of no use with values masked: only who may see data of patients gets it.
    has_rows: ClassVar[bool] = False

    def weight(self, run: ValidationRun) -> int:
        """About how many rows the file will have: what decides whether a worker makes it."""
        return run.error_count + run.warning_count + run.info_count

    def settled(self, run: ValidationRun, wanted: Wanted) -> Wanted:
        """What is wanted, with all that the file depends on and may change before it is made."""
        return wanted

    @abstractmethod
    def blocks(self, source: Source) -> Iterator[bytes]:
        """The bytes of the file, a few kilobytes at a time; flat in memory whatever the number of rows.

        It is called with the reader's language active, and goes through rows by `source` alone: there it learns to
        stop.
        """


formats: Registry[Format] = Registry("export")


def load() -> None:
    """Import every format of this package; one that cannot be loaded does not stop the others."""
    formats.discover(__name__)


def in_order() -> list[Format]:
    """The formats as the menu shows them."""
    return sorted(formats.values(), key=lambda entry: entry.position)
