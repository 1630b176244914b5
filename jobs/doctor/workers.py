"""Somebody works: on every queue, with one version, under one leader."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError

from jobs import census
from jobs.doctor import Examination, Finding, check, error, ok, warning
from jobs.models import WorkerProcess
from jobs.moments import database_now

# A kill is news for this long; its row is kept for days.
SILENCE_NEWS = timedelta(hours=1)


@check("workers")
def look_at_workers(examination: Examination) -> Iterator[Finding]:
    """Workers live, serve every queue, are of one version, and have a leader."""
    try:
        now = census.take()
    except DatabaseError:
        return
    if not now.workers:
        yield error(
            "No worker gave a sign of life lately.",
            "No job starts; they wait in the database.",
            "Start one: manage.py rqworker",
        )
    else:
        hosts = {worker.host for worker in now.workers}
        yield ok(f"Living workers: {len(now.workers)}, on {len(hosts)} machine(s)")
        yield from _of_one_version([worker.version for worker in now.workers])
        yield from _served(now)
        yield _led(now)
    yield from _silent()


def _served(now: census.Census) -> Iterator[Finding]:
    if now.unserved:
        yield error(
            f"No worker serves: {', '.join(now.unserved)}",
            "Jobs of these queues wait until one does.",
            f"Start one: manage.py rqworker {' '.join(now.unserved)}",
        )
    else:
        yield ok("Every queue is served")


def _led(now: census.Census) -> Finding:
    if now.leader:
        return ok(f"{now.leader.holder} leads")
    return error(
        "No dispatcher leads.",
        "What is delayed, scheduled, held or lost is sent by nobody.",
        "Look for “dispatcher” in the log of the workers, and restart them if this lasts for more than 10 s.",
    )


def _of_one_version(versions: list[str]) -> Iterator[Finding]:
    different = sorted(set(versions))
    if len(different) > 1:
        yield warning(
            f"Workers of different versions run: {', '.join(name or 'unknown' for name in different)}",
            "During an upgrade that is all right; afterwards the old ones do not know new tasks.",
            "Restart the old ones.",
        )


def _silent() -> Iterator[Finding]:
    """Workers that fell silent lately without ending in order; what is older somebody has seen to."""
    living = census.living_workers().values("pk")
    lately = database_now() - SILENCE_NEWS
    silent = WorkerProcess.objects.filter(ended_at=None, seen_at__gte=lately).exclude(pk__in=living)
    names = sorted(silent.values_list("name", flat=True)[:5])
    if names:
        yield warning(
            f"Fell silent without ending in order: {', '.join(names)}",
            "They were killed, or their machine is gone or cut off; what they ran was given to others.",
            "If this was no kill on purpose, look for “oom” in the log of their machine.",
        )
