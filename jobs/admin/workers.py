"""Workers: which live, what each runs now, and what each did lately."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from jobs import analyses, census
from jobs.admin import overview
from jobs.admin.base import bytes_text, seconds_text
from jobs.admin.charts import count_text, ms_text
from jobs.admin.overview import View
from jobs.admin.pages import page, respond
from jobs.models import WorkerProcess

# Workers that ended or fell silent are shown this long.
GONE_SHOWN = timedelta(hours=1)


@page
def workers(request: HttpRequest) -> HttpResponse:
    """The workers that live, those that are gone since a short while, and the figures of the period."""
    view = View.of(request)
    now = census.take()
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in overview.running_now(now):
        runs[row["job"].worker].append(row)
    seen = WorkerProcess.objects.filter(seen_at__gte=now.at - GONE_SHOWN)
    alive = {worker.name for worker in now.workers}
    shown = sorted(
        seen.filter(Q(name__in=alive) | Q(seen_at__lt=now.at)),
        key=lambda row: (row.name not in alive, row.host, row.name),
    )
    versions = {worker.version for worker in now.workers}
    return respond(
        request,
        "workers.html",
        _("Workers"),
        "operations_workers",
        view=view,
        leader=now.leader,
        versions=sorted(versions) if len(versions) > 1 else [],
        unserved=now.unserved,
        workers=[_row(worker, now, runs[worker.name], is_alive=worker.name in alive) for worker in shown],
        figures=[
            {
                "row": row,
                "succeeded": count_text(row.succeeded),
                "failed": count_text(row.failed),
                "lost": count_text(row.lost),
                "mean": ms_text(row.mean_run_ms),
            }
            for row in analyses.by_worker(view.period)
        ],
        is_cut=view.period.length > analyses.LONGEST_BY_WORKER,
    )


def _row(
    worker: WorkerProcess, now: census.Census, running: list[dict[str, Any]], *, is_alive: bool
) -> dict[str, Any]:
    kind, state = _state(worker, running, is_alive=is_alive)
    return {
        "worker": worker,
        "kind": kind,
        "state": state,
        "running": running,
        "is_alive": is_alive,
        "up": seconds_text((now.at - worker.started_at).total_seconds()),
        "seen": seconds_text(max(0.0, (now.at - worker.seen_at).total_seconds())),
        "memory": bytes_text(worker.memory_bytes),
        "jobs_done": count_text(worker.jobs_done),
    }


def _state(worker: WorkerProcess, running: list[dict[str, Any]], *, is_alive: bool) -> tuple[str, str]:
    if worker.ended_at is not None:
        return "muted", _("ended")
    if not is_alive:
        return "error", _("silent")
    if worker.stopping_at is not None:
        return "warn", _("stopping")
    return ("info", _("busy")) if running else ("ok", _("idle"))


def urls() -> list[URLPattern]:
    """The address of this page."""
    return [path("workers/", workers, name="operations_workers")]
