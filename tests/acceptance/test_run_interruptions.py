"""A run while Redis restarts under it, its database connections are cut, or another writer holds the database."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connection

from tests.support.processes import RedisServer, Site, wait_until
from tests.support.runs import (
    Program,
    assert_one_result_set,
    outcomes,
    sample,
    wait_for_end,
    wait_for_phase,
    web_process,
)
from validations.models import RunStatus, ValidationRun

pytestmark = pytest.mark.acceptance

# Long enough to be met in its middle, short enough for a loaded machine.
ROWS = 40_000
WORKING = {"records", "rules", "results"}


@pytest.fixture(autouse=True)
def long_lease(site: Site) -> None:
    """A lease that outlives every pause made here: what is to be seen is that nothing is taken over."""
    site.lease_seconds = 30


@contextmanager
def another_writer(site: Site) -> Iterator[None]:
    """Somebody who has the SQLite database to write in until the block ends."""
    other = sqlite3.connect(site.database_url.removeprefix("sqlite:///"), isolation_level=None, timeout=60)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def cut_connections(site: Site) -> int:
    """How many other connections to the site's PostgreSQL database were ended."""
    with psycopg.connect(site.database_url, autocommit=True) as admin:
        cut = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            [_own_backend()],
        )
        return len(cut.fetchall())


def _own_backend() -> int:
    """The connection with which this test looks on."""
    connection.ensure_connection()
    return int(connection.connection.info.backend_pid)


def is_sqlite(site: Site) -> bool:
    return site.database_url.startswith("sqlite")


def test_x08_a_run_goes_on_while_redis_restarts_with_its_data(
    site: Site, redis: RedisServer, program: Program, tmp_path: Path
) -> None:
    content, truth = sample(tmp_path, ROWS)
    run, waiting = program.send(content), program.send(content[:2000])
    site.worker("validations")
    wait_for_phase(run, WORKING)
    redis.stop()
    redis.start()
    wait_for_end(run)
    wait_for_end(waiting)
    assert (run.status, waiting.status) == (RunStatus.COMPLETED, RunStatus.COMPLETED)
    assert outcomes(run) == outcomes(waiting) == ["succeeded"]
    assert_one_result_set(run, truth)


def test_x08_a_run_ends_while_redis_is_away_and_is_not_run_again_when_it_is_back(
    site: Site, redis: RedisServer, program: Program, tmp_path: Path
) -> None:
    content, truth = sample(tmp_path, ROWS)
    run = program.send(content)
    site.worker("validations")
    wait_for_phase(run, WORKING)
    redis.stop()
    wait_for_end(run)
    redis.start()
    following = wait_for_end(program.send(content[:2000]))
    assert (run.status, following.status) == (RunStatus.COMPLETED, RunStatus.COMPLETED)
    assert outcomes(run) == ["succeeded"]
    assert_one_result_set(run, truth)


def test_x13_connections_that_are_cut_mid_run_leave_one_result_set(
    site: Site, program: Program, tmp_path: Path
) -> None:
    if is_sqlite(site):
        pytest.skip("a SQLite database has no connections to cut")
    content, truth = sample(tmp_path, ROWS)
    run = program.send(content)
    site.worker("validations", "maintenance")
    wait_for_phase(run, WORKING)
    assert cut_connections(site) > 0
    wait_for_end(run)
    assert (run.status, run.error_code) == (RunStatus.COMPLETED, "")
    assert outcomes(run)[-1] == "succeeded"
    assert_one_result_set(run, truth)


def test_x13_connections_that_are_cut_while_a_worker_idles_cost_no_run(site: Site, program: Program) -> None:
    if is_sqlite(site):
        pytest.skip("a SQLite database has no connections to cut")
    first = b"a;b\r\n1;2\r\n"
    site.worker("validations")
    wait_for_end(program.send(first))
    wait_until(lambda: cut_connections(site), what="a connection to cut")
    run = wait_for_end(program.send(first))
    assert (run.status, outcomes(run)) == (RunStatus.COMPLETED, ["succeeded"])


def test_x13_a_run_waits_for_another_writer_of_sqlite_and_ends(
    site: Site, program: Program, tmp_path: Path
) -> None:
    if not is_sqlite(site):
        pytest.skip("PostgreSQL has many writers")
    content, truth = sample(tmp_path, ROWS)
    run = program.send(content)
    site.worker("validations")
    wait_for_phase(run, WORKING)
    with another_writer(site), pytest.raises(AssertionError, match="in vain"):
        wait_for_end(run, seconds=5)
    wait_for_end(run)
    assert (run.status, outcomes(run)) == (RunStatus.COMPLETED, ["succeeded"])
    assert_one_result_set(run, truth)


def test_x13_uploads_wait_for_another_writer_of_sqlite_and_are_accepted(site: Site, program: Program) -> None:
    if not is_sqlite(site):
        pytest.skip("PostgreSQL has many writers")
    with web_process(site) as web, ThreadPoolExecutor(4) as pool:

        def send(number: int) -> int:
            files = {"file": (f"{number}.csv", b"a;b\r\n1;2\r\n")}
            address = f"{web.url}/api/validations"
            return httpx.post(address, headers=program.headers, files=files, timeout=60).status_code

        with another_writer(site):
            answers: list[Future[int]] = [pool.submit(send, number) for number in range(4)]
            with pytest.raises(NotYetError):
                answers[0].result(timeout=4)
        assert [answer.result() for answer in answers] == [202] * 4
    site.burst()
    assert {run.status for run in ValidationRun.unscoped.all()} == {RunStatus.COMPLETED}
    assert ValidationRun.unscoped.count() == 4
