"""A whole run, from the stored upload to completed, against the bare writing of its records, and two runs at once.

`python -m benchmarks.run [ROWS]`: on PostgreSQL, where one answers at `DATABASE_URL`, against a bare COPY of the same
records into the same table; on SQLite, against a bare `executemany`. Makes databases of its own and drops them again.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import psycopg
from psycopg import sql

ROWS = 1_000_000
SEED = 7
SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
VENDORS = ("postgresql", "sqlite")
# As many as the application writes in one transaction there.
SQLITE_ROWS = 5_000
RECORDS = "validations_billingrecord"


def main() -> None:
    """Print the figures for each database, measured in a process of its own."""
    rows = sys.argv[1] if len(sys.argv) > 1 else str(ROWS)
    for vendor in VENDORS:
        subprocess.run([sys.executable, "-m", "benchmarks.run", "--on", vendor, rows], check=True)


def measure_on(vendor: str, rows: int) -> None:
    """Print the figures for one database."""
    with tempfile.TemporaryDirectory(prefix="bench-run-") as name:
        folder = Path(name)
        with _database() if vendor == "postgresql" else _file(folder / "db.sqlite3") as url:
            os.environ |= {
                "DATABASE_URL": url,
                "MEDIA_ROOT": name,
                "DJANGO_SETTINGS_MODULE": "config.settings",
            }
            jobs = _prepared(folder, rows, count=3)
            alone = _run_at_once(jobs[:1])
            floor = (
                _bare_copy(url, folder / "records.csv") if vendor == "postgresql" else _bare_insert(folder)
            )
            together = _run_at_once(jobs[1:])
    written = "bare COPY" if vendor == "postgresql" else "bare executemany"
    print(f"{vendor}, {rows:,} rows: whole run {alone}, {written} of its records {floor}")
    print(
        f"  ratio run / {written}: {alone.seconds / floor.seconds:.2f} (under 2), "
        f"of CPU time {alone.cpu_seconds / floor.cpu_seconds:.2f}"
    )
    print(f"  two runs at once: {together}, {together.seconds / alone.seconds:.2f} times one (under 1.3)")


def _prepared(folder: Path, rows: int, *, count: int) -> list[UUID]:
    """The jobs of so many uploads of one file, ready to run."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.files import File
    from django.core.files.uploadedfile import UploadedFile
    from django.core.management import call_command

    from jobs import holding
    from jobs.pauses import Pauses
    from organizations.models import Organization, User
    from validations import services
    from validations.engine.sample import write_sample
    from validations.querysets import profiles_for

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("bench@example.com")
    source = folder / "source.csv"
    write_sample(source, rows, 0.01, SEED, today=date.today(), layout="compact")  # noqa: DTZ011 -- this machine's day
    jobs = []
    for number in range(count):
        organization = Organization.objects.create(name=f"Bench {number}", slug=f"bench-{number}")
        profile = profiles_for(organization).get(name=settings.DEFAULT_PROFILE)
        with source.open("rb") as stream:
            upload = UploadedFile(File(stream), name="source.csv", size=source.stat().st_size)
            run, _ = services.create_run(organization=organization, user=user, upload=upload, profile=profile)
        assert run.job_id
        jobs.append(run.job_id)
    # No Redis is needed to measure the run itself: the job is released as the dispatcher would.
    holding.release_held(Pauses.now())
    return jobs


@dataclass(frozen=True, slots=True)
class Spent:
    """Time by the clock, and of CPU in this program and in the database's server together."""

    seconds: float
    cpu_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu_seconds:.2f} s CPU)"


def _run_at_once(jobs: Sequence[UUID]) -> Spent:
    """The time of the longest of these jobs, run at once, each in a process of its own, and the CPU time of all."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.run", "--here", str(job)], stdout=subprocess.PIPE, text=True
        )
        for job in jobs
    ]
    answers = [process.communicate()[0].split() for process in processes]
    assert not any(process.returncode for process in processes), answers
    return Spent(max(float(answer[-2]) for answer in answers), sum(float(answer[-1]) for answer in answers))


def run_here(job_id: UUID) -> None:
    """Run one job and print its seconds, by the clock and of CPU."""
    import django

    django.setup()
    from django.db import connection

    from jobs import runner
    from validations.models import ValidationRun

    began, cpu = time.perf_counter(), time.process_time()
    runner.run(job_id)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    run = ValidationRun.unscoped.get(job_id=job_id)
    assert run.status == "completed", (run.status, run.error_code)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            cpu += _server_seconds(cursor.fetchone()[0])
    print(f"{seconds:.3f} {cpu:.3f}")


def _server_seconds(pid: int) -> float:
    """The CPU time of PostgreSQL's process for one connection."""
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def _bare_insert(folder: Path) -> Spent:
    """The time in which SQLite takes the records into a new file with the same table and indexes."""
    seconds = cpu_seconds = 0.0
    with sqlite3.connect(folder / "db.sqlite3") as source, sqlite3.connect(folder / "bare.sqlite3") as target:
        target.execute("PRAGMA journal_mode = WAL")
        target.execute("PRAGMA synchronous = NORMAL")
        for (statement,) in source.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type DESC",
            [RECORDS],
        ):
            target.execute(statement)
        cursor = source.execute(f"SELECT * FROM {RECORDS}")
        places = ", ".join("?" * len(cursor.description))
        while batch := cursor.fetchmany(SQLITE_ROWS):
            began, cpu = time.perf_counter(), time.process_time()
            target.executemany(f"INSERT INTO {RECORDS} VALUES ({places})", batch)
            target.commit()
            seconds += time.perf_counter() - began
            cpu_seconds += time.process_time() - cpu
    return Spent(seconds, cpu_seconds)


def _bare_copy(url: str, path: Path) -> Spent:
    """The time in which PostgreSQL takes the records back, with the same indexes and constraints."""
    table = sql.Identifier(RECORDS)
    with psycopg.connect(url, autocommit=True) as connection:
        with (
            path.open("wb") as target,
            connection.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(table)) as copy,
        ):
            for block in copy:
                target.write(block)
        connection.execute(sql.SQL("TRUNCATE {}").format(table))
        server = _server_seconds(connection.info.backend_pid)
        began, cpu = time.perf_counter(), time.process_time()
        with (
            path.open("rb") as source,
            connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as copy,
        ):
            while block := source.read(1 << 20):
                copy.write(block)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        return Spent(seconds, cpu + _server_seconds(connection.info.backend_pid) - server)


@contextmanager
def _file(path: Path) -> Iterator[str]:
    yield f"sqlite:///{path}"


@contextmanager
def _database() -> Iterator[str]:
    name = f"bench_{uuid4().hex[:12]}"
    base, _, _maintenance = SERVER.rpartition("/")
    with psycopg.connect(SERVER, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{base}/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--on", vendor, count]:
            measure_on(vendor, int(count))
        case ["--here", job]:
            run_here(UUID(job))
        case _:
            main()
