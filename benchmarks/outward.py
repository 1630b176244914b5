"""What machines and operators' programs ask, with a month's jobs: `DATABASE_URL=… python -m benchmarks.outward`.

The database is one that `benchmarks.filling` filled. Each address is asked by Django's own client, so that no server's
or network's time is in the figures.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator

ROUNDS = 20
_ANALYSES = ("totals", "tasks", "queues", "course", "workers", "failures", "errors", "slow")


def run() -> None:
    """Print the median and the longest time of each."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings
    from django.test import Client

    from jobs import alerts, totals
    from organizations import keys
    from organizations.models import User

    settings.ALLOWED_HOSTS = ["testserver"]
    while totals.fold():
        pass
    person, _is_new = User.objects.get_or_create(
        email="benchmark@example.com", defaults={"is_staff": True, "is_superuser": True}
    )
    issued = keys.issue(organization=None, user=person, name="benchmark")
    client = Client(headers={"Authorization": f"Bearer {issued.secret}"})
    try:
        for path in _paths():
            show(path, lambda path=path: client.get(path))  # type: ignore[misc]  # bound at once
    finally:
        issued.row.delete()
    show("jobs.alerts.evaluate", alerts.evaluate)


def _paths() -> Iterator[str]:
    from jobs.models import Job, JobStatus

    yield from ("/healthz", "/readyz", "/metrics", "/api/health/queues")
    yield from ("/api/queue/stats", "/api/queue/health", "/api/queue/info")
    job = Job.objects.filter(status=JobStatus.FAILED).latest("created_at")
    yield f"/api/queue/{job.queue}/jobs/{job.pk}"
    for name in _ANALYSES:
        for hours in (24, 720):
            yield f"/api/queue/analyses/{name}?hours={hours}"


def show(name: str, ask: Callable[[], object]) -> None:
    """Time it, and print one line."""
    ask()
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        spent.append((time.perf_counter() - began) * 1000)
    print(f"{statistics.median(spent):6.0f} ms  longest {max(spent):6.0f} ms  {name}", flush=True)


if __name__ == "__main__":
    run()
