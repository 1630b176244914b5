"""Which failures are of one kind: those with the same error in the same place of our own code."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from django.conf import settings


def fingerprint(error_class: str, traceback: str, code: str) -> str:
    """The name of the group of such failures: 16 hexadecimal digits.

    Line numbers are left out, so that a group outlives a release, and so are the frames of libraries.
    Shape: the traceback is as `jobs.runner.described` writes it.
    """
    places = [_place(line) for line in traceback.splitlines() if _is_ours(line)]
    return blake2b("\n".join([error_class, code, *places]).encode(), digest_size=8).hexdigest()


def _place(line: str) -> str:
    """File and function of a frame such as `  app/tasks.py:12 send`."""
    file, _, rest = line.strip().partition(":")
    return f"{file} {rest.partition(' ')[2]}"


def _is_ours(line: str) -> bool:
    return line.startswith("  ") and line.strip().partition("/")[0] in _own_packages()


@lru_cache(maxsize=1)
def _own_packages() -> frozenset[str]:
    """The names of the packages that lie beside each other in this project."""
    return frozenset(file.parent.name for file in Path(settings.BASE_DIR).glob("*/__init__.py"))
