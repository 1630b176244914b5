"""What the commands draw in a terminal: prefixed output, a progress bar, a table."""

import shutil
from collections import deque
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


class KeptLines:
    """A writer that keeps the last lines to itself until it is opened."""

    # Enough to see why something went wrong, not more than a screen.
    KEPT = 40

    def __init__(self, stream: TextIO) -> None:
        self._pass_on = prefixed_lines(stream)
        self._kept: deque[tuple[str, str]] = deque(maxlen=self.KEPT)
        self._is_open = False

    def write(self, name: str, line: str) -> None:
        """Keep the line, or pass it on once opened."""
        if self._is_open:
            self._pass_on(name, line)
        else:
            self._kept.append((name, line))

    def open(self) -> None:
        """Pass on what comes from now; what was kept is forgotten."""
        self._kept.clear()
        self._is_open = True

    def show_kept(self) -> None:
        """Pass on what was kept, and all that comes."""
        for name, line in list(self._kept):
            self._pass_on(name, line)
        self.open()


def bar(done: int, total: int, *, width: int = 30) -> str:
    """A bar of fixed width; empty while the total is not known."""
    filled = width * min(done, total) // total if total > 0 else 0
    return _FULL * filled + _EMPTY * (width - filled)


def redraw(stream: TextIO, line: str) -> None:
    """Draw the line over the one before it; where no person reads, each on its own."""
    if stream.isatty():
        columns = shutil.get_terminal_size().columns
        stream.write(f"\r\033[K{line[: columns - 1]}")
    else:
        stream.write(f"{line}\n")
    stream.flush()


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
