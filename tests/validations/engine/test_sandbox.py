"""What a query can do in the sandbox once it got past the reader of queries: nothing."""

from pathlib import Path

import pytest

from validations.engine import sandbox
from validations.engine.profile import load_profile
from validations.engine.sandbox import Limits, Request, SandboxError

FEW = Limits(cpu_seconds=3, memory_mb=64, max_hits=100)
ATTACKS = {
    "reading files": "SELECT 1::BIGINT AS row, content AS field FROM read_text('/etc/passwd')",
    "attaching": "ATTACH '{folder}/other.duckdb' AS other",
    "writing files": "COPY (SELECT 1) TO '{folder}/written.csv'",
    "installing": "INSTALL httpfs",
    "loading": "LOAD httpfs",
    "changing settings": "SET memory_limit = '4GB'",
    "the environment": "SELECT 1::BIGINT AS row, getenv('PATH') AS field",
    "another run's table": "SELECT row, code AS field FROM typed_rows",
    "earlier records": "SELECT line AS row, 'code' AS field FROM earlier",
    "writing its own table": "INSERT INTO typed (row) VALUES (1)",
    "memory by a long text": "SELECT 1::BIGINT AS row, repeat('a', 2000000000) AS field",
    "memory by doubling": "SELECT 1::BIGINT AS row, " + "replace(" * 9 + "'aaaaaaaaaa'" + ", 'a', 'aaaaaaaaaa')" * 9
    + " AS field",
    "memory by a list": "SELECT 1::BIGINT AS row, list(range)::VARCHAR AS field FROM range(1000000000)",
    "rows without end": "SELECT range AS row, 'x' AS field FROM range(100000000000)",
    "recursion without end": "WITH RECURSIVE a AS (SELECT 1::BIGINT AS row UNION ALL SELECT row FROM a) "
    "SELECT max(row) AS row, 'x' AS field FROM a",
    "two statements": "SELECT 1::BIGINT AS row, 'x' AS field; DROP TABLE typed",
}  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "own.duckdb"
    sandbox.make_empty_database(load_profile("quebec-medical"), path)
    return path


def run(sql: str, database: Path) -> str:
    target = database.with_name("hits.csv")
    sandbox.run(Request(sql, database, FEW), target, lambda: None)
    return target.read_text()


@pytest.mark.parametrize("sql", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_ends_the_query_and_nothing_else(sql: str, database: Path) -> None:
    before = database.read_bytes()
    with pytest.raises(SandboxError):
        run(sql.replace("{folder}", str(database.parent)), database)
    assert database.read_bytes() == before
    assert {path.name for path in database.parent.iterdir()} <= {"own.duckdb", "hits.csv", "hits.err"}


def test_nothing_of_this_process_can_be_seen(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKED_SECRET", "marked-secret-value")
    told = run("SELECT 1::BIGINT AS row, current_setting('home_directory') AS field", database)
    assert "marked" not in told
    assert str(Path.home()) not in told


def test_hits_are_numbers_texts_and_parameters(database: Path) -> None:
    sql = (
        "SELECT 7::BIGINT AS row, 'code' AS field, 'a,\"b' AS value, 12.5 AS price, DATE '2026-01-02' AS day"
    )
    assert run(sql, database) == '7,code,"=a,""b",,"{""price"": ""12.5"", ""day"": ""2026-01-02""}"\n'


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 1::BIGINT AS row", "missing:field"),
        ("SELECT 'x' AS field", "missing:row"),
        ("SELECT 'x' AS row, 'x' AS field", "type:row"),
        ("SELECT row, 'x' AS field, patient FROM typed", "type:patient"),
        ("SELECT row, row AS field FROM typed", "type:field"),
        ("SELECT row, row, 'x' AS field FROM typed", "twice:row"),
    ],
)
def test_a_query_must_select_what_a_finding_needs(database: Path, sql: str, reason: str) -> None:
    with pytest.raises(SandboxError) as refused:
        run(sql, database)
    assert refused.value.reason == reason


def test_a_query_that_takes_long_writes_nothing_but_its_hits(database: Path) -> None:
    sql = "SELECT max(hash(a.range, b.range) % 3)::BIGINT AS row, 'x' AS field FROM range(30000) a, range(10000) b"
    target = database.with_name("hits.csv")
    sandbox.run(Request(sql, database), target, lambda: None)
    assert target.read_text() == "2,x,,,{}\n"


def test_a_cancelled_check_ends_the_query(database: Path) -> None:
    class CancelledError(Exception):
        pass

    def tick() -> None:
        raise CancelledError

    sql = "SELECT count(*)::BIGINT AS row, 'x' AS field FROM range(100000) a, range(100000) b WHERE a.range <> b.range"
    with pytest.raises(CancelledError):
        sandbox.run(Request(sql, database), database.with_name("hits.csv"), tick)
