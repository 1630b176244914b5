"""The tolerant pass: a stream of UTF-8 blocks in, a clean table and a list of what was wrong with the file out.

Lines that are as they should be go through in blocks, checked by methods that run in C; only a line that is not
takes the slow way, alone. What comes out is one file in the dialect of the input, UTF-8, LF, each record on its
place, each cell as it was. Memory holds one block and the findings of the last moment.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import IO

from validations.engine.alignment import LEARNED_ROWS, Aligner
from validations.engine.errors import limit_error
from validations.engine.findings import SPOOLED_FINDINGS, VALUE_CHARS, FindingSpool, Param
from validations.engine.options import Limits
from validations.engine.patterns import Patterns
from validations.engine.progress import Ticker
from validations.engine.records import Dialect, parse, strict_cells
from validations.engine.spreadsheets import FORMULA_MARKS, TEXT_CELL, formula_pattern, unquoted_lines

BOM = b"\xef\xbb\xbf"
BYTE_MAX = 255
FOOTER_LINES = 20  # rows with one cell after the table's last full row that can be its foot


@dataclass(slots=True)
class Plan:
    """What detection says about the table, for the pass over it."""

    dialect: Dialect
    width: int
    header_cells: tuple[str, ...]
    header_line: int | None
    header_row: tuple[str, ...]  # as it may come again between the rows
    first_data_line: int  # physical line
    cr_only: bool
    lone_cr: bool  # carriage returns that end no line by themselves occur
    limits: Limits
    total_lines: int
    header_labels: tuple[str, ...] = ()
    samples: list[list[str]] = field(default_factory=list)  # rows as they should be, to learn columns from
    lines_are_quoted: bool = False  # each line as a whole
    empty_columns: int = 0  # to the left of a sheet's table


class Pass:
    """One tolerant pass over one file."""

    def __init__(self, plan: Plan, out: IO[bytes], spool: FindingSpool, ticker: Ticker) -> None:
        self.plan, self.out, self.spool, self.ticker = plan, out, spool, ticker
        self.written = written_dialect(plan.dialect)
        # unquoted, it stands for a missing cell; no file can hold it by chance
        self.null = secrets.token_hex(8)
        self.delimiter = plan.dialect.delimiter.encode()
        self.quote = self.written.quotechar.encode()
        self.quoting = plan.dialect.quotechar == self.written.quotechar
        self.direct = plan.dialect.delimiter == self.written.delimiter and not plan.dialect.skip_space
        self.direct = self.direct and (self.quoting or not plan.dialect.quotechar)
        self.escaped = plan.dialect.escaped_bytes if self.quoting else None
        self.patterns = Patterns(self.delimiter, self.quote, plan.width)
        self.blank_line = self.delimiter * (plan.width - 1)
        self.headers = self._header_lines() if plan.width > 1 else []
        self._header_texts = {header.decode() for header in self.headers}
        self.line = 1  # physical line of the next line
        self.rows = 0
        self.missing_cells = False
        self.breaks: list[tuple[int, int]] = []
        self.stopped = False
        self._shift: int | None = None
        self._blanks: list[int] = []
        self._foot: list[tuple[int, list[str]]] = []
        self._after_blank = False
        self._labels = {label for label in plan.header_labels if label}
        self._whole: tuple[list[bytes], bytes] = ([], b"")
        self.text_formulas = 0
        self.inner_crlf = self.inner_lf = 0  # line ends that are part of a cell
        # the block with its carriage returns: they belong to a cell that goes over several lines
        self._as_written = b""
        self._lines_as_written: list[bytes] | None = None

    def _header_lines(self) -> list[bytes]:
        """The header row in each way in which it may be written again: bare, quoted where needed, quoted throughout."""
        delimiter, quote = self.written.delimiter, self.written.quotechar
        cells = self.plan.header_row
        quoted = delimiter.join(quote + cell.replace(quote, quote * 2) + quote for cell in cells)
        needed = delimiter.join(_quoted(cell, delimiter, quote) for cell in cells)
        ways = dict.fromkeys((self.plan.dialect.delimiter.join(cells), needed, quoted))
        return [way.encode() for way in ways] if cells else []

    @cached_property
    def aligner(self) -> Aligner:
        """What the columns look like; learned only when a row needs it, from the samples and the block it stands in.

        The samples are the first rows of a few places: a column that one row in thirty leaves empty can look full.
        """
        rows, lines = self.plan.samples, self._whole[0]
        if len(lines) > 2 * len(rows):  # else the samples are the table already
            cells = (self._cells(_text(line))[0] for line in lines[:: max(1, len(lines) // LEARNED_ROWS)])
            rows = [*rows, *(row for row in cells if len(row) == self.plan.width)]
        return Aligner(rows, self.plan.width, self.plan.dialect.delimiter)

    def run(self, stream: Iterable[bytes]) -> None:
        """Read the stream to its end.

        Raises: UnreadableFileError limit-exceeded; whatever the progress callback raises.
        """
        carry = b""
        for block in stream:
            self.ticker.tick(self.rows)
            data = carry + block if carry else block
            if self.plan.cr_only:
                data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            else:
                held = b""
            cut = data.rfind(b"\n") + 1
            if len(data) - cut > self.plan.limits.line_bytes:
                raise limit_error(self.line + data.count(b"\n"), "line", self.plan.limits.line_bytes)
            carry = self._block(data[:cut], at_end=False) + data[cut:] + held
            if self.stopped:
                return
        if carry:
            if self.plan.cr_only:
                carry = carry.replace(b"\r", b"\n")
            self._block(carry, at_end=True)
        self._finish()

    def _block(self, data: bytes, *, at_end: bool) -> bytes:
        """Take whole lines; what is returned must come again, with more lines behind it."""
        if not data:
            return b""
        given = data
        data, formulas = self._plainly(data)
        self.text_formulas += formulas
        self._as_written, self._lines_as_written = data, None
        if b"\r" in data and not self.plan.lone_cr:
            data = data.replace(b"\r", b"")
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        self._whole = (lines, data)
        start = min(len(lines), max(0, self.plan.first_data_line - self.line))
        self.line += start
        position = start
        for suspect in self._suspects(lines, data, start):
            if suspect < position:
                continue
            self._take(lines, position, suspect)
            position = suspect
            while position == suspect or (position < len(lines) and self._is_lonely(lines[position])):
                after = self._one(lines, position, at_end=at_end)
                if after is None:
                    return self._again(given, position)
                if self.stopped:
                    return b""
                position = after
        self._take(lines, position, len(lines))
        return b""

    def _plainly(self, data: bytes) -> tuple[bytes, int]:
        """Lines without what a program put around lines and cells, and how many cells were `="text"`."""
        formulas = 0
        if self.plan.lone_cr and b"\r\r\n" in data:
            data = data.replace(b"\r\r\n", b"\r\n")
        if self.plan.lines_are_quoted:
            data = unquoted_lines(data)
        if self.quoting and self.quote == b'"' and any(mark in data for mark in FORMULA_MARKS):
            data, formulas = formula_pattern(self.delimiter).subn(TEXT_CELL, data)
        if self.escaped is not None:
            data = self.escaped.sub(self._plain_escape, data)
        return data, formulas

    def _again(self, given: bytes, position: int) -> bytes:
        """The lines of a block from one on, as they were given: they come again, with more lines behind them."""
        rest = b"\n".join(given.split(b"\n")[position:])
        self.text_formulas -= self._plainly(rest)[1]
        return rest

    def _plain_escape(self, match: re.Match[bytes]) -> bytes:
        """An escaped mark in the way of RFC 4180, any other escaped character bare."""
        return self.quote * 2 if match[1] == self.quote else match[1]

    def _suspects(self, lines: list[bytes], data: bytes, start: int) -> list[int]:
        """The lines that cannot go through as they are, in order."""
        if not self.direct:
            return list(range(start, len(lines)))
        expected = self.plan.width - 1
        counts = list(map(bytes.count, lines, repeat(self.delimiter)))
        found: set[int] = set()
        if counts.count(expected) != len(counts):
            found.update(_others(counts, expected))
        if self.quote in data:
            quoted = _lines_with(self.quote, lines, data)
            found.difference_update(quoted)
            if self.quoting:
                matched = map(self.patterns.record.fullmatch, [lines[index] for index in quoted])
                found.update(index for index, match in zip(quoted, matched, strict=True) if match is None)
            else:
                found.update(quoted)
        found.update(self._marked(lines, data))
        return sorted(index for index in found if index >= start)

    def _marked(self, lines: list[bytes], data: bytes) -> Iterator[int]:
        """Lines that have the right number of cells and still are not rows as they should be."""
        limits = self.plan.limits
        if max(map(len, lines), default=0) > min(limits.cell_chars, limits.line_bytes):
            yield from (index for index, line in enumerate(lines) if len(line) > limits.cell_chars)
        for first, mark in ((b"\0", b"\0"), (b"\xef", BOM), (b"\x1a", b"\x1a")):
            if first in data and mark in data:
                yield from (index for index, line in enumerate(lines) if mark in line)
        if self.plan.lone_cr and data.count(b"\r") != data.count(b"\r\n"):
            yield from (index for index, line in enumerate(lines) if b"\r" in line[:-1])
        for header in self.headers:
            if header in data:
                yield from (index for index, line in enumerate(lines) if line.rstrip(b"\r") == header)
        blank = self.blank_line
        if (
            b"\n" + blank + b"\n" in data
            or b"\n" + blank + b"\r\n" in data
            or lines[0].rstrip(b"\r") == blank
        ):
            yield from (index for index, line in enumerate(lines) if line.rstrip(b"\r") == blank)
        elif lines[-1].rstrip(b"\r") == blank:
            yield len(lines) - 1

    def _take(self, lines: list[bytes], start: int, end: int) -> None:
        """Let lines that are as they should be through."""
        if end <= start:
            return
        self._settle()
        self._mark_break(self.line)
        if end - start == len(lines) and self._whole[1].endswith(b"\n"):
            data = self._whole[1]
        else:
            data = b"\n".join(lines[start:end]) + b"\n"
        self.out.write(data.replace(b"\r\n", b"\n") if b"\r" in data else data)
        self.rows += end - start
        self.line += end - start

    def _mark_break(self, line: int) -> None:
        shift = line - (self.rows + 1)
        if shift != self._shift:
            self._shift = shift
            self.breaks.append((self.rows + 1, line))

    def _settle(self) -> None:
        """Report what stood before a row and could have been the end of the file."""
        if self._blanks:
            for line in self._blanks:
                self.spool.add("blank-row", line=line)
            self._blanks.clear()
        if self._foot:
            rows, self._foot = self._foot, []
            for line, cells in rows:
                self._ragged(cells, line)

    def _one(self, lines: list[bytes], index: int, *, at_end: bool) -> int | None:
        """Read one record that is not as it should be; the index behind it, None when more lines are needed."""
        self.ticker.tick(self.rows)
        raw = lines[index].removesuffix(b"\r")
        self._check_length(raw)
        if self._is_blank(raw):
            self._blank(raw)
            return index + 1
        if self.quoting and self.quote in raw and self.patterns.opening.fullmatch(lines[index]):
            end = self._closing_line(lines, index, at_end=at_end)
            if end is None:
                return None
            if end > index:
                return self._multiline(index, end)
            self._record(self._cleaned(raw), unclosed=True)
        else:
            self._record(self._cleaned(raw), unclosed=False, ahead=lines[index + 1 : index + 6])
        self.line += 1
        return index + 1

    def _check_length(self, raw: bytes) -> None:
        limits = self.plan.limits
        if len(raw) > limits.line_bytes:
            raise limit_error(self.line, "line", limits.line_bytes)
        if len(raw) > limits.columns and raw.count(self.delimiter) >= limits.columns:
            raise limit_error(self.line, "columns", limits.columns)

    def _is_lonely(self, line: bytes) -> bool:
        """True for a row of one filled cell behind a blank row: it may be a note below the table."""
        return self._after_blank and self.delimiter not in line.rstrip(b"\r" + self.delimiter)

    def _is_blank(self, raw: bytes) -> bool:
        return not raw.translate(None, b" \t\0\x1a\r" + self.quote + self.delimiter).replace(BOM, b"")

    def _blank(self, raw: bytes) -> None:
        self._blanks.append(self.line)
        self._after_blank = True
        if raw.strip(b"\x1a \t\r") or len(self._blanks) > SPOOLED_FINDINGS:
            # a row of delimiters is a row, empty; bare line ends may merely be the end of the file
            for line in self._blanks:
                self.spool.add("blank-row", line=line)
            self._blanks.clear()
        self.line += 1

    def _closing_line(self, lines: list[bytes], index: int, *, at_end: bool) -> int | None:
        """The line on which the quoted cell that `index` leaves open is closed; `index` itself when it never is."""
        limits = self.plan.limits
        size = len(lines[index])
        for end in range(index + 1, index + limits.quoted_lines):
            if end >= len(lines):
                return index if at_end else None
            size += len(lines[end]) + 1
            if size > limits.quoted_bytes:
                return index
            if self.quote not in lines[end]:
                continue
            text = b"\n".join(lines[index : end + 1])
            if self.patterns.whole.fullmatch(text):
                return index if self._swallows_rows(lines[index : end + 1]) else end
            if not self.patterns.opening.fullmatch(text):
                return index
        return index

    def _swallows_rows(self, lines: list[bytes]) -> bool:
        """True when each line of a would-be quoted cell is a row by itself: then the mark was never closed."""
        if self.plan.width < 2:
            return False
        if any(line.count(self.delimiter) != self.plan.width - 1 for line in lines[1:-1]):
            return False
        ends = (
            parse(_text(lines[0]), self.plan.dialect, None),
            parse(_text(lines[-1]), self.plan.dialect, None),
        )
        plain = (lines[0].count(self.delimiter) + 1, lines[-1].count(self.delimiter) + 1)
        return all(
            self.plan.width in (len(read.cells), count) for read, count in zip(ends, plain, strict=True)
        )

    def _multiline(self, start: int, end: int) -> int:
        if self._lines_as_written is None:
            self._lines_as_written = self._as_written.split(b"\n")
        written = self._lines_as_written[start : end + 1]
        text = _text(b"\n".join(written))
        cells = strict_cells(text, self.plan.dialect) or [text]
        line = self.line
        crlf = sum(1 for inner in written[:-1] if inner.endswith(b"\r"))
        self.inner_crlf, self.inner_lf = self.inner_crlf + crlf, self.inner_lf + end - start - crlf
        if len(cells) == self.plan.width:
            self._emit([*cells], line)
        else:
            self._ragged(cells, line)
        self.line += end - start + 1
        return end + 1

    def _cleaned(self, raw: bytes) -> str:
        """The text of a line without NULs and byte order marks, each reported."""
        row = self.rows + 1
        if b"\0" in raw:
            self.spool.add("null-byte", {"count": raw.count(b"\0")}, row=row, line=self.line)
            raw = raw.replace(b"\0", b"")
        if BOM in raw:
            self.spool.add("stray-bom", row=row, line=self.line)
            raw = raw.replace(BOM, b"")
        return raw.decode("utf-8", errors="replace").rstrip("\x1a")

    def _record(self, text: str, *, unclosed: bool, ahead: list[bytes] | None = None) -> None:
        """Read one line as a row."""
        if text in self._header_texts:
            self.spool.add("header-repeated", line=self.line)
            return
        if "\r" in text and self._split_at_returns(text):
            return
        cells, fault = self._cells(text)
        if len(cells) != self.plan.width:
            if fault is None and ahead is not None and self._second_table(cells, ahead):
                return
            if self._read_by_other_delimiter(text, cells):
                return
        if self._may_be_foot(cells):
            self._foot.append((self.line, cells))
            return
        self._settle()
        if fault is not None:
            code = "unclosed-quote" if unclosed else "stray-quote"
            value = cells[fault] if fault < len(cells) else ""
            self.spool.add(code, row=self.rows + 1, line=self.line, column_index=fault, value=value)
        self._check_cells(cells)
        if len(cells) == self.plan.width:
            self._emit([*cells], self.line)
        else:
            self._ragged(cells, self.line)

    def _cells(self, text: str) -> tuple[list[str], int | None]:
        """The cells of one line and the index of the first that breaks the quoting."""
        dialect, width = self.plan.dialect, self.plan.width
        if not dialect.quotechar or (dialect.quotechar not in text and dialect.closing not in text):
            return parse(text, dialect, width).cells, None
        read = parse(text, dialect, width)
        return read.cells, read.fault_index if read.cost else None

    def _check_cells(self, cells: list[str]) -> None:
        limit = self.plan.limits.cell_chars
        if max(map(len, cells)) > limit:
            raise limit_error(self.line, "cell", limit)

    def _split_at_returns(self, text: str) -> bool:
        """True when lone carriage returns were the ends of rows in this line, and the rows were taken."""
        pieces = text.split("\r")
        rows = [self._cells(piece)[0] for piece in pieces if piece.strip()]
        if len(rows) < 2 or any(len(row) != self.plan.width for row in rows):
            return False
        for piece in pieces[:-1]:
            self._record(piece, unclosed=False)
            self.line += 1
        self._record(pieces[-1], unclosed=False)
        return True

    def _read_by_other_delimiter(self, text: str, cells: list[str]) -> bool:
        """True when this one row uses another delimiter than the file, and was taken so."""
        other = self._other_delimiter(text, cells)
        if other is None:
            return False
        english, french = DELIMITER_NAMES[other[0]]
        told = {"delimiter_name_en": english, "delimiter_name_fr": french}
        self._settle()
        self.spool.add("row-delimiter", told, row=self.rows + 1, line=self.line)
        self._emit([*other[1]], self.line)
        return True

    def _other_delimiter(self, text: str, cells: list[str]) -> tuple[str, list[str]] | None:
        """The delimiter that this one row uses, and its cells, when another one than the file's cuts it rightly."""
        if self.plan.width < 3 or len(cells) > self.plan.width / 2:
            return None
        for mark in DELIMITER_NAMES:
            if mark == self.plan.dialect.delimiter or text.count(mark) < self.plan.width - 1:
                continue
            dialect = Dialect(mark, self.plan.dialect.quotechar, self.plan.dialect.escapechar)
            found = parse(text, dialect, self.plan.width).cells
            if mark == " " and len(found) > self.plan.width:
                joined = Aligner(self.plan.samples, self.plan.width, mark).align(found)
                found = [cell or "" for cell in joined.cells] if joined.how == "joined" else found
            if len(found) == self.plan.width and self.aligner.fits(found):
                return mark, found
        return None

    def _second_table(self, cells: list[str], ahead: list[bytes]) -> bool:
        """True when another header begins another table here; the rest of the file is then reported, not read."""
        if self._labels.isdisjoint(cells[:3]):
            return False
        shared = sum(1 for cell in cells if cell.strip() in self._labels)
        if shared < 2 or shared * 2 < len(cells) or len(set(cells)) < len(cells) / 2:
            return False
        widths = [len(self._cells(_text(line))[0]) for line in ahead if line.strip()]
        if sum(1 for width in widths if width == len(cells)) * 2 <= len(widths) or not widths:
            return False
        self.spool.add("second-table", {"count": max(0, self.plan.total_lines - self.line)}, line=self.line)
        self.stopped = True
        self._finish()
        return True

    def _may_be_foot(self, cells: list[str]) -> bool:
        if not self._after_blank or self.plan.width < 3 or len(self._foot) >= FOOTER_LINES:
            return False
        return bool(cells[0].strip()) and sum(1 for cell in cells if cell.strip()) == 1

    def _ragged(self, cells: list[str], line: int) -> None:
        """Put a row of the wrong width under its columns and report how."""
        aligned = self.aligner.align(cells)
        code = "missing-cell" if len(cells) < self.plan.width else "extra-cell"
        params: dict[str, Param] = {
            "expected": self.plan.width,
            "found": len(cells),
            "case": aligned.how,
        }
        if code == "extra-cell":
            params["extra"] = [cell[:VALUE_CHARS] for cell in aligned.extra[:20]]
        else:
            params["missing"] = tuple(index for index, cell in enumerate(aligned.cells) if cell is None)
        self._settle()
        self.spool.add(code, params, row=self.rows + 1, line=line)
        self._emit(aligned.cells, line)

    def _emit(self, cells: list[str | None], line: int) -> None:
        self._settle()
        self._after_blank = False
        self._mark_break(line)
        self.missing_cells = self.missing_cells or None in cells
        self.out.write(serialize(cells, self.written, self.null).encode("utf-8", errors="replace"))
        self.rows += 1

    def _finish(self) -> None:
        """Report what stands behind the last row."""
        self._blanks.clear()
        for line, cells in self._foot:
            self.spool.add("footer-skipped", line=line, value=cells[0])
        self._foot.clear()


