"""A workbook as a text table: one of its sheets written as UTF-8 CSV, which is then read like any other file.

Typed cells are written as the profile's field of their column expects them, so that 47.1 is `47,10` where amounts have
a decimal comma, and a date is a date in the format of its column. A row of the sheet is a line of the report.

Source: docs/decisions/0014-workbooks.md
"""

import csv
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import python_calamine as calamine

from validations.engine import archive, columns, signatures
from validations.engine.clock import written
from validations.engine.detect import detect
from validations.engine.errors import UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Field, Profile

Cell: TypeAlias = "int | float | str | bool | time | date | datetime | timedelta"
Row: TypeAlias = Sequence[Cell]
Form = Callable[[Cell], str]
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
SAMPLED_ROWS = 200
NOISE_PLACES = 9  # digits behind the point from which a binary fraction is noise: 0.1 + 0.2
LARGEST_WHOLE = 2**53  # beyond it a spreadsheet's number is no longer exact


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """Which row of a sheet stands on which line of its CSV; they differ behind cells of several lines.

    `lines` and `numbers` are parallel: from that line on, the sheet's rows count from that number.
    """

    lines: list[int]
    numbers: list[int]

    def of_line(self, line: int) -> int:
        """The number that the spreadsheet program shows beside the row that stands on a line."""
        place = bisect_right(self.lines, line) - 1
        return self.numbers[place] + line - self.lines[place]

    def line_of(self, number: int) -> int:
        """The line on which a row of the sheet begins."""
        place = bisect_right(self.numbers, number) - 1
        return self.lines[place] + number - self.numbers[place]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet that was read, as a CSV file."""

    path: Path
    kind: str
    name: str
    number: int
    others: int  # further sheets that hold something
    filled_down: int  # cells that merged cells above them were written into
    empty_columns: int  # to the left of the table
    rows: RowNumbers


def is_workbook(path: Path) -> bool:
    """True for a file to be opened as a workbook: a ZIP archive that is not named as a text file.

    Raises: UnreadableFileError workbook-renamed, workbook-password or source-error.
    """
    try:
        with path.open("rb") as file:
            head = file.read(signatures.SNIFFED_BYTES)
    except OSError:
        raise UnreadableFileError("source-error") from None
    if head.startswith(signatures.COMPOUND) and _is_encrypted(path):
        raise UnreadableFileError("workbook-password")
    if not head.startswith(b"PK\x03\x04"):
        return False
    if path.suffix.lower() not in TEXT_SUFFIXES:
        return True
    kind = signatures.zip_kind(head)
    if kind in (signatures.XLSX, signatures.ODS):
        raise UnreadableFileError("workbook-renamed", what_en=kind.en, what_fr=kind.fr)
    return False


def _is_encrypted(path: Path) -> bool:
    """True for the container that Office puts an encrypted workbook into."""
    mark, carry = "EncryptedPackage".encode("utf-16-le"), b""
    with path.open("rb") as file:
        while block := file.read(archive.BLOCK_BYTES):
            if mark in carry + block:
                return True
            carry = block[-len(mark) :]
    return False


def convert(path: Path, options: Options, profile: Profile | None, folder: Path) -> Sheet:
    """The sheet with the table as a CSV file in the folder.

    Raises: UnreadableFileError, permanent, when the workbook is broken, protected, too large or empty.
    """
    kind = archive.check(path, options.limits)
    with _broken_in_words(), _opened(path, kind, folder) as book:
        sheet, number, others = _choose(book, options.sheet)
        left = (sheet.start or (0, 0))[1]
        sample = list(islice(sheet.iter_rows(), SAMPLED_ROWS))
        target = folder / "sheet.csv"
        labels, header_row = _header(target, sample, left, options)
        forms = _forms(labels, profile, sample, left)
        merged = _merged_below(sheet, header_row)
        written = _write(target, _filled(sheet.iter_rows(), merged), left, forms)
    return Sheet(target, kind, sheet.name, number, others, len(merged), left, written)


@contextmanager
def _opened(path: Path, kind: str, folder: Path) -> Iterator[calamine.CalamineWorkbook]:
    """The workbook, by a second name that says its kind: the reader goes by the extension where there is one."""
    second = folder / f"book.{kind}"
    second.symlink_to(path.resolve())
    try:
        with calamine.CalamineWorkbook.from_path(second) as book:
            yield book
    finally:
        second.unlink()


@contextmanager
def _broken_in_words() -> Iterator[None]:
    """Turn what the reader of workbooks raises, whose texts may quote cells, into our own."""
    try:
        yield
    except calamine.PasswordError:
        raise UnreadableFileError("workbook-password") from None
    except (calamine.CalamineError, ValueError, OverflowError):
        raise UnreadableFileError("workbook-broken") from None
    except OSError as error:
        # The reader's own have no number; a full disk has one, is no fault of the workbook, and may pass.
        if error.errno is not None:
            raise
        raise UnreadableFileError("workbook-broken") from None
    except BaseException as error:
        # A fault inside the reader, which is written in another language, is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFileError("workbook-broken") from None


def _choose(book: calamine.CalamineWorkbook, wanted: int | None) -> tuple[calamine.CalamineSheet, int, int]:
    """The sheet that was asked for, else the largest, visible ones first; its number; how many others are not empty."""
    best: tuple[bool, int, int] | None = None
    chosen: calamine.CalamineSheet | None = None
    filled = 0
    for index, about in enumerate(book.sheets_metadata):
        if about.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_index(index)
        area = sheet.height * sheet.width
        filled += area > 0
        rank = (about.visible == calamine.SheetVisibleEnum.Visible, area, -index)
        if index + 1 == wanted if wanted is not None else area > 0 and (best is None or rank > best):
            best, chosen = rank, sheet
    if chosen is None or best is None:
        if wanted is not None:
            raise UnreadableFileError("sheet-missing", number=wanted)
        raise UnreadableFileError("empty-file")
    if not best[1]:
        raise UnreadableFileError("empty-file")
    return chosen, 1 - best[2], filled - 1


def csv_options(options: Options, header_line: int | None) -> Options:
    """How the CSV of a sheet is read."""
    return replace(
        options, encoding="utf-8", delimiter=",", quotechar='"', escapechar='"', header_line=header_line
    )


def _header(target: Path, sample: Sequence[Row], left: int, options: Options) -> tuple[tuple[str, ...], int]:
    """The labels of the columns and the number of the header's row, 0 for none, as the first rows tell them."""
    written = _write(target, sample, left, {})
    wanted = options.header_line
    try:
        found = detect(target, csv_options(options, written.line_of(wanted) if wanted else wanted))
    except UnreadableFileError as error:
        if error.code == "header-missing":
            raise UnreadableFileError("header-missing", line=wanted or 0) from None
        raise
    line = found.header.line
    return found.header.labels, 0 if line is None else written.of_line(line)


