"""How a file is to be read and checked: what the caller overrides, and the limits that no file may pass."""

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep memory and time flat whatever the file; beyond one, the file is refused."""

    line_bytes: int = 4 * 1024 * 1024  # longest billing line seen is 2 KB; a whole line must fit in memory
    columns: int = 2_000  # spreadsheets end at 16,384, billing exports have 20 to 60
    cell_chars: int = 1_000_000  # a pasted report in a comment cell has been seen at 200,000
    quoted_lines: int = 200  # a quoted cell over more lines than this is an unclosed quote
    quoted_bytes: int = 1024 * 1024  # the same bound for quoted cells with few, long lines
    sample_bytes: int = 128 * 1024  # per place looked at when the dialect is detected
    workbook_bytes: int = 256 * 1024 * 1024  # unpacked; a sheet takes some 60 bytes a cell
    workbook_ratio: int = 200  # unpacked to packed bytes of a part; sheets of equal rows reach 60
    workbook_parts: int = 2_000  # files in the archive
    workbook_sheets: int = 100
    workbook_cells: int = 2_500_000  # of the area that a sheet's cells span; some 80 bytes of memory each


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller decides; None leaves the decision to detection."""

    encoding: str | None = None
    delimiter: str | None = None
    quotechar: str | None = None  # "" means that the file quotes nothing
    escapechar: str | None = None
    header_line: int | None = None  # physical line, the first being 1; 0 means that there is no header
    sheet: int | None = None  # of a workbook, the first being 1
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    codes: frozenset[str] | None = None
    memory_limit_mb: int = 128  # flat at 240 MiB from a million rows on; enough for 150 columns
    threads: int = 1
    temp_dir: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    limits: Limits = field(default_factory=Limits)