DELIMITER_NAMES = {
    ";": ("semicolons", "des points-virgules"),
    ",": ("commas", "des virgules"),
    "\t": ("tabs", "des tabulations"),
    "|": ("vertical bars", "des barres verticales"),
    " ": ("spaces", "des espaces"),
}


def _others(counts: list[int], expected: int) -> list[int]:
    """The places of the numbers that are not as expected; small numbers are looked through as bytes, in C."""
    if max(counts) > BYTE_MAX or expected > BYTE_MAX:
        return [index for index, count in enumerate(counts) if count != expected]
    other = re.compile(b"[^" + re.escape(bytes([expected])) + b"]", re.DOTALL)
    return [match.start() for match in other.finditer(bytes(counts))]


def _lines_with(mark: bytes, lines: list[bytes], data: bytes) -> list[int]:
    """The lines that hold a mark; where few do, the text between them is passed over in C."""
    if data.count(mark) * 8 > len(lines):
        return [index for index, line in enumerate(lines) if mark in line]
    found: list[int] = []
    index, start, place = 0, 0, data.find(mark)
    while place >= 0:
        index += data.count(b"\n", start, place)
        found.append(index)
        start, index = data.find(b"\n", place) + 1, index + 1
        if not start:
            break
        place = data.find(mark, start)
    return found


