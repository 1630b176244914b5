"""A PostgreSQL server of the soak's own, so that it can be crashed without harm to any other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.support.processes import free_port, wait_until

# The server refuses to run as root; Debian's package makes this user.
SERVER_USER = "postgres"


def binaries() -> Path | None:
    """The folder with PostgreSQL's own programs, the newest one; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    known = shutil.which("initdb")
    return found[-1].parent if found else Path(known).parent if known else None


@dataclass
class PostgresServer:
    """One server that survives its own crashes: what it confirmed is on disk."""

    folder: Path
    programs: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where it listens, or would."""
        return f"postgres://{SERVER_USER}@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Write an empty cluster."""
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVER_USER)
        self._run("initdb", "-D", str(self.folder), "-U", SERVER_USER, "-A", "trust", "--no-sync")

    def start(self) -> None:
        """Have it listen, recovered from its log if it crashed."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c max_connections=200"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder), "-l", log, "-w", "-t", "60", "-o", options, "start")
        wait_until(self.answers, what="PostgreSQL")

    def crash(self) -> None:
        """End it at once, as if its machine had lost power: nothing is flushed, everybody is cut off."""
        self._run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "stop")

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", SERVER_USER, "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


@contextmanager
def postgres_server(folder: Path, programs: Path) -> Iterator[PostgresServer]:
    """A running server that ends with the block."""
    server = PostgresServer(folder, programs)
    server.make()
    server.start()
    try:
        yield server
    finally:
        if server.answers():
            server.crash()
