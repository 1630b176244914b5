"""A file read: detection and the tolerant pass in one call, and what came of them."""

import csv
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from validations.engine import workbook
from validations.engine.cells import letter
from validations.engine.detect import Detection, detect
from validations.engine.findings import FindingSpool, Found
from validations.engine.options import Options
from validations.engine.profile import Profile
from validations.engine.progress import Progress, Ticker
from validations.engine.records import Dialect
from validations.engine.structure import Pass, Plan
from validations.engine.transcode import BadByteSink
from validations.engine.workbook import Sheet

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
    """How the file was read; `header_line` None means that there is no header.

    Units: confidences go from 0 to 1, which also stands for what was given; `confidence` is that of the letters and of
    the cut into cells together.
    """

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
    encoding_confidence: float = 1.0
    delimiter_confidence: float = 1.0
    header_confidence: float = 1.0
    kind: str = "text"  # text, xlsx, ods
    sheet: str = ""
    sheet_number: int = 0


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


def read(
    path: Path,
    options: Options,
    folder: Path,
    on_progress: Progress | None = None,
    profile: Profile | None = None,
) -> Parsed:
    """The file as a clean table in `folder`; the typed cells of a workbook are written as the profile expects them.

    Raises: UnreadableFileError, permanent, when the file is no table or passes a limit; whatever `on_progress` raises.
    """
    if not workbook.is_workbook(path):
        return _read_text(path, options, folder, on_progress, None)
    sheet = workbook.convert(path, options, profile, folder)
    wanted = options.header_line
    how = workbook.csv_options(options, sheet.rows.line_of(wanted) if wanted else wanted)
    parsed = _read_text(sheet.path, how, folder, on_progress, sheet)
    sheet.path.unlink()
    parsed.breaks = tuple((row, sheet.rows.of_line(line)) for row, line in parsed.breaks)
    parsed.reading = _of_sheet(parsed.reading, sheet, path.stat().st_size)
    return parsed


def _read_text(
    path: Path, options: Options, folder: Path, on_progress: Progress | None, sheet: Sheet | None
) -> Parsed:
    waiting = Ticker(on_progress, None)
    found = detect(path, options, lambda: waiting.tick(0))
    spool = FindingSpool(folder / "reading-findings.csv")
    if sheet is not None:
        spool.line_of = sheet.rows.of_line
        _sheet_findings(sheet, spool)
    table_path = folder / "table.csv"
    plan = _plan(found, options, sheet.empty_columns if sheet is not None else 0)
    with table_path.open("wb") as out:
        reader = Pass(plan, out, spool, Ticker(on_progress, found.lines))
        _file_findings(found, plan, spool)
        reader.run(found.transcoder(path, _bad_byte_sink(found, spool)))
    ends = _line_ends(found, reader)
    _late_findings(reader, ends, spool)
    if on_progress is not None:
        on_progress(reader.rows, reader.rows)
    return Parsed(
        reading=_reading(found, plan, reader.rows, ends),
        table_path=table_path,
        table_dialect=reader.written,
        null=reader.null,
        width=plan.width,
        header_cells=plan.header_cells,
        breaks=tuple(reader.breaks) or ((1, plan.first_data_line),),
        spool=spool,
        missing_cells=reader.missing_cells,
    )


def _of_sheet(reading: Reading, sheet: Sheet, size_bytes: int) -> Reading:
    """How a workbook was read: in the words of its sheet, not of the text that it became on the way."""
    header = None if reading.header_line is None else sheet.rows.of_line(reading.header_line)
    return replace(
        reading, encoding_how="workbook", delimiter="", quotechar="", escapechar="", line_ends="none",
        header_line=header, size_bytes=size_bytes, kind=sheet.kind, sheet=sheet.name, sheet_number=sheet.number,
    )  # fmt: skip


def _sheet_findings(sheet: Sheet, spool: FindingSpool) -> None:
    if sheet.others:
        spool.add("sheets-not-read", {"count": sheet.others, "sheet": sheet.name})
    if sheet.filled_down:
        spool.add("merged-cells", {"count": sheet.filled_down})


def _plan(found: Detection, options: Options, empty_columns: int) -> Plan:
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
        lines_are_quoted=found.lines_are_quoted,
        empty_columns=empty_columns,
    )


def _reading(found: Detection, plan: Plan, rows: int, ends: dict[str, int]) -> Reading:
    labels = plan.header_labels or ("",) * plan.width
    columns = tuple(Column(index, label, letter(index)) for index, label in enumerate(labels))
    return Reading(
        encoding=found.encoding.name,
        encoding_how=found.encoding.how,
        confidence=round(found.encoding.confidence * found.delimiter_confidence, 3),
        had_bom=found.scan.had_bom,
        delimiter=_shown_delimiter(found.dialect),
        quotechar=found.dialect.quotechar,
        escapechar=found.dialect.escapechar,
        line_ends=_line_ends_name(ends),
        header_line=plan.header_line,
        skipped_lines=_skipped(found),
        columns=columns,
        rows=rows,
        size_bytes=found.scan.size_bytes + found.bom_bytes,
        encoding_confidence=found.encoding.confidence,
        delimiter_confidence=found.delimiter_confidence,
        header_confidence=found.header.confidence,
    )


def _line_ends(found: Detection, reader: Pass) -> dict[str, int]:
    """How many lines end in which way; line ends that are part of a cell end no line."""
    scan, header = found.scan, found.header.cells
    crlf = scan.crlf - reader.inner_crlf - sum(cell.count("\r\n") for cell in header)
    inner_lf = reader.inner_lf + sum(cell.count("\n") - cell.count("\r\n") for cell in header)
    return {"crlf": crlf, "lf": scan.lf - scan.crlf - inner_lf, "cr": scan.cr - scan.crlf}


def _line_ends_name(ends: dict[str, int]) -> str:
    """crlf, lf, cr, mixed or none."""
    kinds = [name for name, count in ends.items() if count > 0]
    return "mixed" if len(kinds) > 1 else kinds[0] if kinds else "none"


def _late_findings(reader: Pass, ends: dict[str, int], spool: FindingSpool) -> None:
    """Note what concerns the file as a whole and is known only behind its last row."""
    if _line_ends_name(ends) == "mixed":
        spool.add("mixed-line-ends", {name: max(0, count) for name, count in ends.items()})
    if reader.text_formulas:
        spool.add("text-formula", {"count": reader.text_formulas})


def _shown_delimiter(dialect: Dialect) -> str:
    return dialect.delimiter + " " if dialect.skip_space else dialect.delimiter


def _skipped(found: Detection) -> int:
    """Lines above the table that are no `sep=` line."""
    first = found.header.line if found.header.line is not None else found.first_data_line
    return max(0, first - 1 - found.sep_line)


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
    if found.sep_line:
        spool.add("sep-line", line=1)
    if found.lines_are_quoted:
        spool.add("lines-quoted")
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
        if index < plan.empty_columns:
            continue
        if not label:
            spool.add("blank-header", {"column": column}, line=plan.header_line, column_index=index)
        elif label in first:
            told = {"column": column, "first_column": letter(first[label]), "label": label}
            spool.add("duplicate-label", told, line=plan.header_line, column_index=index, value=label)
        else:
            first[label] = index
