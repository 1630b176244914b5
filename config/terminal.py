"""What the commands draw in a terminal: prefixed output, a progress bar, a table."""

import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from config.processes import Write

_NAME_WIDTH = 7
_COLORS = ("36", "33", "35", "32", "34")
_FULL, _EMPTY = "█", "░"


def prefixed_lines(stream: TextIO) -> Write:
    """A writer of lines that each begin with the program they came from, colored where a person reads."""
    colored = stream.isatty()
    known: dict[str, str] = {}

    def write(name: str, line: str) -> None:
        color = known.setdefault(name, _COLORS[len(known) % len(_COLORS)])
        label = f"{name:<{_NAME_WIDTH}} |"
        stream.write(f"\033[{color}m{label}\033[0m {line}\n" if colored else f"{label} {line}\n")
        stream.flush()

    return write


def bar(done: int, total: int, *, width: int = 30) -> str:
    """A bar of fixed width; empty while the total is not known."""
    filled = width * min(done, total) // total if total > 0 else 0
    return _FULL * filled + _EMPTY * (width - filled)


def redraw(line: str, *, last: bool = False) -> None:
    """Draw the line over the one before it; where no person reads, only the last one is written."""
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        sys.stdout.write(f"\r\033[K{line[: columns - 1]}" + ("\n" if last else ""))
    elif last:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows under their header; the first column stands left, the others right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(pairs)
        )
        for pairs in (list(zip(row, widths, strict=True)) for row in (header, *rows))
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
