"""An error by its class and frames alone: messages of other people's errors quote values, which are kept nowhere."""

import sys
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from django.conf import settings


def lines_of(error: BaseException) -> Iterator[str]:
    """The error's frames and class, and those of what caused it, newest error first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield from _frames(current.__traceback__)
        yield class_name(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def class_name(error: BaseException) -> str:
    """The error's class, with its module unless it is Python's own."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _frames(traceback: TracebackType | None) -> Iterator[str]:
    for frame in extract_tb(traceback):
        yield f"  {_short(frame.filename)}:{frame.lineno} {frame.name}"


def _short(filename: str) -> str:
    """A path as seen from the project or the installed packages, since where they lie says nothing."""
    path = Path(filename)
    for root in (Path(settings.BASE_DIR), *map(Path, sys.path)):
        if root != Path() and path.is_relative_to(root):
            return str(path.relative_to(root))
    return path.name
