"""A whole run on PostgreSQL, from the stored upload to completed, against a bare COPY of the same records there.

`DATABASE_URL=postgres://… python -m benchmarks.run [ROWS]`: makes a database of its own and drops it again.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

ROWS = 1_000_000
SEED = 7
SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


def main() -> None:
    """Print the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with _database() as url, tempfile.TemporaryDirectory(prefix="bench-run-") as folder:
        os.environ |= {"DATABASE_URL": url, "MEDIA_ROOT": folder, "DJANGO_SETTINGS_MODULE": "config.settings"}
        import django

        django.setup()
        run_seconds, records, findings = _whole_run(Path(folder), rows)
        copy_seconds = _bare_copy(url, Path(folder) / "records.csv")
    print(f"whole run: {run_seconds:.2f} s for {records:,} records and {findings:,} findings")
    print(f"bare COPY of the same records into the same table: {copy_seconds:.2f} s")
    print(f"ratio run / COPY: {run_seconds / copy_seconds:.2f} (under 2.5)")


def _whole_run(folder: Path, rows: int) -> tuple[float, int, int]:
    from django.conf import settings
    from django.core.files import File
    from django.core.files.uploadedfile import UploadedFile
    from django.core.management import call_command

    from jobs import holding, runner
    from jobs.pauses import Pauses
    from organizations.models import Organization, User
    from validations import services
    from validations.engine.sample import write_sample
    from validations.models import ValidationRun
    from validations.querysets import profiles_for

    call_command("migrate", verbosity=0)
    organization = Organization.objects.create(name="Bench", slug="bench")
    user = User.objects.create_user("bench@example.com")
    source = folder / "source.csv"
    write_sample(source, rows, 0.01, SEED, today=date.today(), layout="compact")  # noqa: DTZ011 -- this machine's day
    with source.open("rb") as stream:
        upload = UploadedFile(File(stream), name="source.csv", size=source.stat().st_size)
        profile = profiles_for(organization).get(name=settings.DEFAULT_PROFILE)
        run, _ = services.create_run(organization=organization, user=user, upload=upload, profile=profile)
    # No Redis is needed to measure the run itself: the job is released as the dispatcher would.
    holding.release_held(Pauses.now())
    began = time.perf_counter()
    assert run.job_id
    runner.run(run.job_id)
    seconds = time.perf_counter() - began
    run = ValidationRun.unscoped.get(pk=run.pk)
    assert run.status == "completed", (run.status, run.error_code)
    return seconds, run.summary["rows"], run.error_count + run.warning_count + run.info_count


def _bare_copy(url: str, path: Path) -> float:
    """The seconds in which PostgreSQL takes the records back, with the same indexes and constraints."""
    table = sql.Identifier("validations_billingrecord")
    with psycopg.connect(url, autocommit=True) as connection:
        with (
            path.open("wb") as target,
            connection.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT csv)").format(table)) as copy,
        ):
            for block in copy:
                target.write(block)
        connection.execute(sql.SQL("TRUNCATE {}").format(table))
        began = time.perf_counter()
        with (
            path.open("rb") as source,
            connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as copy,
        ):
            while block := source.read(1 << 20):
                copy.write(block)
        return time.perf_counter() - began


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
    main()
