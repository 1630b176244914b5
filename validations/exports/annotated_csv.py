"""The file as it was sent, with what is wrong in two more columns: in its own encoding, separator and line ends."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs.safecells import safe_cell
from validations import rebuilding
from validations.exports import Format, Source, formats
from validations.exports.csv import LINES_AT_ONCE, Line
from validations.exports.remarks import remark, worst
from validations.models import Severity, ValidationRun

LINE_ENDS = {"crlf": "\r\n", "lf": "\n", "cr": "\r"}
# What older encodings lack in our own sentences, as they write it; of the rest of the world's letters a mark is left.
_NEAREST = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "→": "->", "–": "-", "…": "...", "\u202f": " "}
)
_ERRORS = "bordereau.nearest"


def _nearest(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end].translate(_NEAREST)
    return "".join(letter if letter.isascii() else "?" for letter in missing), error.end


codecs.register_error(_ERRORS, _nearest)


class AnnotatedCsv(Format):
    """The rows that were sent, in the dialect they were sent in, each with what is wrong in it."""

    name = "annotated-csv"
    title = gettext_lazy("The file with a column of errors, as CSV")
    hint = gettext_lazy("In the encoding and with the separator of the file that you sent")
    extension = "csv"
    suffix = gettext_lazy("with errors shown")
    # Without a charset: it is the file's own.
    content_type = "text/csv"
    position = 50
    has_rows = True

    def weight(self, run: ValidationRun) -> int:
        """The rows of the file."""
        return int(run.summary.get("rows", 0))

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The lines, in the file's own encoding."""
        reading = source.run.reading
        return encoded(
            _lines(source, reading), str(reading.get("encoding")), with_bom=bool(reading.get("had_bom"))
        )


def encoded(lines: Iterable[str], encoding: str, *, with_bom: bool) -> Iterator[bytes]:
    """The lines in that encoding, some hundred together; letters that it lacks are written in the nearest way."""
    try:
        encode = codecs.getincrementalencoder(encoding)(errors=_ERRORS).encode
    except LookupError:
        encode = codecs.getincrementalencoder("utf-8")().encode
    left = iter(lines)
    before = "\ufeff" if with_bom and encoding.startswith("utf-") and encoding != "utf-8-sig" else ""
    while block := "".join(islice(left, LINES_AT_ONCE)):
        yield encode(before + block)
        before = ""


def _lines(source: Source, reading: Mapping[str, Any]) -> Iterator[str]:
    quote = str(reading.get("quotechar") or "")
    writer = csv.writer(
        Line(),
        delimiter=str(reading.get("delimiter") or ",")[:1],
        quotechar=quote if quote in ("'", '"') else '"',
        quoting=csv.QUOTE_ALL,
        lineterminator=LINE_ENDS.get(str(reading.get("line_ends")), "\r\n"),
    )
    if header := rebuilding.header_of(source.run):
        yield writer.writerow([*map(safe_cell, header), _("Severity"), _("What to fix")])
    width = len(reading.get("columns", []))
    severities = {member.value: str(member.label) for member in Severity}
    for row, findings in source.rows():
        told = [severities.get(worst(findings), ""), remark(findings, source.language)]
        cells = [*row.cells[:width], *told, *row.cells[width:]]
        yield writer.writerow([safe_cell(cell) for cell in cells])


formats.register(AnnotatedCsv.name, AnnotatedCsv())
