"""Which engine this is: what another build made of a file may differ, and is not mixed with what this one makes."""

import hashlib
from functools import cache
from pathlib import Path

import duckdb

_CODE = (".py", ".csv", ".json")


@cache
def fingerprint() -> str:
    """One text for the engine's code, its reference tables and its database."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(duckdb.__version__.encode())
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _CODE):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
