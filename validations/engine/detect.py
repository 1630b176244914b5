"""What a file is: its encoding on the whole, its dialect and header from samples, how sure, or why it is no table."""

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from validations.engine import dialect as dialects
from validations.engine import encoding as encodings
from validations.engine import header as headers
from validations.engine import signatures, spreadsheets
from validations.engine.dialect import SEP_LINE
from validations.engine.encoding import Encoding, Scan
from validations.engine.errors import UnreadableFileError, limit_error
from validations.engine.header import Header, SampleRow
from validations.engine.options import Options
from validations.engine.records import Dialect, Repaired, parse
from validations.engine.transcode import Transcoder

LINE_END = re.compile(r"\r{0,2}\n|\r")  # CR CR LF is what a line end becomes that was translated twice
HEADER_SAMPLE_ROWS = 80  # rows of the beginning among which the header is sought
PLACES = 3  # samples from behind the beginning: a quarter, the middle, the end
PROSE_WORDS = 9  # words in a line of running text, on average
PROSE_CUTS = 6  # commas in a sentence seldom cut it into more parts
SENTENCE_END = re.compile(r"[.!?…»]\s*$")
SENTENCE_MARK = re.compile(r"[a-zà-ÿ][,;:.] ")
OWN_LINES = 12  # fewer lines than this are too few to tell running text from a column of remarks


@dataclass(frozen=True, slots=True)
class Detection:
    """Everything told about a file before it is read."""

    encoding: Encoding
    scan: Scan
    bom_bytes: int
    dialect: Dialect
    width: int
    header: Header
    first_data_line: int
    sample_rows: tuple[SampleRow, ...]
    sep_line: bool
    delimiter_confidence: float
    cr_only: bool
    lines_are_quoted: bool  # each line as a whole

    @property
    def lines(self) -> int:
        """About how many physical lines the file has."""
        return self.scan.cr if self.cr_only else self.scan.lf

    def transcoder(
        self, path: Path, on_bad_byte: Callable[[int, int, str], None] | None = None
    ) -> Transcoder:
        """The file as UTF-8."""
        plain = self.encoding.name == "cp1252" and not self.scan.high_bytes & set(encodings.C1_BYTES)
        counted = plain and not self.scan.had_bom and self.encoding.how == "statistics"
        return Transcoder(path, self.encoding, self.bom_bytes, on_bad_byte, latin1_is_enough=counted)


def detect(path: Path, options: Options, on_block: Callable[[], None] = lambda: None) -> Detection:
    """What the file is.

    Raises: UnreadableFileError when it is no table; whatever `on_block` raises.
    """
    head = next(encodings.blocks(path), b"")
    if not head:
        raise UnreadableFileError("empty-file")
    encoding, bom_bytes, scan = _encoding(path, head, options, on_block)
    if not scan.content:
        raise UnreadableFileError("empty-file")
    source = Transcoder(path, encoding, bom_bytes)
    beginning = _beginning(source, options)
    if options.delimiter is None:
        signatures.refuse_markup(beginning)
    return _table(path, beginning, encoding, bom_bytes, scan, options)


def _encoding(
    path: Path, head: bytes, options: Options, on_block: Callable[[], None]
) -> tuple[Encoding, int, Scan]:
    name, how = encodings.wide_encoding(head)
    bom_bytes = encodings.bom_bytes(head, name) if name else 0
    if name is None or name == "utf-8":
        signatures.refuse_binary(head)
    if options.encoding is not None:
        declared = Encoding(codec_name(options.encoding), "declared", 1.0)
        given_bom = encodings.bom_bytes(head, declared.name)
        scan = encodings.scan(Transcoder(path, declared, given_bom), on_block)
        scan.had_bom = given_bom > 0
        return declared, given_bom, scan
    if name is not None and name != "utf-8":
        wide = Encoding(name, how, 1.0 if how == "bom" else 0.95)
        scan = encodings.scan(Transcoder(path, wide, bom_bytes), on_block)
    else:
        scan = encodings.scan(encodings.blocks(path, bom_bytes), on_block)
        wide = encodings.decide(scan, had_bom=bom_bytes > 0)
    scan.had_bom = bom_bytes > 0
    return wide, bom_bytes, scan


def codec_name(name: str) -> str:
    """The name under which Python knows a text encoding.

    Raises: UnreadableFileError unknown-encoding.
    """
    try:
        codec = codecs.lookup(name)
        "a".encode(codec.name)
        codecs.getincrementaldecoder(codec.name)
    except (LookupError, TypeError, ValueError):
        raise UnreadableFileError("unknown-encoding") from None
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le", "iso8859-1": "latin-1"}.get(
        codec.name, codec.name
    )


