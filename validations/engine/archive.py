"""Whether a workbook may be opened: what its ZIP archive says and what its parts unpack to, before anything reads them.

Workbook readers hold a whole sheet in memory, as wide and as long as its outermost cells. So every part that they read
is unpacked here first, a block at a time and kept nowhere, its bytes, sheets and cells are counted, and what passes a
limit is refused.

Source: docs/decisions/0014-workbooks.md
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from validations.engine import signatures
from validations.engine.errors import UnreadableFileError, workbook_limit_error
from validations.engine.options import Limits

BLOCK_BYTES = 1024 * 1024
DIRECTORY_END = b"PK\x05\x06"
DIRECTORY_END_BYTES = 22 + 65_535  # with the longest comment that may follow it
DIRECTORY_ENTRY_BYTES = 1_000  # of the directory, an entry with the longest name seen
UNJUDGED_BYTES = 1024 * 1024  # a part this small may be as compressible as it likes
ROW_BYTES = 8 * 1024 * 1024  # 16,384 cells of 500 bytes: no row is longer
XLSX_PARTS = re.compile(r"xl/(?:workbook|styles|sharedStrings|worksheets/[^/]+)\.xml")
ODS_PARTS = re.compile(r"content\.xml")
CELL = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{1,4})(\d{1,10})[\"']")
ROW_NUMBER = re.compile(rb"^[^>]*?\br\s*=\s*[\"'](\d{1,10})[\"']")
REPEATED = re.compile(rb"number-(columns|rows)-repeated\s*=\s*[\"'](\d{1,12})[\"']")
ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*)>")
XLSX, ODS = "xlsx", "ods"


def check(path: Path, limits: Limits) -> str:
    """`xlsx` or `ods`, when the file is a workbook that may be opened.

    Raises: UnreadableFileError, permanent: not-a-table, workbook-password, workbook-macros, workbook-broken,
    workbook-limit.
    """
    _check_directory(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            kind = _kind(archive)
            _check_entries(archive, limits)
            for name in archive.namelist():
                if (XLSX_PARTS if kind == XLSX else ODS_PARTS).fullmatch(name):
                    _check_part(archive, name, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError):
        raise UnreadableFileError("workbook-broken") from None
    return kind


def _check_directory(path: Path, limits: Limits) -> None:
    """Nothing, when the list of the archive's parts is short enough to be read into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - DIRECTORY_END_BYTES))
        tail = file.read()
    place = tail.rfind(DIRECTORY_END)
    if place < 0 or len(tail) < place + 22:
        raise UnreadableFileError("workbook-broken")
    count, directory_bytes = struct.unpack("<HL", tail[place + 10 : place + 16])
    if count > limits.workbook_parts or directory_bytes > limits.workbook_parts * DIRECTORY_ENTRY_BYTES:
        raise workbook_limit_error("parts", limits.workbook_parts)


