"""The file that was sent with the accepted fixes in it: the same columns, encoding, separator and line ends."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django.utils.translation import gettext_lazy

from jobs.safecells import safe_cell
from validations import rebuilding
from validations.exports import Format, Source, Wanted, formats
from validations.files import engine_folder
from validations.fixes import Decisions, changes_of
from validations.models import ValidationRun

# As much of the file leaves together.
BLOCK_BYTES = 64 * 1024


class CorrectedCsv(Format):
    """What somebody goes on to edit, or sends to the payer."""

    name = "corrected-csv"
    title = gettext_lazy("The corrected file")
    hint = gettext_lazy(
        "Your file with the fixes that you accepted, in its own encoding and with its own separator"
    )
    extension = "csv"
    suffix = gettext_lazy("corrected")
    content_type = "text/csv"
    position = 5
    has_rows = True

    def weight(self, run: ValidationRun) -> int:
        """The rows of the file."""
        return int(run.summary.get("rows", 0))

    def settled(self, run: ValidationRun, wanted: Wanted) -> Wanted:
        """With the fixes that are accepted now: what is decided while the file is made belongs to the next one."""
        return replace(wanted, fixes=Decisions.of(run).to_json())

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The bytes, once the whole file is written: only then is it known that its encoding holds every letter."""
        changes = changes_of(source.run, Decisions.from_json(source.wanted.fixes))
        with tempfile.TemporaryDirectory(prefix="correct-", dir=engine_folder()) as folder:
            path = Path(folder) / "corrected.csv"
            rebuilding.write_table(source.run, path, lambda: _lines(source, changes))
            with path.open("rb") as written:
                while block := written.read(BLOCK_BYTES):
                    yield block


def _lines(source: Source, changes: rebuilding.Changes) -> Iterator[list[str]]:
    if header := rebuilding.header_of(source.run):
        yield [safe_cell(label) for label in header]
    for row in source.table(changes):
        yield [safe_cell(cell) for cell in row.cells]


formats.register(CorrectedCsv.name, CorrectedCsv())
