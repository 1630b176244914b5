"""The two commands that a newcomer types, as a newcomer types them: one process tree, nothing replaced."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker

from config.visitor import VisitError, Visitor
from tests.support.processes import ROOT, free_port, redis_server, wait_until

pytestmark = pytest.mark.acceptance

# A busy machine of two cores; the demo itself takes about ten.
DEMO_SECONDS = 240


class Command:
    """A `manage.py` command that runs, and what it has written so far."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.log = folder / f"{uuid.uuid4().hex}.log"
        embedded = {"DATABASE_URL": "", "REDIS_URL": "", "MEDIA_ROOT": "", "EMAIL_URL": ""}
        variables = {**os.environ, **embedded, "VAR_DIR": str(folder / "var"), **environment}
        variables.pop("SITE_URL", None)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), *arguments],
                env=variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )

    @property
    def text(self) -> str:
        """Everything it has written."""
        return self.log.read_text()

    @property
    def address(self) -> str:
        """The address that it told, once it has."""
        found = re.search(r"Bordereau: (http://\S+)", self.text)
        return found[1] if found else ""

    def children(self, part: str) -> list[psutil.Process]:
        """Its direct children that live and whose command line has that part."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
                found += [child] if part in " ".join(child.cmdline()) else []
        return found

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(timeout=DEMO_SECONDS)


@contextmanager
def _running(folder: Path, *arguments: str, **environment: str) -> Iterator[Command]:
    """The command, ended with everything that it started however the test goes."""
    command = Command(folder, *arguments, **environment)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.send_signal(signal.SIGTERM)
            command.wait()


def _answers(address: str) -> bool:
    try:
        Visitor(address).get("/sign-in/")
    except VisitError:
        return False
    return True


# X25 of the attack checklist.
BACK_SECONDS = 5.0


def _seconds_without(site: Command, part: str, answers: Callable[[Command, set[int]], bool]) -> float:
    """The time from the kill of a process of that kind until another one answers in its place."""

    def all_answer() -> set[int]:
        pids = {child.pid for child in site.children(part)}
        return pids if pids and answers(site, pids) else set()

    before = wait_until(all_answer, what=f"{part} that answers")
    victim = min(before)
    psutil.Process(victim).kill()
    killed_at = time.monotonic()

    def another_answers() -> bool:
        now = {child.pid for child in site.children(part)}
        return victim not in now and len(now) == len(before) and answers(site, now - before)

    wait_until(another_answers, what=f"another {part}")
    return time.monotonic() - killed_at


def _redis(site: Command) -> Redis:
    """A client of the embedded server, whose process title names its socket."""
    title = " ".join(site.children("redis-server")[0].cmdline())
    found = re.search(r"unixsocket:(\S+)", title)
    # Without retries of its own, whose pauses would be measured too.
    return Redis(unix_socket_path=found[1] if found else "", socket_timeout=1, retry=Retry(NoBackoff(), 0))


def _web_answers(site: Command, _pids: set[int]) -> bool:
    return _answers(site.address)


def _redis_answers(site: Command, _pids: set[int]) -> bool:
    with suppress(RedisError, OSError, IndexError), _redis(site) as client:
        return bool(client.ping())
    return False


def _workers_answer(site: Command, pids: set[int]) -> bool:
    """Whether all of these are at work: they have told Redis that they are."""
    with suppress(RedisError, OSError, IndexError), _redis(site) as client:
        return pids <= {worker.pid for worker in Worker.all(connection=client)}
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place with a space and an accent in its name, as people have them."""
    place = tmp_path / "mes données"
    place.mkdir()
    return place


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty database of the test's own, where PostgreSQL answers."""
    configured = os.environ.get("DATABASE_URL", "")
    known = configured if configured.startswith("postgres") else "postgres://postgres@127.0.0.1:5432/postgres"
    name = sql.Identifier(f"bordereau_demo_{uuid.uuid4().hex[:12]}")
    try:
        connection = psycopg.connect(known, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("PostgreSQL does not answer")
    with connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield f"{known.rpartition('/')[0]}/{name.as_string().strip(chr(34))}"
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_the_demo_finds_exactly_the_planted_errors_and_does_so_again(folder: Path) -> None:
    for _time in range(2):
        with _running(folder, "demo", "--exit", "--port", str(free_port())) as demo:
            assert demo.wait() == 0, demo.text
            assert "Every planted error was found, and nothing else." in demo.text
            assert re.search(r"^all +[1-9]\d* +[1-9]\d*$", demo.text, flags=re.MULTILINE)


@pytest.mark.postgres
def test_the_demo_runs_on_postgresql_and_a_redis_server_by_two_settings(
    folder: Path, postgres_url: str
) -> None:
    with redis_server(folder / "redis") as server:
        services = {"DATABASE_URL": postgres_url, "REDIS_URL": server.url}
        with _running(folder, "demo", "--exit", "--port", str(free_port()), **services) as demo:
            assert demo.wait() == 0, demo.text
    assert not (folder / "var" / "redis").exists()
    assert not list((folder / "var").glob("*.sqlite3"))


def test_x25_whatever_dies_is_back_within_five_seconds_and_nothing_outlives_the_end(folder: Path) -> None:
    with _running(folder, "run", "--port", str(free_port())) as site:
        wait_until(lambda: site.address and _answers(site.address), seconds=60, what="the site")
        gone = {
            "redis-server": _seconds_without(site, "redis-server", _redis_answers),
            "uvicorn": _seconds_without(site, "uvicorn", _web_answers),
            "rqworker": _seconds_without(site, "rqworker", _workers_answer),
        }
        assert max(gone.values()) < BACK_SECONDS, gone
        everybody = psutil.Process(site.process.pid).children(recursive=True)
        site.process.send_signal(signal.SIGTERM)
        assert site.wait() == 0, site.text
    assert [process for process in everybody if process.is_running()] == []
    # What the bindings of a library say when a process leaves them frozen.
    assert "leaked" not in site.text


def test_a_port_in_use_is_passed_over_and_the_right_one_is_told(folder: Path) -> None:
    port = free_port()
    with _running(folder, "run", "--port", str(port), "--workers", "1") as first:
        wait_until(lambda: first.address and _answers(first.address), seconds=60, what="the first site")
        with _running(folder / "..", "run", "--port", str(port), "--workers", "1") as second:
            wait_until(lambda: second.address and _answers(second.address), seconds=60, what="the second")
            assert first.address != second.address
