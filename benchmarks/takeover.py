"""How long a job waits after its machine died: worker and work-horse killed at once, default settings.

`python -m benchmarks.takeover [ROUNDS]`: in each of ROUNDS rounds (5) four workers that run a job each are killed with
all their processes, at moments spread over the renewal of a lease, while four others stand by. PostgreSQL and a Redis
server. The time is that from the kill to the second start, which the task itself notes.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django

from benchmarks.jobs import postgresql_database
from tests.support.processes import WORKER_SETTINGS, Site, WorkerProcess, redis_server, wait_until

ROUNDS = 5
AT_ONCE = 4
# Kills are spread over this long, so that some come just before a lease is renewed and some just after.
SPREAD_SECONDS = 6.0


def main() -> None:
    """Print the longest, the median and all of the times, measured in a process with settings of its own."""
    rounds = sys.argv[1] if len(sys.argv) > 1 else str(ROUNDS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-takeover-") as folder,
        redis_server(Path(folder)) as redis,
        postgresql_database() as database,
    ):
        if not database:
            sys.exit("PostgreSQL does not answer: not measured")
        variables = {
            "DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "DJANGO_SETTINGS_MODULE": WORKER_SETTINGS,
            "LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "benchmarks.takeover", "--here", rounds]
        subprocess.run(command, env={**os.environ, **variables}, check=True)


def measure_here(rounds: int) -> None:
    """Print the figures of this process's database and Redis."""
    django.setup()
    # Models and tasks can be imported only now.
    from django.conf import settings
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    seconds: list[float] = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-takeover-") as folder:
            site = Site(
                os.environ["REDIS_URL"],
                os.environ["DATABASE_URL"],
                Path(folder),
                lease_seconds=settings.JOBS_LEASE_SECONDS,
                tick_seconds=settings.JOBS_TICK_SECONDS,
                stop_seconds=settings.JOBS_STOP_SECONDS,
            )
            try:
                seconds += _round(site, random.Random(number))  # noqa: S311 -- to be repeatable
            finally:
                site.close()
    ordered = sorted(seconds)
    shown = ", ".join(f"{value:.1f}" for value in ordered)
    print(
        f"  {len(ordered)} take-overs: median {ordered[len(ordered) // 2]:.1f} s, longest {ordered[-1]:.1f} s"
    )
    print(f"  all of them: {shown} s")


def _round(site: Site, chance: random.Random) -> list[float]:
    """The seconds that each of the killed workers' jobs waited."""
    from tests.support.probe import tasks

    notes = [site.folder / f"job-{number}" for number in range(AT_ONCE)]
    victims: list[WorkerProcess] = []
    for path in notes:
        # One after the other, so that each worker has one job.
        victims.append(site.worker("integrations"))
        tasks.outlast.enqueue(path=str(path), seconds=90)
        wait_until(path.exists, what="a start")
    for _number in range(AT_ONCE):
        site.worker("integrations")
    time.sleep(10)
    killed_at: list[float] = []
    for victim in victims:
        time.sleep(chance.uniform(0, SPREAD_SECONDS / AT_ONCE * 2))
        victim.kill_all()
        killed_at.append(time.time())
    for path in notes:
        wait_until(lambda: len(path.read_text().splitlines()) > 1, seconds=120, what="a second start")  # noqa: B023
    return [_second_start(path) - moment for path, moment in zip(notes, killed_at, strict=True)]


def _second_start(path: Path) -> float:
    return float(path.read_text().splitlines()[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        measure_here(int(sys.argv[2]))
    else:
        main()
