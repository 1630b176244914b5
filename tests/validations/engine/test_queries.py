"""What a query of staff may say."""

import pytest

from validations.engine.queries import QueryError, check_query

GOOD = (
    "SELECT row, 'amount' AS field FROM typed WHERE amount_cents > 5 AND code IN (SELECT code FROM typed t2)",
    "WITH a AS (SELECT row, count(*) OVER (PARTITION BY code) AS n FROM typed) SELECT row, 'code' AS field FROM a",
    "SELECT a.row, 'code' AS field FROM typed a JOIN typed b ON a.patient = b.patient AND a.row < b.row",
    "SELECT max(row) AS row, 'code' AS field, sum(units) FILTER (units > 0) AS n FROM typed GROUP BY code HAVING n > 2",
    "SELECT row, 'code' AS field FROM typed WHERE units > 1 UNION ALL SELECT row, 'code' FROM typed",
    "SELECT row, 'code' AS field FROM typed QUALIFY row_number() OVER (PARTITION BY code ORDER BY row) > 1",
    "SELECT row, 'code' AS field FROM typed WHERE service_date + INTERVAL 3 DAY > DATE '2026-01-01'",
    "SELECT row, 'code' AS field FROM typed WHERE code LIKE '88%' AND CASE WHEN units > 1 THEN true ELSE false END",
)
BAD = {
    "files": "SELECT * FROM read_csv('/etc/passwd')",
    "files by name": "FROM '/etc/passwd'",
    "files in a subquery": "SELECT row, (SELECT content FROM read_text('/etc/passwd')) FROM typed",
    "folders": "SELECT * FROM glob('/etc/*')",
    "other databases": "ATTACH '/tmp/x.duckdb' AS x",
    "writing": "COPY typed TO '/tmp/x.csv'",
    "extensions": "INSTALL httpfs",
    "loading": "LOAD httpfs",
    "settings": "PRAGMA version",
    "settings read": "SELECT current_setting('memory_limit')",
    "settings written": "SET memory_limit = '4GB'",
    "environment": "SELECT getenv('HOME')",
    "version": "SELECT version()",
    "system tables": "SELECT * FROM information_schema.tables",
    "system tables of sqlite": "SELECT * FROM sqlite_master",
    "system functions": "FROM duckdb_settings()",
    "the catalogue": "SHOW TABLES",
    "the catalogue as a table": "SELECT * FROM (SHOW TABLES)",
    "summaries": "SUMMARIZE typed",
    "another table": "SELECT * FROM earlier",
    "another table of the run": "SELECT * FROM findings",
    "a schema": "SELECT * FROM main.typed",
    "a function of a schema": "SELECT main.abs(1)",
    "recursion": "WITH RECURSIVE a AS (SELECT 1 x UNION ALL SELECT x + 1 FROM a) SELECT * FROM a",
    "a name taken": "WITH typed AS (SELECT 1) SELECT * FROM typed",
    "endless rows": "SELECT * FROM typed, range(1000000000)",
    "long texts": "SELECT repeat('a', 1000000000)",
    "a query in a text": "SELECT * FROM query('SELECT 1')",
    "two statements": "SELECT 1; SELECT 2",
    "no statement": "",
    "changing": "DELETE FROM typed RETURNING *",
    "making": "CREATE TABLE a AS SELECT 1",
    "parameters": "SELECT $1",
    "bytes": "SELECT 'a'::BLOB",
    "nonsense": "SELEKT row",
    "length": "SELECT " + "1 + " * 2000 + "1",
    "depth": "SELECT " + "NOT " * 1100 + "true",
    "a NUL byte": "SELECT 1 \0",
}


@pytest.mark.parametrize("sql", GOOD)
def test_one_select_over_typed_is_let_in(sql: str) -> None:
    check_query(sql)


@pytest.mark.parametrize("sql", BAD.values(), ids=BAD.keys())
def test_whatever_reads_or_does_anything_else_is_refused_in_words(sql: str) -> None:
    with pytest.raises(QueryError) as refused:
        check_query(sql)
    assert refused.value.problem.en
    assert refused.value.problem.fr != refused.value.problem.en


def test_the_function_that_is_refused_is_named() -> None:
    with pytest.raises(QueryError, match="getenv"):
        check_query("SELECT row, getenv('HOME') AS field FROM typed")
