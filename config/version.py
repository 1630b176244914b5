"""The version of the project, as its changelog says."""

import re
from pathlib import Path

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+)", re.MULTILINE)


def read_version() -> str:
    """The first heading of CHANGELOG.md; `0.0.0` where the file was not shipped."""
    try:
        found = _HEADING.search(
            (Path(__file__).resolve().parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
        )
    except FileNotFoundError:
        found = None
    return found[1] if found else "0.0.0"


VERSION = read_version()