def _text(raw: bytes) -> str:
    return raw.removesuffix(b"\r").decode("utf-8", errors="replace")


def written_dialect(dialect: Dialect) -> Dialect:
    """The dialect in which the clean table is written: the file's own wherever DuckDB can read it."""
    delimiter = dialect.delimiter if len(dialect.delimiter.encode()) == 1 else ","
    quote = dialect.quotechar if len(dialect.quotechar.encode()) == 1 else '"'
    return Dialect(delimiter, quote, quote)


def serialize(cells: Sequence[str | None], dialect: Dialect, null: str) -> str:
    """One line of the clean table; a missing cell is the bare word that stands for it."""
    delimiter, quote = dialect.delimiter, dialect.quotechar
    plain = delimiter.join([null if cell is None else cell for cell in cells])
    if (
        quote not in plain
        and "\n" not in plain
        and "\r" not in plain
        and plain.count(delimiter) == len(cells) - 1
    ):
        return plain + "\n"
    return delimiter.join(null if cell is None else _quoted(cell, delimiter, quote) for cell in cells) + "\n"


def _quoted(cell: str, delimiter: str, quote: str) -> str:
    if quote in cell or delimiter in cell or "\n" in cell or "\r" in cell:
        return quote + cell.replace(quote, quote * 2) + quote
    return cell
