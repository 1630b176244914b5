"""A file read: detection and the tolerant pass in one call, and what came of them."""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from validations.engine.detect import Detection, detect
from validations.engine.findings import FindingSpool, Found
from validations.engine.options import Options
from validations.engine.progress import Progress, Ticker
from validations.engine.records import Dialect
from validations.engine.structure import Pass, Plan
from validations.engine.transcode import BadByteSink

CSV_FIELD_CHARS = (
    2**31 - 1
)  # the limits of the pass hold; the csv module must not have a smaller one of its own
csv.field_size_limit(CSV_FIELD_CHARS)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file and, once matched, the field of the profile that it is."""

    index: int
    label: str
    letter: str
    field: str | None = None
    how: str | None = None  # exact, alias, folded, close
    date_format: str = ""  # how most dates of the column are written, as strftime has it


@dataclass(frozen=True, slots=True)
class Reading:
    """How the file was read. `confidence` is between 0 and 1; `header_line` None means that there is no header."""

    encoding: str
    encoding_how: str
    confidence: float
    had_bom: bool
    delimiter: str
    quotechar: str
    escapechar: str
    line_ends: str
    header_line: int | None
    skipped_lines: int
    columns: tuple[Column, ...]
    rows: int
    size_bytes: int


@dataclass(slots=True)
class Parsed:
    """The clean table on disk and everything noted on the way; `table.load` makes it a table in DuckDB."""

    reading: Reading
    table_path: Path
    table_dialect: Dialect
    null: str  # the bare word that stands for a missing cell in the clean table
    width: int
    header_cells: tuple[str, ...]  # as written in the file; several header rows joined; empty without header
    breaks: tuple[tuple[int, int], ...]
    spool: FindingSpool
    missing_cells: bool

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each code the reading made."""
        return self.spool.counts

    def findings(self) -> Iterator[Found]:
        """Code, severity, row, line, column index, value, params as JSON, suggestion; in order of the file."""
        return iter(self.spool)

    def rows(self) -> Iterator[list[str | None]]:
        """Every row, its cells as parsed, None where one is missing."""
        dialect = self.table_dialect
        with self.table_path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, delimiter=dialect.delimiter, quotechar=dialect.quotechar):
                yield [None if cell == self.null else cell for cell in row] if self.missing_cells else [*row]

    def write_cleaned(self, target: Path) -> None:
        """Write the table as UTF-8 RFC 4180 with commas, the header first."""
        with target.open("w", encoding="utf-8", newline="", errors="replace") as file:
            writer = csv.writer(file, lineterminator="\n")
            if self.header_cells:
                writer.writerow(self.header_cells)
            if self.table_dialect == Dialect(",", '"', '"') and not self.missing_cells:
                with self.table_path.open(encoding="utf-8", newline="") as table:
                    shutil.copyfileobj(table, file)
            else:
                writer.writerows(self.rows())


def read(path: Path, options: Options, folder: Path, on_progress: Progress | None = None) -> Parsed:
    """The file as a clean table in `folder`.

    Raises: UnreadableFileError, permanent, when the file is no table or passes a limit; whatever `on_progress` raises.
    """
    waiting = Ticker(on_progress, None)
    found = detect(path, options, lambda: waiting.tick(0))
    spool = FindingSpool(folder / "reading-findings.csv")
    table_path = folder / "table.csv"
    plan = _plan(found, options)
    with table_path.open("wb") as out:
        reader = Pass(plan, out, spool, Ticker(on_progress, found.lines))
        _file_findings(found, plan, spool)
        reader.run(found.transcoder(path, _bad_byte_sink(found, spool)))
    if on_progress is not None:
        on_progress(reader.rows, reader.rows)
    return Parsed(
        reading=_reading(found, plan, reader.rows),
        table_path=table_path,
        table_dialect=reader.written,
        null=reader.null,
        width=plan.width,
        header_cells=plan.header_cells,
        breaks=tuple(reader.breaks) or ((1, plan.first_data_line),),
        spool=spool,
        missing_cells=reader.missing_cells,
    )


