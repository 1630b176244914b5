"""The pages of the RQ dashboard that are read: what stands in Redis, beside the row that is the truth."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _

from jobs.admin import hints
from jobs.admin.rqframe import BULK_ACTIONS, gone, queue_of, respond, url
from jobs.admin.rqstates import STATE_LABELS, STATE_PAGES
from jobs.models import Job, JobStatus


def home(request: HttpRequest) -> HttpResponse:
    """All queues, the workers and the server."""
    return respond(
        request,
        "stats.html",
        _("Queues in Redis"),
        queues=[_queue_row(queue) for queue in hints.overview()],
        workers=[_worker_row(worker) for worker in hints.workers()],
        server=hints.server(),
        is_home=True,
    )


def _queue_row(queue: hints.QueueView) -> dict[str, Any]:
    cells = [
        (STATE_LABELS[state], queue.counts[state], url(STATE_PAGES[state], queue.name))
        for state in hints.STATES
    ]
    return {"queue": queue, "cells": cells, "url": url("queue_details", queue.name)}


def _worker_row(worker: hints.WorkerView) -> dict[str, Any]:
    queue = worker.queues[0] if worker.queues else hints.queue_names()[0]
    return {"worker": worker, "url": url("worker_details", queue, worker.name)}


def stats_json(request: HttpRequest) -> JsonResponse:
    """The counts of all queues, for programs that sign in as staff."""
    queues = [
        {"name": queue.name, "workers": queue.workers, "oldest_at": queue.oldest_at, **queue.counts}
        for queue in hints.overview()
    ]
    return JsonResponse({"queues": queues})


def state_page(state: str) -> Callable[..., HttpResponse]:
    """The view that lists the ids of one state of a queue."""

    def view(request: HttpRequest, queue: str) -> HttpResponse:
        name = queue_of(queue)
        number = _page_number(request)
        total, rows = hints.page(name, state, number)
        last = max(1, -(-total // hints.PER_PAGE))
        if number > last:
            return HttpResponseRedirect(f"{url(STATE_PAGES[state], name)}?page={last}")
        counts = hints.queues_view([name])[0].counts
        return respond(
            request,
            "jobs.html",
            _("Queue %(queue)s") % {"queue": name},
            subtitle=STATE_LABELS[state],
            queue=name,
            state=state,
            tabs=[(key, STATE_LABELS[key], counts[key], url(STATE_PAGES[key], name)) for key in hints.STATES],
            hints=[_hint_row(name, hint, state) for hint in rows],
            total=total,
            page=number,
            page_count=last,
            bulk_actions=BULK_ACTIONS,
            confirm_url=url("confirm_action", name),
        )

    return view


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _hint_row(queue: str, hint: hints.Hint, state: str) -> dict[str, Any]:
    address = url("job_detail", queue, hint.id) if hint.has_page else ""
    return {"hint": hint, "url": address, "differs": differs(hint, state)}


def differs(hint: hints.Hint, state: str) -> bool:
    """Whether Redis says something else than the row: the row is right, and the hint does no harm."""
    expected = {"queued": JobStatus.QUEUED, "started": JobStatus.RUNNING}.get(state)
    return expected is not None and (hint.job is None or hint.job.status != expected)


def queue_details(request: HttpRequest, queue: str) -> HttpResponse:
    """One queue: its policy, its counts and its workers."""
    name = queue_of(queue)
    at_work = [worker for worker in hints.workers() if name in worker.queues]
    return respond(
        request,
        "queue_detail.html",
        _("Queue %(queue)s") % {"queue": name},
        queue=name,
        row=_queue_row(hints.queues_view([name])[0]),
        policy=next((policy for policy in settings.JOBS_QUEUES if policy.name == name), None),
        workers=[_worker_row(worker) for worker in at_work],
        waiting=Job.objects.filter(queue=name, status=JobStatus.QUEUED).order_by()[:1001].count(),
    )


def workers(request: HttpRequest, queue: str) -> HttpResponse:
    """The workers that listen on a queue."""
    name = queue_of(queue)
    at_work = [_worker_row(worker) for worker in hints.workers() if name in worker.queues]
    return respond(
        request, "workers.html", _("Workers of %(queue)s") % {"queue": name}, queue=name, workers=at_work
    )


def worker_details(request: HttpRequest, queue: str, key: str) -> HttpResponse:
    """One worker, as it registered itself."""
    name = queue_of(queue)
    wanted = key.removeprefix("rq:worker:")
    worker = next((worker for worker in hints.workers() if worker.name == wanted), None)
    if worker is None:
        return gone(request, _("This worker is gone, or never was."))
    current = hints.with_rows([hints.Hint(worker.current_job)])[0].job if worker.current_job else None
    return respond(request, "worker_details.html", worker.name, queue=name, worker=worker, current=current)


def job_detail(request: HttpRequest, queue: str, job_id: str) -> HttpResponse:
    """One hint beside the row that it speaks of."""
    name = queue_of(queue)
    hint = hints.one(job_id)
    places = hints.places(name, job_id)
    if hint.problem == "missing" and hint.job is None and not places:
        return gone(request, _("Neither Redis nor the database knows this job."))
    return respond(
        request,
        "job_detail.html",
        job_id,
        queue=name,
        hint=hint,
        places=[(STATE_LABELS[state], url(STATE_PAGES[state], name)) for state in places],
        bulk_actions=BULK_ACTIONS,
        confirm_url=url("confirm_action", name),
    )


def result_detail(request: HttpRequest, queue: str, job_id: str, result_id: str) -> HttpResponse:
    """The way to the job: results and errors are kept in the database, with every attempt."""
    messages.info(request, _("Results and errors are kept with the job's attempts in the database."))
    return HttpResponseRedirect(url("job_detail", queue_of(queue), job_id))


def no_scheduler(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """That RQ's own schedulers are not used here."""
    return gone(request, _("RQ's own schedulers are not used here: the time of a job stands in its row."))
