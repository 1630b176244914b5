"""The file as tables of a closed database."""

from pathlib import Path

import duckdb
import pytest

from tests.support.reading import cells, parse
from validations.engine import table

DATA = (
    b'no;nom;note\r\n1;Roy;x\r\n2;"C\xf4t\xe9; Anne";"a ""b"""\r\n\r\n3;Gagn\xe9\r\n4;"";ok\r\n'
    b'5;"deux\r\nlignes";fin\r\n6;x;y;z\r\n'
)


@pytest.fixture
def loaded(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    parsed = parse(tmp_path, DATA)
    connection = table.connect(tmp_path / "work", memory_limit_mb=100, threads=1)
    table.load(connection, parsed)
    return connection


def test_cells_hold_the_text_of_the_file(loaded: duckdb.DuckDBPyConnection) -> None:
    assert loaded.execute("SELECT * FROM cells ORDER BY row").fetchall() == [
        (1, "1", "Roy", "x"),
        (2, "2", "Côté; Anne", 'a "b"'),
        (3, "3", "Gagné", None),
        (4, "4", "", "ok"),
        (5, "5", "deux\r\nlignes", "fin"),
        (6, "6", "x", "y"),
    ]


def test_cells_in_the_database_equal_the_rows_on_disk(tmp_path: Path) -> None:
    parsed = parse(tmp_path, DATA)
    connection = table.connect(tmp_path / "work", memory_limit_mb=100, threads=1)
    table.load(connection, parsed)

    assert [list(row[1:]) for row in connection.execute("FROM cells").fetchall()] == cells(parsed)


def test_lines_give_each_row_its_physical_line(loaded: duckdb.DuckDBPyConnection) -> None:
    lines = loaded.execute(
        "SELECT row, first_line + row - first_row FROM cells ASOF JOIN lines ON row >= first_row ORDER BY row"
    ).fetchall()

    assert lines == [(1, 2), (2, 3), (3, 5), (4, 6), (5, 7), (6, 9)]


def test_findings_of_the_reading_are_in_the_database(loaded: duckdb.DuckDBPyConnection) -> None:
    found = loaded.execute(
        "SELECT code, severity, row, line, amount_cents FROM findings ORDER BY line"
    ).fetchall()

    assert found == [
        ("blank-row", "info", None, 4, None),
        ("missing-cell", "error", 3, 5, None),
        ("extra-cell", "error", 6, 9, None),
    ]


def test_stored_cells_are_the_same_cells(loaded: duckdb.DuckDBPyConnection) -> None:
    before = loaded.execute("FROM cells ORDER BY row").fetchall()
    table.materialize(loaded)

    assert loaded.execute("FROM cells ORDER BY row").fetchall() == before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "SET enable_external_access = true",
        "SET memory_limit = '8GB'",
        "INSTALL httpfs",
        "ATTACH '/tmp/other.db'",
    ],
)
def test_the_database_reaches_nothing_outside_its_folder(
    loaded: duckdb.DuckDBPyConnection, statement: str
) -> None:
    with pytest.raises(duckdb.Error):
        loaded.execute(statement)


def test_b06_what_a_cell_holds_is_only_text(tmp_path: Path) -> None:
    hostile = [
        "=1+1",
        "' DROP TABLE cells --",
        "{0.__class__}",
        "\\N",
        "NULL",
        "\u202e",
        "\x1b[31m",
        "０１２",
    ]
    data = "a;b;c\n" + "".join(f"{cell};x;y\n" for cell in hostile)
    parsed = parse(tmp_path, data.encode(), header_line=1, delimiter=";")
    connection = table.connect(tmp_path / "work", memory_limit_mb=100, threads=1)
    table.load(connection, parsed)

    assert [row[0] for row in connection.execute("SELECT c0 FROM cells").fetchall()] == hostile


def test_the_longest_cells_and_lines_allowed_come_through(tmp_path: Path) -> None:
    long, marks = "x" * 999_999, '"' * 900_000
    data = f'a;b;c\n1;{long};z\n2;"{marks * 2}";{long}\n3;y;z\n'
    parsed = parse(tmp_path, data.encode(), delimiter=";")
    connection = table.connect(tmp_path / "work", memory_limit_mb=100, threads=1)
    table.load(connection, parsed)

    lengths = connection.execute("SELECT length(c1), length(c2) FROM cells ORDER BY row").fetchall()
    assert lengths == [(999_999, 1), (900_000, 999_999), (1, 1)]


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"a;b;c\n")
    connection = table.connect(tmp_path / "work", memory_limit_mb=100, threads=1)
    table.load(connection, parsed)

    assert connection.execute("SELECT count(*), count(c2) FROM cells").fetchone() == (0, 0)