def _plan(found: Detection, options: Options) -> Plan:
    pad = ("",) * max(0, found.width - len(found.header.cells))
    has_header = found.header.rows > 0
    cells = (*found.header.cells, *pad)[: found.width] if has_header else ()
    labels = (
        tuple(label.strip() for label in (*found.header.labels, *pad)[: found.width]) if has_header else ()
    )
    samples = [row.cells for row in found.sample_rows if len(row.cells) == found.width]
    return Plan(
        dialect=found.dialect,
        width=found.width,
        header_cells=cells,
        header_line=found.header.line,
        header_row=found.header.lowest,
        first_data_line=found.first_data_line,
        cr_only=found.cr_only,
        lone_cr=found.scan.cr > found.scan.crlf and not found.cr_only,
        limits=options.limits,
        total_lines=found.lines,
        header_labels=labels,
        samples=samples,
    )


def _reading(found: Detection, plan: Plan, rows: int) -> Reading:
    labels = plan.header_labels or ("",) * plan.width
    columns = tuple(Column(index, label, letter(index)) for index, label in enumerate(labels))
    return Reading(
        encoding=found.encoding.name,
        encoding_how=found.encoding.how,
        confidence=found.confidence,
        had_bom=found.scan.had_bom,
        delimiter=_shown_delimiter(found.dialect),
        quotechar=found.dialect.quotechar,
        escapechar=found.dialect.escapechar,
        line_ends=found.line_ends,
        header_line=plan.header_line,
        skipped_lines=_skipped(found),
        columns=columns,
        rows=rows,
        size_bytes=found.scan.size_bytes + found.bom_bytes,
    )


def _shown_delimiter(dialect: Dialect) -> str:
    return dialect.delimiter + " " if dialect.skip_space else dialect.delimiter


def _skipped(found: Detection) -> int:
    """Lines above the table that are no `sep=` line."""
    first = found.header.line if found.header.line is not None else found.first_data_line
    return max(0, first - 1 - found.sep_line)


def letter(index: int) -> str:
    """The letters of a column in a spreadsheet: A, B, ... Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def kept_label(labels: Sequence[str], index: int, field_names: Iterable[str]) -> str:
    """The key under which a record keeps a column without a place of its own.

    That is its header, or its header with its letter where that is empty, taken, or the name of a field.
    """
    label = labels[index].strip()
    taken = {text.strip() for i, text in enumerate(labels) if i != index} | set(field_names)
    return label if label and label not in taken else f"{label} ({letter(index)})".strip()


def _bad_byte_sink(found: Detection, spool: FindingSpool) -> BadByteSink:
    name = found.encoding.name.upper() if found.encoding.name.startswith("utf") else found.encoding.name

    def note(offset: int, line: int, read_as: str) -> None:
        spool.add("encoding-error", {"offset": offset, "letter": read_as, "encoding": name}, line=line)

    return note


def _file_findings(found: Detection, plan: Plan, spool: FindingSpool) -> None:
    """Note what concerns the file as a whole: one finding each."""
    if found.encoding.double_encoded:
        spool.add("mojibake", {"count": found.scan.double_encoded})
    elif found.scan.double_encoded and found.encoding.name == "utf-8":
        spool.add("mojibake", {"count": found.scan.double_encoded, "case": "some"})
    if found.line_ends == "mixed":
        lone_lf, lone_cr = found.scan.lf - found.scan.crlf, found.scan.cr - found.scan.crlf
        spool.add("mixed-line-ends", {"crlf": found.scan.crlf, "lf": lone_lf, "cr": lone_cr})
    if skipped := _skipped(found):
        spool.add("preamble-skipped", {"count": skipped}, line=1)
    if not plan.header_cells:
        spool.add("header-missing", line=plan.first_data_line)
        return
    if found.header.rows > 1:
        spool.add("header-joined", {"count": found.header.rows}, line=plan.header_line)
    _label_findings(plan, spool)


def _label_findings(plan: Plan, spool: FindingSpool) -> None:
    first: dict[str, int] = {}
    for index, label in enumerate(plan.header_labels):
        column = letter(index)
        if not label:
            spool.add("blank-header", {"column": column}, line=plan.header_line, column_index=index)
        elif label in first:
            told = {"column": column, "first_column": letter(first[label]), "label": label}
            spool.add("duplicate-label", told, line=plan.header_line, column_index=index, value=label)
        else:
            first[label] = index
