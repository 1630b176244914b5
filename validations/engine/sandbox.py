"""A query that somebody wrote, run where it can read nothing but its own table, and can take nothing that matters.

Three walls, each of which would do: `queries` lets in one SELECT over `typed` with functions from a list; the process
has one read-only database with that one table, no way to files or settings, and no environment; and the operating
system bounds its memory, its time and its output.
Source: docs/decisions/0017-own-rules.md
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from validations.engine import sandboxed
from validations.engine.profile import Profile
from validations.engine.rules import literal
from validations.engine.runner import TICK_SECONDS
from validations.engine.values import TypedColumn, plan

SCRIPT = Path(sandboxed.__file__)
# A rule over a million rows takes about a second; one that takes more than this is a mistake.
CPU_SECONDS = 60
MEMORY_MB = 128
# The longest reason that is told to whoever wrote the query.
REASON_CHARS = 400
TABLE = "typed"


class SandboxError(Exception):
    """The query was refused or failed; `reason` is "missing:…", "type:…", "twice:…", "too-many", "too-long",
    "too-much" or "failed:…"."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take."""

    cpu_seconds: int = CPU_SECONDS
    memory_mb: int = MEMORY_MB
    max_hits: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One query over one database file; `params` go into every hit."""

    sql: str
    database: Path
    limits: Limits = Limits()
    params: Mapping[str, Any] = field(default_factory=dict)
    # Whether the texts of errors are told: only where no row is in the table.
    tells_errors: bool = False


def columns_of(columns: Iterable[TypedColumn]) -> list[tuple[str, str, str]]:
    """Name, SQL type and expression of each column that a query sees."""
    seen = [("row", "BIGINT", "row")]
    for column in columns:
        name = column.field.column
        if column.field.type in ("string", "any") and column.sql_type != "VARCHAR":
            seen.append((name, "VARCHAR", column.text.format(name)))
        else:
            seen.append((name, column.sql_type, name))
    return seen


def make_database(
    connection: duckdb.DuckDBPyConnection, columns: Iterable[TypedColumn], target: Path
) -> None:
    """Copy what a query may see of `typed` into a database of its own."""
    chosen = ", ".join(f"{expression} AS {name}" for name, _type, expression in columns_of(columns))
    connection.execute(f"ATTACH {literal(str(target))} AS own")
    connection.execute(f"CREATE TABLE own.{TABLE} AS SELECT {chosen} FROM typed")
    connection.execute("DETACH own")


def make_empty_database(profile: Profile, target: Path) -> None:
    """A database with the profile's columns and no row."""
    chosen = ", ".join(f"{name} {kind}" for name, kind, _expression in columns_of(plan(profile, {}, {})))
    with duckdb.connect(str(target), config={"threads": 1}) as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({chosen})")


def run(request: Request, target: Path, tick: Callable[[], None]) -> None:
    """Write the hits of a query to `target` as CSV: row, field, value, suggestion (with `=` before a text), params.

    Raises: SandboxError; whatever `tick` raises, after the process was ended.
    """
    told = {
        "sql": request.sql,
        "database": str(request.database),
        "params": dict(request.params),
        "tells_errors": request.tells_errors,
        "cpu_seconds": request.limits.cpu_seconds,
        "memory_mb": request.limits.memory_mb,
        "max_hits": request.limits.max_hits,
    }
    reason = target.with_suffix(".err")
    with target.open("wb") as out, reason.open("wb") as err:
        # Isolated, without environment: no variable, no folder and no setting of this process is in that one.
        process = subprocess.Popen(
            [sys.executable, "-I", str(SCRIPT)],
            stdin=subprocess.PIPE, stdout=out, stderr=err, env={}, cwd="/", close_fds=True,
        )  # fmt: skip
        try:
            _send(process, json.dumps(told).encode())
            code = _wait(process, request.limits.cpu_seconds, tick)
        finally:
            process.kill()
            process.wait()
    _judge(code, reason.read_text(encoding="utf-8", errors="replace").strip()[:REASON_CHARS])


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    if process.stdin is not None:
        with process.stdin as pipe:
            pipe.write(request)


def _wait(process: subprocess.Popen[bytes], seconds: int, tick: Callable[[], None]) -> int:
    """How the process ended; waiting lasts twice as long as computing may, since others compute too."""
    end = time.monotonic() + 2 * seconds
    while True:
        try:
            return process.wait(timeout=TICK_SECONDS)
        except subprocess.TimeoutExpired:
            tick()
        if time.monotonic() > end:
            raise SandboxError("too-long")


def _judge(code: int, reason: str) -> None:
    if code == 0:
        return
    if code == sandboxed.REFUSED:
        raise SandboxError(reason)
    if code == sandboxed.TOO_MANY:
        raise SandboxError("too-many")
    # A negative code is a signal: the operating system ended it, out of time or out of memory.
    raise SandboxError(
        "too-much" if code < 0 else f"failed:{reason}" if code == sandboxed.FAILED else "failed:"
    )