def _write(target: Path, rows: Iterable[Row], left: int, forms: Mapping[int, Form]) -> RowNumbers:
    """Write rows as CSV, empty ones as empty lines; where each of them stands."""
    starts, numbers = [1], [1]
    line = 1
    before = [""] * left
    with target.open("w", encoding="utf-8", newline="", errors="replace") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number, row in enumerate(rows, start=1):
            cells = [
                forms.get(index, plain)(cell) if cell != "" else "" for index, cell in enumerate(row, left)
            ]
            if not any(cells):
                file.write("\n")
            else:
                writer.writerow(before + cells)
            line += 1
            if inner := sum(cell.count("\n") for cell in cells):
                line += inner
                starts.append(line)
                numbers.append(number + 1)
    return RowNumbers(starts, numbers)


def _merged_below(sheet: calamine.CalamineSheet, header_row: int) -> dict[tuple[int, int], tuple[int, int]]:
    """For each cell below the header that is merged with one above it in its column, that one; as (row, column)."""
    merged: dict[tuple[int, int], tuple[int, int]] = {}
    left = (sheet.start or (0, 0))[1]
    last = (sheet.end or (0, 0))[0]
    for (top, first), (bottom, end) in sheet.merged_cell_ranges or []:
        if first == end and top >= header_row > 0 and first >= left:
            merged.update(
                {(row, first - left): (top, first - left) for row in range(top + 1, min(bottom, last) + 1)}
            )
    return merged


