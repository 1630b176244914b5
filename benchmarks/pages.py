"""How long the staff's pages take with a million jobs: the list, searches, the operations pages.

`DATABASE_URL=postgres://… python -m benchmarks.pages [JOBS]`: fills a database of its own (a few minutes) and drops it
again. With READ=postgres://… in the environment it only reads that database, which `benchmarks.filling` filled before.
Each page is asked ROUNDS times through the whole of Django, middleware and templates, in turns with the others; the
first round warms the caches and does not count. SQL is what the statements of a page took together.
"""

import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.databases import percentile, read_or_new_database

JOBS = 1_000_000
ROUNDS = int(os.environ.get("ROUNDS", "30"))
MOST_MS, MOST_SQL_MS = 300, 100


@dataclass(slots=True)
class Times:
    """What one page took, in milliseconds, in each round."""

    whole: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    statements: int = 0


def main() -> None:
    """Print a line for each page, and whether it keeps to the limits."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    with read_or_new_database() as url:
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "ERROR"}
        import django

        django.setup()
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        from benchmarks import filling
        from jobs.models import Job

        setup_test_environment()
        call_command("migrate", verbosity=0)
        if not Job.objects.exists():
            filling.fill(jobs)
        filling.touch()
        _report(_measured(_pages()))


def _pages() -> dict[str, str]:
    """Name and address of each page."""
    from django.urls import reverse

    from jobs.models import Job, JobStatus

    job = Job.objects.filter(status=JobStatus.FAILED).order_by("created_at")[1000]
    jobs, operations = reverse("admin:jobs_job_changelist"), reverse("admin:operations")
    return {
        "job list": jobs,
        "jobs that failed": f"{jobs}?status=failed",
        "jobs that succeeded, one queue": f"{jobs}?status=succeeded&queue=webhooks",
        "search by id": f"{jobs}?q={job.pk}",
        "search by beginning of id": f"{jobs}?q={str(job.pk)[:8]}",
        "search by task": f"{jobs}?q={job.task}",
        "jobs of one organization": f"{jobs}?tenant_id={job.tenant_id}",
        "job page": reverse("admin:jobs_job_change", args=[job.pk]),
        "operations, 1 hour": operations,
        "operations, 24 hours": f"{operations}?range=24h",
        "operations, 7 days": f"{operations}?range=7d",
        "operations, 30 days": f"{operations}?range=30d",
        "operations, as a stream reads it": reverse("admin:operations_state"),
        "tasks, 24 hours": f"{reverse('admin:operations_tasks')}?range=24h",
        "errors, 7 days": f"{reverse('admin:operations_errors')}?range=7d",
        "one error group, 7 days": f"{reverse('admin:operations_error', args=[job.error_group])}?range=7d",
        "slow jobs, 24 hours": f"{reverse('admin:operations_slow')}?range=24h",
        "workers, 24 hours": f"{reverse('admin:operations_workers')}?range=24h",
    }


def _measured(pages: dict[str, str]) -> dict[str, Times]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from config.startup import load_site
    from organizations.models import User

    person, _is_new = User.objects.get_or_create(
        email="pages@bench.example", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(person, backend="organizations.backends.EmailBackend")
    load_site()
    times: dict[str, Times] = defaultdict(Times)
    for number in range(ROUNDS + 1):
        for name, address in pages.items():
            with CaptureQueriesContext(connection) as queries:
                began = time.perf_counter()
                response = client.get(address, follow=True)
                seconds = time.perf_counter() - began
            assert response.status_code == 200, (name, response.status_code)
            if number:
                times[name].whole.append(seconds * 1000)
                times[name].database.append(sum(float(query["time"]) for query in queries) * 1000)
                times[name].statements = len(queries)
    return times


def _report(times: dict[str, Times]) -> None:
    print(f"{'page':34} {'least':>8} {'p50':>8} {'p95':>8} {'SQL p50':>8} {'SQL p95':>8} {'statements':>10}")
    for name, one in times.items():
        whole, database = percentile(one.whole, 0.95), percentile(one.database, 0.95)
        verdict = "" if whole < MOST_MS and database < MOST_SQL_MS else "  TOO SLOW"
        times_ms = (
            min(one.whole),
            percentile(one.whole, 0.5),
            whole,
            percentile(one.database, 0.5),
            database,
        )
        print(
            f"{name:34} " + " ".join(f"{value:8.0f}" for value in times_ms) + f" {one.statements:10}{verdict}"
        )
    print(f"milliseconds; wanted: p95 under {MOST_MS}, of it SQL under {MOST_SQL_MS}")


if __name__ == "__main__":
    main()
