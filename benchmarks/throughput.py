"""How many durable jobs a second: each leaves a finished row in PostgreSQL; beside Celery and Procrastinate.

`python -m benchmarks.throughput [COUNT]`: COUNT empty jobs (10,000) of ours, a fifth of that for Celery and half of it
for Procrastinate, which are slower; two processes each, in turns, three times, on one PostgreSQL and one Redis. Every
queue is filled before its workers start, and rated from the first to the last end of a job by its own rows. The peers
live in an environment of their own, `.venv-peers`, made at the first run from requirements/peers.txt.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import django

from benchmarks.jobs import postgresql_database
from tests.support.processes import ROOT, WORKER_SETTINGS, Site, redis_server, wait_until

COUNT = 10_000
ROUNDS = 3
PROCESSES = 2
# Of one call that enqueues.
BATCH_SIZE = 1000
PEERS = {"celery": 5, "procrastinate": 2}
ENVIRONMENT = ROOT / ".venv-peers"
INSTALL = ("-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r")


def main() -> None:
    """Print each queue's rates, and ours as a multiple of the better peer's."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    python = peers_python()
    rates: dict[str, list[float]] = {}
    for _round in range(ROUNDS):
        for name, divisor in PEERS.items():
            rates.setdefault(name, []).append(_apart(_peer(python, name, count // divisor)))
        rates.setdefault("bordereau", []).append(_apart(_ours(count)))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        print(f"  {name}: {medians[name]:.0f} jobs/s ({', '.join(f'{value:.0f}' for value in values)})")
    best = max(PEERS, key=lambda name: medians[name])
    print(f"  ours over {best}: {medians['bordereau'] / medians[best]:.2f} times")


def peers_python() -> Path:
    """The interpreter of the peers' environment, which is made when it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, *INSTALL, ROOT / "requirements" / "peers.txt"], check=True)
    return python


# Gives the command and its further variables, once it is told where PostgreSQL and Redis are.
Start = Callable[[str, str], tuple[list[str], dict[str, str]]]


def _apart(start: Start) -> float:
    """The rate that a process of its own prints, on a new database and a new Redis."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-throughput-") as folder,
        redis_server(Path(folder)) as redis,
        postgresql_database() as database,
    ):
        if not database:
            sys.exit("PostgreSQL does not answer: not measured")
        command, variables = start(database, redis.url)
        answer = subprocess.run(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT
        )
    return float(json.loads(answer.stdout.splitlines()[-1])["jobs_per_second"])


def _peer(python: Path, name: str, count: int) -> Start:
    def start(database: str, redis: str) -> tuple[list[str], dict[str, str]]:
        variables = {
            "PEERS_DATABASE_URL": database,
            "PEERS_REDIS_URL": redis,
            "DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings",
        }
        return [str(python), "-m", "benchmarks.peers", name, str(count)], variables

    return start


def _ours(count: int) -> Start:
    def start(database: str, redis: str) -> tuple[list[str], dict[str, str]]:
        variables = {
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "DJANGO_SETTINGS_MODULE": WORKER_SETTINGS,
            "LOG_LEVEL": "ERROR",
        }
        return [sys.executable, "-m", "benchmarks.throughput", "--here", str(count)], variables

    return start


def measure_here(count: int) -> None:
    """Print the rate of this project's workers, as one line of JSON."""
    django.setup()
    # Models and tasks can be imported only now.
    from django.core.management import call_command
    from django.db.models import Max, Min

    from jobs.models import Job, JobStatus
    from jobs.tasks import enqueue_many
    from tests.support.probe import tasks

    call_command("migrate", verbosity=0)
    for start in range(0, count, BATCH_SIZE):
        enqueue_many(tasks.empty.plan() for _number in range(start, min(count, start + BATCH_SIZE)))
    done = Job.objects.filter(task=tasks.empty.name, status=JobStatus.SUCCEEDED)
    with tempfile.TemporaryDirectory(prefix="bench-throughput-") as folder:
        site = Site(
            os.environ["REDIS_URL"],
            os.environ["DATABASE_URL"],
            Path(folder),
            lease_seconds=20,
            tick_seconds=1,
        )
        try:
            for _number in range(PROCESSES):
                site.worker("critical")
            wait_until(lambda: done.count() >= count, seconds=300)
        finally:
            site.close()
    ends = done.aggregate(first=Min("finished_at"), last=Max("finished_at"))
    rate = (count - 1) / (ends["last"] - ends["first"]).total_seconds()
    print(json.dumps({"jobs_per_second": round(rate, 1)}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--here"]:
        measure_here(int(sys.argv[2]))
    else:
        main()