def _filled(rows: Iterable[Row], merged: Mapping[tuple[int, int], tuple[int, int]]) -> Iterator[Row]:
    """The rows with the value of merged cells in each of the rows that they span."""
    if not merged:
        yield from rows
        return
    sources = set(merged.values())
    below: dict[int, list[int]] = {}
    for row, column in merged:
        below.setdefault(row, []).append(column)
    values: dict[tuple[int, int], Cell] = {}
    for number, given in enumerate(rows):
        cells = list(given)
        for column in below.get(number, ()):
            if column < len(cells):
                cells[column] = values.get(merged[number, column], "")
        values.update(
            {(number, column): cell for column, cell in enumerate(cells) if (number, column) in sources}
        )
        yield cells


def _forms(
    labels: Sequence[str], profile: Profile | None, sample: Sequence[Row], left: int
) -> dict[int, Form]:
    """How the typed cells of each column are written, by what the profile's field of the column expects."""
    if profile is None or not labels:
        return {}
    fields = {entry.name: entry for entry in profile.fields}
    matched = columns.match([label.strip() for label in labels], profile).fields
    return {
        index: _form(fields[name], [row[index - left] for row in sample if 0 <= index - left < len(row)])
        for index, name in enumerate(matched)
        if name is not None
    }


def _form(entry: Field, cells: Sequence[Cell]) -> Form:
    """How a typed cell of one field is written."""
    if entry.unit == "cents":
        return lambda cell: _money(cell, entry.decimal_char) if _is_number(cell) else plain(cell)
    if entry.type == "number":
        return lambda cell: plain(cell).replace(".", entry.decimal_char) if _is_number(cell) else plain(cell)
    if entry.type == "date" and entry.formats:
        pattern = _date_format(entry, cells)
        return lambda cell: cell.strftime(pattern) if _is_day(cell) else plain(cell)  # type: ignore[union-attr]
    if entry.type == "datetime":
        return lambda cell: f"{cell:%Y-%m-%dT%H:%M:%S}" if isinstance(cell, date) else plain(cell)
    if entry.type == "boolean":
        words = (entry.false_values[:1] or ("false",), entry.true_values[:1] or ("true",))
        return lambda cell: words[cell][0] if isinstance(cell, bool) else plain(cell)
    return plain


def _date_format(entry: Field, cells: Sequence[Cell]) -> str:
    """The format in which most of a column's texts are dates already, the profile's first where there are none."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    counts = Counter(
        {form: sum(1 for text in texts if re.fullmatch(written(form)[0], text)) for form in entry.formats}
    )
    return max(entry.formats, key=lambda form: counts[form])


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_day(cell: Cell) -> bool:
    return isinstance(cell, date) and (not isinstance(cell, datetime) or cell.time() == time())


def _money(cell: Cell, decimal_char: str) -> str:
    """An amount with two decimals; with more, where it has more."""
    text = plain(cell)
    _, _, decimals = text.partition(".")
    if len(decimals) <= 2 and "e" not in text:
        text = f"{text if decimals else text + '.'}{'0' * (2 - len(decimals))}"
    return text.replace(".", decimal_char)


def plain(cell: Cell) -> str:
    """A cell as text where no profile says how: ISO dates and times, numbers with a point and without noise."""
    if isinstance(cell, str):
        return cell.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d}" if cell.time() == time() else f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, date):
        return f"{cell:%Y-%m-%d}"
    if isinstance(cell, time):
        return f"{cell:%H:%M}" if not cell.second else f"{cell:%H:%M:%S}"
    if isinstance(cell, timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")
    return _number(cell)


def _number(value: float) -> str:
    if value != value or abs(value) > LARGEST_WHOLE or 0 < abs(value) < 10**-NOISE_PLACES:
        return repr(value)
    text = f"{value:.{NOISE_PLACES}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