def _kind(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if "xl/vbaProject.bin" in names:
        raise UnreadableFileError("workbook-macros")
    if "xl/workbook.xml" in names:
        return XLSX
    if "content.xml" in names and "mimetype" in names:
        with archive.open("mimetype") as part:
            if part.read(100).startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
                return ODS
        raise signatures.ODS.refusal()
    raise (signatures.WORD if "word/document.xml" in names else signatures.ZIP).refusal()


def _check_entries(archive: zipfile.ZipFile, limits: Limits) -> None:
    """Nothing, when what the archive says of its parts is within the limits."""
    entries = archive.infolist()
    for entry in entries:
        if entry.flag_bits & 1:
            raise UnreadableFileError("workbook-password")
        if entry.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", entry.filename):
            raise UnreadableFileError("workbook-broken")
        is_dense = entry.file_size > limits.workbook_ratio * max(1, entry.compress_size)
        if is_dense and entry.file_size > UNJUDGED_BYTES:
            raise workbook_limit_error("ratio", limits.workbook_ratio)
    if sum(entry.file_size for entry in entries) > limits.workbook_bytes:
        raise workbook_limit_error("bytes", limits.workbook_bytes // 2**20)
    sheets = sum(1 for entry in entries if entry.filename.startswith("xl/worksheets/sheet"))
    if sheets > limits.workbook_sheets:
        raise workbook_limit_error("sheets", limits.workbook_sheets)
    if "META-INF/manifest.xml" in archive.namelist():
        with archive.open("META-INF/manifest.xml") as part:
            if b"encryption-data" in part.read(BLOCK_BYTES):
                raise UnreadableFileError("workbook-password")


def _check_part(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    """Nothing, when a part unpacks to no more than it may, and its cells span no larger area than they may."""
    is_ods = name == "content.xml"
    area: _XlsxArea | _OdsArea | None = None
    if is_ods or name.startswith("xl/worksheets/"):
        area = _OdsArea() if is_ods else _XlsxArea()
    mark = b">" if area is None else b"<table:table-row" if is_ods else b"<row"
    # closed at once when a limit stops it: the part keeps the archive's file open
    with closing(_pieces(archive, name, mark, limits)) as blocks:
        for pieces in blocks:
            if area is not None:
                _check_area(area, pieces, limits)


def _pieces(archive: zipfile.ZipFile, name: str, mark: bytes, limits: Limits) -> Generator[list[bytes]]:
    """A part in pieces that begin with a mark, those of one block at a time; its bytes counted."""
    total, carry = 0, b""
    with archive.open(name) as part:
        while block := part.read(BLOCK_BYTES):
            total += len(block)
            if total > limits.workbook_bytes:
                raise workbook_limit_error("bytes", limits.workbook_bytes // 2**20)
            if b"\0" in block:  # no program writes a sheet in UTF-16, and nothing below would see its cells
                raise UnreadableFileError("workbook-broken")
            *pieces, carry = (carry + block).split(mark)
            if len(carry) > ROW_BYTES and mark != b">":
                raise workbook_limit_error("bytes", limits.workbook_bytes // 2**20)
            yield pieces
            carry = mark + carry if pieces else carry
    yield [carry]


class _XlsxArea:
    """The area that the cells of a sheet span, by their addresses or, where they have none, by their number."""

    def __init__(self) -> None:
        self.height = self.width = self.cells = 0

    def add(self, row: bytes) -> None:
        number = ROW_NUMBER.match(row)
        self.height = max(self.height + 1, int(number[1]) if number else 0)
        addresses = CELL.findall(row)
        count = row.count(b"<c ") + row.count(b"<c>") + row.count(b":c ") + row.count(b":c>")
        self.cells += max(count, len(addresses))
        self.width = max(self.width, count, *(_column(letters) for letters, _ in addresses), 0)
        self.height = max(self.height, *(int(digits) for _, digits in addresses), 0)


class _OdsArea:
    """The area that the cells of all sheets span, repeated ones included up to the last that holds something."""

    def __init__(self) -> None:
        self.height = self.width = self.cells = 0
        self._empty = 0

    def add(self, row: bytes) -> None:
        head, _, _rest = row.partition(b">")
        rows = max(1, *(int(count) for what, count in REPEATED.findall(head) if what == b"rows"), 0)
        width = column = 0
        for attributes in ODS_CELL.findall(row):
            column += max(
                1, *(int(count) for what, count in REPEATED.findall(attributes) if what == b"columns"), 0
            )
            if (
                b"office:value" in attributes
                or b"table:formula" in attributes
                or not attributes.endswith(b"/")
            ):
                width = column
        if not width:
            self._empty += rows
            return
        self.height += self._empty + rows
        self._empty = 0
        self.width = max(self.width, width)
        self.cells += width * rows


def _check_area(area: "_XlsxArea | _OdsArea", pieces: list[bytes], limits: Limits) -> None:
    for piece in pieces:
        area.add(piece)
    if max(area.cells, area.height * area.width) > limits.workbook_cells:
        raise workbook_limit_error("cells", limits.workbook_cells)


def _column(letters: bytes) -> int:
    number = 0
    for code in letters.upper():
        number = number * 26 + code - 64
    return number
