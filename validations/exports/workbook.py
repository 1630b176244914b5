"""Workbooks written row by row: memory stays flat, and a table longer than a sheet goes on on the next one."""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from django.utils import timezone

from jobs.safecells import safe_cell
from validations.engine.texts import FRENCH
from validations.files import engine_folder

# A sheet has 1,048,576 rows.
SHEET_ROWS = 1_000_000
# A cell holds 32,767 characters, an apostrophe and the mark of a cut text among them.
CELL_CHARS = 32_000
# The width of a sheet's name.
NAME_CHARS = 31
PIECE_BYTES = 64 * 1024
# What fits the box of a note.
NOTE_CHARS = 1_000
_NOTE_LOOK = {"x_scale": 2.2, "y_scale": 1.1, "author": "Bordereau", "font_size": 9}

# A count has groups of three, a number none; money comes in cents and is shown with its sign, a decimal without.
Kind = Literal["text", "number", "count", "decimal", "money", "date"]
Value = str | int | float | date | None

# Ink and paper of each severity, as on the pages; both languages of money; the form of dates that both read.
COLOURS = {
    "error": ("#B3261E", "#FCEAE8"),
    "warning": ("#8A5300", "#FDF1DC"),
    "info": ("#1D5FAE", "#E6F0FB"),
}
HEAD = ("#FFFFFF", "#0B6B62")
_MONEY = {"fr": '#,##0.00" $"', "en": '"$"#,##0.00;-"$"#,##0.00'}
# XML has no such characters; the end of a line and a tab may stand in a cell.
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# The calendar of spreadsheets, whose first two months every program counts in its own way.
_EPOCH = date(1900, 3, 1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, its width in characters, what its cells are."""

    title: str
    width: int = 14
    kind: Kind = "text"


def text_cell(text: str) -> str:
    """The text as a cell takes it: never a formula, nothing that XML has no sign for, not longer than a cell."""
    shown = _NO_XML.sub("�", safe_cell(text))
    if len(shown) > CELL_CHARS:
        shown = shown[:CELL_CHARS] + "…"
    # What looks so would go into the sheet as it is, past every escape.
    return shown + " " if shown.startswith("<r>") and shown.endswith("</r>") else shown


class Book:
    """A workbook for readers of one language."""

    def __init__(self, path: Path, language: str) -> None:
        # Here and not above: it takes a tenth of a second and 12 MiB, which few processes ever need.
        import xlsxwriter  # noqa: PLC0415

        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_numbers": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.use_zip64()
        self._book.set_properties({"created": timezone.localtime().replace(tzinfo=None)})
        self._money = _MONEY[FRENCH if language.startswith(FRENCH) else "en"]
        self._styles: dict[tuple[str, str], Any] = {}
        self.head = self._book.add_format(
            {"bold": True, "font_color": HEAD[0], "bg_color": HEAD[1], "valign": "vcenter"}
        )
        self.bold = self._book.add_format({"bold": True})
        self.title = self._book.add_format({"bold": True, "font_size": 16})

    def sheet(self, name: str) -> Any:
        """A new sheet of that name."""
        sheet = self._book.add_worksheet(name[:NAME_CHARS])
        # Numbers of invoices are texts on purpose: no green corners about it.
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        return sheet

    def table(self, name: str, columns: Sequence[Column]) -> "Table":
        """A table that begins on a new sheet of that name."""
        return Table(self, name, columns)

    def style(self, kind: Kind, severity: str = "") -> Any:
        """How a cell of that kind looks, marked when a severity is given."""
        key = (kind, severity)
        if key not in self._styles:
            form = {"money": self._money, "decimal": "#,##0.00", "date": "yyyy-mm-dd", "count": "#,##0"}.get(
                kind
            )
            look: dict[str, Any] = {"num_format": form} if form else {}
            if severity:
                ink, paper = COLOURS[severity]
                look |= {"font_color": ink, "bg_color": paper}
            self._styles[key] = self._book.add_format(look) if look else None
        return self._styles[key]

    def put(self, sheet: Any, row: int, index: int, value: Value, kind: Kind, severity: str = "") -> None:
        """Write one cell; what does not fit its kind is written as text."""
        style = self.style(kind, severity)
        if value is None or value == "":
            if severity:
                sheet.write_blank(row, index, None, style)
        elif isinstance(value, str):
            sheet.write_string(row, index, text_cell(value), self.style("text", severity))
        elif isinstance(value, int | float):
            sheet.write_number(row, index, value / 100 if kind == "money" else value, style)
        elif value < _EPOCH:
            sheet.write_string(row, index, value.isoformat(), self.style("text", severity))
        else:
            sheet.write_datetime(row, index, value, style)

    def close(self) -> None:
        """Put the parts together."""
        self._book.close()

    def abandon(self) -> None:
        """Let go of what is half written; its folder is removed by whoever made it."""
        sheets: list[Any] = self._book.worksheets()
        for sheet in sheets:
            sheet.row_data_fh.close()


class Table:
    """Rows under a header that stays in sight and filters, on as many sheets as they need."""

    def __init__(self, book: Book, name: str, columns: Sequence[Column]) -> None:
        self.row = 0
        self.sheet: Any = None
        self._book = book
        self._name = name
        self._columns = columns
        self._sheets = 0
        self._begin()

    def add(self, values: Sequence[Value], marks: dict[int, str] | None = None) -> None:
        """Write one row; `marks` are severities by the index of a column."""
        if self.row == SHEET_ROWS:
            self.end()
            self._begin()
        self.row += 1
        marked = marks or {}
        for index, (value, column) in enumerate(zip(values, self._columns, strict=True)):
            self._book.put(self.sheet, self.row, index, value, column.kind, marked.get(index, ""))

    def note(self, index: int, text: str) -> None:
        """Pin a note to a cell of the row written last."""
        self.sheet.write_comment(self.row, index, text_cell(text)[:NOTE_CHARS], _NOTE_LOOK)

    def end(self) -> None:
        """Let the last sheet's header filter what stands below it."""
        self.sheet.autofilter(0, 0, self.row, len(self._columns) - 1)

    def _begin(self) -> None:
        self._sheets += 1
        self.row = 0
        mark = f" ({self._sheets})" if self._sheets > 1 else ""
        self.sheet = self._book.sheet(self._name[: NAME_CHARS - len(mark)] + mark)
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_row(0, 22)
        for index, column in enumerate(self._columns):
            self.sheet.set_column(index, index, column.width)
            self.sheet.write_string(0, index, text_cell(column.title), self._book.head)


def as_blocks(language: str, fill: Callable[[Book], None]) -> Iterator[bytes]:
    """The bytes of a workbook that `fill` fills; it is put together on the disk first."""
    with tempfile.TemporaryDirectory(dir=engine_folder(), prefix="export-") as folder:
        path = Path(folder) / "book.xlsx"
        book = Book(path, language)
        try:
            fill(book)
        except BaseException:
            book.abandon()
            raise
        book.close()
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
