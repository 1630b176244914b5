"""The file as tables of one closed, temporary DuckDB database: `cells`, `lines` and `findings`.

`cells` is a view over the clean table on disk: reading it costs a third of storing it, and no memory. Whoever
scans it more than twice should call `materialize` first.
"""

from pathlib import Path

import duckdb

from validations.engine.reading import Parsed
from validations.engine.records import Dialect

DATABASE_FILE = "check.duckdb"

FINDINGS_TABLE = """
    CREATE TABLE findings (code VARCHAR, severity VARCHAR, row BIGINT, line BIGINT, column_index INTEGER,
                           value VARCHAR, params VARCHAR, suggestion VARCHAR, amount_cents BIGINT)
"""
SPOOLED_COLUMNS = {
    "code": "VARCHAR", "severity": "VARCHAR", "row": "BIGINT", "line": "BIGINT", "column_index": "INTEGER",
    "value": "VARCHAR", "params": "VARCHAR", "suggestion": "VARCHAR",
}  # fmt: skip


def connect(folder: Path, memory_limit_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection to a new database in `folder` that can read and write nothing outside of it.

    Units: beyond the memory limit DuckDB writes to `folder`.
    """
    connection = duckdb.connect(
        str(folder / DATABASE_FILE),
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": str(threads),
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "preserve_insertion_order": "true",
        },
    )
    connection.execute(f"SET allowed_directories = [{_quoted(str(folder))}]")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def load(connection: duckdb.DuckDBPyConnection, parsed: Parsed) -> None:
    """Make `cells`, `lines` and `findings` of a file that was read."""
    breaks = parsed.table_path.with_name("breaks.csv")
    breaks.write_text("".join(f"{row},{line}\n" for row, line in parsed.breaks), encoding="ascii")
    source = _source(parsed.table_path, parsed.table_dialect, parsed.null, parsed.width)
    _make_tables(connection, source, breaks)
    _insert_findings(connection, parsed)


def load_files(connection: duckdb.DuckDBPyConnection, cells: Path, breaks: Path, width: int) -> None:
    """Make `cells`, `lines` and an empty `findings` of files put into one: RFC 4180, a missing cell unquoted."""
    _make_tables(connection, _source(cells, Dialect(","), "", width), breaks)


def _make_tables(connection: duckdb.DuckDBPyConnection, source: str, breaks: Path) -> None:
    connection.execute(f"CREATE VIEW cells AS SELECT row_number() OVER () AS row, * FROM {source}")
    connection.execute("CREATE TABLE lines (first_row BIGINT, first_line BIGINT)")
    connection.execute(
        f"INSERT INTO lines SELECT * FROM read_csv({_quoted(str(breaks))}, auto_detect=false, header=false, delim=',', "
        "columns={'first_row': 'BIGINT', 'first_line': 'BIGINT'})"
    )
    connection.execute(FINDINGS_TABLE)


def materialize(connection: duckdb.DuckDBPyConnection) -> None:
    """Store `cells`, so that further scans cost nothing to parse."""
    connection.execute("ALTER VIEW cells RENAME TO cells_on_disk")
    connection.execute("CREATE TEMP TABLE cells AS SELECT * FROM cells_on_disk")


def _source(path: Path, dialect: Dialect, null: str, width: int) -> str:
    """The call that reads the clean table, with nothing left to guess."""
    columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(width))
    return (
        f"read_csv({_quoted(str(path))}, auto_detect=false, header=false, columns={{{columns}}}, "
        f"delim={_quoted(dialect.delimiter)}, quote={_quoted(dialect.quotechar)}, "
        f"escape={_quoted(dialect.quotechar)}, new_line='\\n', nullstr={_quoted(null)}, "
        f"allow_quoted_nulls=false, strict_mode=true, max_line_size={MAX_RECORD_BYTES}, buffer_size={MAX_RECORD_BYTES})"
    )


# a line at its limit with every mark doubled, and a quoted cell at its limit; also the size of DuckDB's read buffer,
# which is otherwise 32 times as large
MAX_RECORD_BYTES = 10 * 1024 * 1024


def _insert_findings(connection: duckdb.DuckDBPyConnection, parsed: Parsed) -> None:
    parsed.spool.flush()
    if not parsed.counts:
        return
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in SPOOLED_COLUMNS.items())
    connection.execute(
        f"INSERT INTO findings SELECT *, NULL FROM read_csv({_quoted(str(parsed.spool.path))}, auto_detect=false, "
        f"header=false, delim=',', quote='\"', escape='\"', new_line='\\n', columns={{{columns}}})"
    )


def _quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