def _beginning(source: Iterable[bytes], options: Options) -> str:
    """The first part of the text, cut at a line end; a whole first line however long it is.

    Raises: UnreadableFileError limit-exceeded when the first line does not end.
    """
    data = b""
    for block in source:
        data += block
        if b"\n" in data or b"\r" in data:
            break
        if len(data) > options.limits.line_bytes:
            raise limit_error(1, "line", options.limits.line_bytes)
    wanted = options.limits.sample_bytes
    if len(data) > wanted:
        end = max(data.rfind(b"\n", 0, wanted), data.rfind(b"\r", 0, wanted))
        if end < 0:
            ends = [place for place in (data.find(b"\n"), data.find(b"\r")) if place >= 0]
            end = min(ends, default=len(data))
        data = data[: end + 1]
    return data.decode("utf-8", errors="replace")


def _elsewhere(path: Path, encoding: Encoding, size_bytes: int, sample_bytes: int) -> list[str]:
    """Whole lines from three places behind the beginning of a large file."""
    if size_bytes < 4 * sample_bytes:
        return []
    lines: list[str] = []
    with path.open("rb") as file:
        for place in range(1, PLACES + 1):
            offset = (size_bytes - sample_bytes) * place // PLACES // 4 * 4
            file.seek(offset)
            text = file.read(sample_bytes // 4).decode(encoding.name, errors="replace")
            lines += LINE_END.split(text)[1:-1][:100]
    return lines


def _table(
    path: Path, beginning: str, encoding: Encoding, bom_bytes: int, scan: Scan, options: Options
) -> Detection:
    text = spreadsheets.without_formulas(beginning.replace("\0", "").replace("\ufeff", ""))
    lines, ends = _lines(text)
    sep = SEP_LINE.fullmatch(lines[0])
    told = "\t" if sep and sep[1] == "\\t" else sep[1] if sep else None
    delimiter = options.delimiter if options.delimiter is not None else told
    body = lines[1:] if sep else lines
    if not any(line.strip() for line in body):
        raise UnreadableFileError("empty-file")
    body = _from_header(body, options, skipped=1 if sep else 0)
    elsewhere = _elsewhere(path, encoding, scan.size_bytes, options.limits.sample_bytes)
    guess = dialects.detect([*body, *elsewhere], delimiter, options.quotechar, options.escapechar)
    inner = _inside_quoted_lines([*body, *elsewhere], guess, options)
    if inner is not None:
        guess, lines = inner, [spreadsheets.unquoted_line(line) for line in lines]
    if options.delimiter is None and options.header_line is None:
        _refuse_prose(body, guess)
    rows = _sample_rows(lines, ends, guess.dialect, guess.width)
    width, found = _width_and_header(rows, guess, options)
    if found.line == -1:
        raise UnreadableFileError("header-missing", line=options.header_line or 0)
    if width > options.limits.columns:
        limit = options.limits.columns
        raise UnreadableFileError(
            "limit-exceeded", line=1, limit_en="columns", limit_fr="colonnes", maximum=limit
        )
    behind = found.first + found.rows
    # the split leaves an empty text behind the last line end: that line is the first one not looked at
    unseen = len(lines) if not lines[-1] else len(lines) + 1
    first_data_line = rows[behind].line if behind < len(rows) else unseen
    is_told = delimiter is not None
    certain = 1.0 if is_told else round(min(1.0, max(0.3, guess.score / dialects.SURE)), 3)
    cr_only = scan.cr - scan.crlf > scan.lf
    return Detection(
        encoding, scan, bom_bytes, guess.dialect, width, found, first_data_line,
        tuple(rows[behind:]), bool(sep), certain, cr_only, inner is not None,
    )  # fmt: skip


def _lines(text: str) -> tuple[list[str], list[str]]:
    """The lines of a text and what ends each of them; plain splitting where all end alike takes a tenth of the time."""
    count = text.count("\n")
    returns = text.count("\r")
    if not returns or count == returns == text.count("\r\n"):
        end = "\r\n" if returns else "\n"
        return text.split(end), [end] * count
    return LINE_END.split(text), LINE_END.findall(text)


def _inside_quoted_lines(
    lines: Sequence[str], guess: dialects.Guess, options: Options
) -> dialects.Guess | None:
    """The dialect inside lines that are each quoted as a whole; None where they are not, or are cells themselves."""
    if guess.width > 1 or not spreadsheets.are_quoted_lines(lines):
        return None
    inside = [spreadsheets.unquoted_line(line) for line in lines]
    inner = dialects.detect(inside, options.delimiter, options.quotechar, options.escapechar)
    return inner if inner.width > 2 and inner.score >= dialects.SURE else None


def _from_header(lines: list[str], options: Options, *, skipped: int) -> list[str]:
    """The lines from the header on, when the caller says where it is: what is above says nothing of the table."""
    return lines[max(0, (options.header_line or 0) - 1 - skipped) :]


def _refuse_prose(lines: Sequence[str], guess: dialects.Guess) -> None:
    """Nothing, unless the lines are sentences that run on."""
    filled = [line for line in lines if line.strip()]
    words = sum(len(line.split()) for line in filled) / max(1, len(filled))
    if words < PROSE_WORDS:
        return
    ends = sum(1 for line in filled if SENTENCE_END.search(line))
    marks = sum(len(SENTENCE_MARK.findall(line)) for line in filled)
    if guess.width == 1:
        is_prose = (ends or marks > len(filled) / 2) and (marks or len(filled) < OWN_LINES)
    elif guess.dialect.delimiter == " ":
        is_prose = ends > 0.6 * len(filled) and guess.share < 0.9
    else:
        cuts = sum(line.count(guess.dialect.delimiter) for line in filled)
        spaced = sum(line.count(guess.dialect.delimiter + " ") for line in filled)
        is_prose = guess.width <= PROSE_CUTS and ends > 0.6 * len(filled) and spaced > 0.9 * cuts
    if is_prose:
        raise signatures.PROSE.refusal()


def _sample_rows(lines: Sequence[str], ends: Sequence[str], dialect: Dialect, width: int) -> list[SampleRow]:
    """The first rows with the physical lines they start on, blank lines left out."""
    rows: list[SampleRow] = []
    lines = [dialect.unescape(line) for line in lines]
    index = 0
    while index < len(lines) and len(rows) < HEADER_SAMPLE_ROWS:
        start = index
        text = lines[index]
        index += 1
        read = parse(text, dialect, width)
        if _stays_open(text, dialect) and len(read.cells) != width:
            joined = _join_open(lines, ends, start, dialect, width)
            if joined is not None:
                read, index = joined
        if text.strip():
            cells = (
                read.cells if len(read.cells) > width / 2 else _other_cut(text, dialect, width) or read.cells
            )
            rows.append(SampleRow(start + 1, cells))
    return rows


def _other_cut(text: str, dialect: Dialect, width: int) -> list[str] | None:
    """The cells of a line that uses another delimiter than the rest, when it has as many words as there are columns."""
    if width < 3:
        return None
    for mark in (";", ",", "\t", "|", " "):
        if text.count(mark) >= width - 1:
            cells = parse(text, Dialect(mark, dialect.quotechar, dialect.escapechar), width).cells
            if len(cells) == width and all(cell.strip() for cell in cells):
                return cells
    return None


def _stays_open(text: str, dialect: Dialect) -> bool:
    return bool(dialect.quotechar) and text.count(dialect.quotechar) % 2 == 1


def _join_open(
    lines: Sequence[str], ends: Sequence[str], start: int, dialect: Dialect, width: int
) -> tuple[Repaired, int] | None:
    text = lines[start]
    for end in range(start + 1, min(len(lines), start + 30)):
        text += ends[end - 1] + lines[end]
        if dialect.quotechar not in lines[end]:
            continue
        read = parse(text, dialect, width)
        return (read, end + 1) if read.cost == 0 and len(read.cells) == width else None
    return None


def _width_and_header(
    rows: Sequence[SampleRow], guess: dialects.Guess, options: Options
) -> tuple[int, Header]:
    """The number of cells a row should have, and the header fitted to it."""
    found = headers.find(rows, guess.width, options.header_line) if rows else Header(0, 0, (), (), None)
    data = Counter(len(row.cells) for row in rows[found.first + found.rows :])
    usual = max(data.items(), key=lambda item: item[1])[0] if data else guess.width
    if not found.rows:
        return max(usual, guess.width) if not data else usual, found
    labels = len(found.labels)
    if not data:
        return labels, found
    if labels == usual - 1 and _counts_up(rows[found.first + found.rows :], usual):
        return usual, replace(found, labels=("", *found.labels), cells=("", *found.cells))
    if labels > usual and not data.get(labels):
        blanks = [index for index, label in enumerate(found.labels) if not label.strip()]
        if len(blanks) >= labels - usual:
            return usual, _without(found, blanks[-(labels - usual) :])
    return max(labels, usual if data[usual] * 2 > sum(data.values()) else labels), found


def _counts_up(rows: Sequence[SampleRow], width: int) -> bool:
    """True when the first cells of the rows are running numbers: R writes them without a name above."""
    first = [row.cells[0].strip() for row in rows if len(row.cells) == width]
    if len(first) < 3 or not all(cell.isascii() and cell.isdigit() and len(cell) < 10 for cell in first):
        return False
    numbers = list(map(int, first))
    return all(after - before == 1 for before, after in pairwise(numbers))


def _without(found: Header, dropped: Sequence[int]) -> Header:
    """The header without names that are empty and that no column stands under."""
    kept = [index for index in range(len(found.labels)) if index not in set(dropped)]
    labels = tuple(found.labels[index] for index in kept)
    return replace(found, labels=labels, cells=tuple(found.cells[index] for index in kept))
