"""The file as it was read, in the one form that every program takes: UTF-8, commas, one header (RFC 4180)."""

import csv
from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from jobs.safecells import safe_cell
from validations import rebuilding
from validations.exports import Format, Source, formats
from validations.exports.csv import Line, in_blocks
from validations.models import ValidationRun


class CleanedCsv(Format):
    """The table without what stood around it, its broken lines mended."""

    name = "cleaned-csv"
    title = gettext_lazy("The file as it was read, as plain CSV")
    hint = gettext_lazy("UTF-8, commas, one header, broken lines mended; the values are as you sent them")
    extension = "csv"
    suffix = gettext_lazy("cleaned")
    content_type = "text/csv; charset=utf-8"
    position = 60
    has_rows = True

    def weight(self, run: ValidationRun) -> int:
        """The rows of the file."""
        return int(run.summary.get("rows", 0))

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The lines, header first."""
        return in_blocks(_lines(source))


def _lines(source: Source) -> Iterator[str]:
    writer = csv.writer(Line(), lineterminator="\r\n")
    if header := rebuilding.header_of(source.run):
        yield writer.writerow([safe_cell(label) for label in header])
    for row in source.table():
        yield writer.writerow([safe_cell(cell) for cell in row.cells])


formats.register(CleanedCsv.name, CleanedCsv())
