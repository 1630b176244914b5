"""What runs inside the sandbox: one query over one database, in a process that has nothing else.

Started by `sandbox` as a script. The request comes on standard input as JSON; the hits go to standard output as CSV,
and a reason that holds no cell to standard error. The limits of the operating system are set before anything is
opened, so that a query that fools DuckDB's own limits ends this process and nothing else.
"""

import csv
import json
import resource
import sys
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

REQUIRED = ("row", "field")
TEXTS = ("value", "suggestion")
INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
)
# What a message may be told: parameters are shown to everybody, cells only to those who may see them.
SHOWN = (*INTEGERS, "DOUBLE", "FLOAT", "BOOLEAN", "DATE", "TIME", "TIMESTAMP")
FETCHED_ROWS = 2_000
# Beside DuckDB's limit: the interpreter, the library and what DuckDB does not count.
OVERHEAD_BYTES = 900 * 1024 * 1024
OUTPUT_BYTES = 512 * 1024 * 1024
# Exit codes that the parent tells apart.
REFUSED, FAILED, TOO_MANY = 3, 4, 5


class RefusalError(Exception):
    """The query does not select what a rule must; the text is a code and a column."""


def main() -> int:
    """0 after the hits were written."""
    request = json.load(sys.stdin)
    limit(request)
    import duckdb  # noqa: PLC0415 -- after the limits

    try:
        connection = duckdb.connect(
            request["database"],
            read_only=True,
            config={
                "memory_limit": f"{request['memory_mb']}MB",
                "threads": "1",
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            },
        )
        # It would stand among the hits.
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        found = connection.sql(request["sql"])
        names = list(found.columns)
        check_columns(names, [str(kind) for kind in found.types])
        return write(connection.execute(request["sql"]), names, request)
    except RefusalError as refusal:
        sys.stderr.write(str(refusal))
        return REFUSED
    except (duckdb.Error, MemoryError, OSError, ValueError) as error:
        # The text of an error quotes cells; it is told only where the table is empty.
        sys.stderr.write(str(error) if request["tells_errors"] else type(error).__name__)
        return FAILED


def limit(request: dict[str, Any]) -> None:
    """Bound what this process may take from the machine."""
    memory_bytes = request["memory_mb"] * 1024 * 1024 + OVERHEAD_BYTES
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, request["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))


def check_columns(names: list[str], types: list[str]) -> None:
    """Look at what the query selects before it runs.

    Raises: RefusalError, naming the column.
    """
    for name in REQUIRED:
        if name not in names:
            raise RefusalError(f"missing:{name}")
    for index, (name, kind) in enumerate(zip(names, types, strict=True)):
        if name in names[:index]:
            raise RefusalError(f"twice:{name}")
        if name == "row":
            is_right = kind in INTEGERS
        elif name in ("field", *TEXTS):
            is_right = kind in ("VARCHAR", '"NULL"', "NULL")
        else:
            is_right = kind in SHOWN or kind.startswith("DECIMAL")
        if not is_right:
            raise RefusalError(f"type:{name}")


def write(found: Any, names: list[str], request: dict[str, Any]) -> int:
    """Write the hits: row, field, value, suggestion, parameters."""
    places = {name: names.index(name) for name in names}
    shown = [name for name in names if name not in (*REQUIRED, *TEXTS)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    count = 0
    while rows := found.fetchmany(FETCHED_ROWS):
        count += len(rows)
        if count > request["max_hits"]:
            return TOO_MANY
        for row in rows:
            if row[places["row"]] is None:
                continue
            params = {name: plain(row[places[name]]) for name in shown} | request["params"]
            texts = [row[places[name]] if name in places else None for name in TEXTS]
            writer.writerow(
                [row[places["row"]], row[places["field"]] or "", *map(told, texts), json.dumps(params)]
            )
    sys.stdout.flush()
    return 0


def told(text: str | None) -> str:
    """A text, or nothing at all, as something that a CSV reader tells apart."""
    return "" if text is None else "=" + text


def plain(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value


if __name__ == "__main__":
    sys.exit(main())
