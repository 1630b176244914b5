"""`python -m tests.soak [--seeds 1 2 3] [--seconds 120] [--databases sqlite postgresql]`.

Each run has a database, a Redis without persistence and three workers of its own. Jobs keep coming while faults
happen; then everything is made whole, all jobs get time to end, and the rows are examined. One line of figures a run,
in the form of the table in docs/reliability.md; exit status 1 when a promise was broken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django

from tests.soak.servers import PostgresServer, binaries, postgres_server
from tests.support.processes import ROOT, RedisServer, Site, redis_server, wait_until

if TYPE_CHECKING:
    from tests.soak.chaos import Chaos

SETTINGS = "tests.soak.settings"
# Short ones, so that a run of minutes sees what takes hours elsewhere.
LEASE_SECONDS, TICK_SECONDS, STOP_SECONDS = 3.0, 0.3, 2.0
# All jobs have ended this long after the last fault, or the run has failed.
SETTLE_SECONDS = 180.0
GAP_SECONDS, BACKLOG = 0.05, 400
SHOWN_PROBLEMS = 20
COLUMNS = (
    "database", "seed", "jobs", "faults", "attempts lost", "handed back", "run more than once", "settled after",
    "problems",
)  # fmt: skip


def main() -> int:
    """0 when every run kept every promise."""
    options = _options()
    if options.here:
        return soak_here(options.databases[0], options.seeds[0], options.seconds)
    print(_row(COLUMNS) + "\n" + _row(["---"] * len(COLUMNS)), flush=True)
    outcomes = [
        _apart(database, seed, options.seconds) for database in options.databases for seed in options.seeds
    ]
    return max(outcomes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make soak", description="Kill everything, then prove that nothing is lost."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument(
        "--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"]
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _apart(database: str, seed: int, seconds: float) -> int:
    """The exit status of one run, in a process of its own: Django is set up once in each."""
    command = [sys.executable, "-m", "tests.soak", "--here", "--seeds", str(seed)]
    command += ["--seconds", str(seconds), "--databases", database]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def soak_here(database: str, seed: int, seconds: float) -> int:
    """0 when this run kept every promise; prints its line, and what was wrong."""
    if database == "postgresql" and binaries() is None:
        print("PostgreSQL's own programs are not installed: not run", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        # PostgreSQL's server runs as another user, who has to get to its folder.
        folder.chmod(0o755)
        with (
            redis_server(folder / "redis", persistent=False) as redis,
            _database(database, folder) as (
                url,
                server,
            ),
        ):
            os.environ.update(
                DJANGO_SETTINGS_MODULE=SETTINGS, DATABASE_URL=url, REDIS_URL=redis.url, LOG_LEVEL="CRITICAL"
            )
            django.setup()
            site = Site(
                redis.url,
                url,
                folder,
                lease_seconds=LEASE_SECONDS,
                tick_seconds=TICK_SECONDS,
                stop_seconds=STOP_SECONDS,
                settings_module=SETTINGS,
            )
            try:
                return _soak(site, redis, server, (database, seed, seconds))
            finally:
                site.close()


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, PostgresServer | None]]:
    """The address of an empty database, and its server if it has one."""
    programs = binaries()
    if kind == "sqlite" or programs is None:
        yield f"sqlite:///{folder / 'db.sqlite3'}", None
        return
    with postgres_server(folder / "postgresql", programs) as server:
        yield server.url, server


def _soak(site: Site, redis: RedisServer, server: PostgresServer | None, run: tuple[str, int, float]) -> int:
    """Feed, disturb, wait, examine."""
    from django.core.management import call_command

    from tests.soak import proof
    from tests.soak.chaos import Chaos
    from tests.soak.feeding import Feeder

    database, seed, seconds = run
    call_command("migrate", run_syncdb=True, verbosity=0)
    feeder, chaos, stop = (
        Feeder(seed, GAP_SECONDS, BACKLOG),
        Chaos(site, redis, server, seed),
        threading.Event(),
    )
    chaos.keep_workers()
    feeding = threading.Thread(target=feeder.run, args=(stop,))
    feeding.start()
    try:
        chaos.run(seconds, stop)
    finally:
        stop.set()
        feeding.join()
    settled_after = _settled(chaos)
    verdict = proof.examine(feeder.accepted)
    figures = (
        database, seed, len(feeder.accepted), sum(chaos.faults.values()), verdict.attempts["lost"],
        verdict.attempts["handed_back"], verdict.repeated, f"{settled_after:.0f} s", len(verdict.problems),
    )  # fmt: skip
    print(_row(figures), flush=True)
    for problem in verdict.problems[:SHOWN_PROBLEMS]:
        print(f"  {problem}", file=sys.stderr)
    if verdict.problems:
        print(f"  {dict(verdict.statuses)} {dict(chaos.faults)}", file=sys.stderr)
        site.show_logs()
    return 1 if verdict.problems else 0


def _settled(chaos: "Chaos") -> float:
    """Seconds until every job had ended, or all that there are."""
    from django.db import DatabaseError, InterfaceError, connection

    from tests.soak import proof

    # The one that was open did not outlive the faults.
    connection.close()

    def is_quiet() -> bool:
        chaos.keep_workers()
        try:
            return proof.unfinished() == 0
        except (DatabaseError, InterfaceError):
            connection.close()
            return False

    began = time.monotonic()
    try:
        wait_until(is_quiet, seconds=SETTLE_SECONDS)
    except AssertionError:
        print(f"  {proof.unfinished()} jobs have not ended", file=sys.stderr)
    return time.monotonic() - began


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
