"""The RQ dashboard under django-rq's own addresses: guarded by permissions, and never a judge over jobs.

The stock pages let any staff member delete jobs and empty queues, clean up registries while they are looked at, and
answer 500 for what they do not expect. Ours show what stands in Redis beside the row that is the truth; what is taken
out of Redis here is sent again by the dispatcher for as long as its row asks to run.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, re_path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_rq.models import Dashboard
from django_rq.settings import get_queues_list
from redis import RedisError
from unfold.admin import ModelAdmin

from jobs import dispatch, services
from jobs.admin import hints
from jobs.admin.base import audit, person
from jobs.errors import IllegalTransitionError
from jobs.models import Job, JobStatus

VIEW = "jobs.view_queue_dashboard"
CHANGE = "jobs.change_queue_dashboard"
# Ids handled by one press of a button; the rest is left for the next one.
REQUEUE_LIMIT = 1000

STATE_LABELS = {
    "queued": gettext_lazy("Queued"),
    "started": gettext_lazy("Started"),
    "finished": gettext_lazy("Finished"),
    "failed": gettext_lazy("Failed"),
    "scheduled": gettext_lazy("Scheduled"),
    "deferred": gettext_lazy("Deferred"),
    "canceled": gettext_lazy("Cancelled"),
}
# State -> name of the address of its list, as django-rq has them.
STATE_PAGES = {
    "queued": "jobs",
    "started": "started_jobs",
    "finished": "finished_jobs",
    "failed": "failed_jobs",
    "scheduled": "scheduled_jobs",
    "deferred": "deferred_jobs",
    "canceled": "canceled_jobs",
}
BULK_ACTIONS = {
    "delete": gettext_lazy("Take out of Redis"),
    "requeue": gettext_lazy("Send again"),
    "stop": gettext_lazy("Cancel the job"),
}


def queue_of(value: str) -> str:
    """The queue of that name, or at that place in django-rq's list.

    Raises: Http404 when there is none.
    """
    names = [queue["name"] for queue in get_queues_list()]
    if value in names:
        return str(value)
    if value.isascii() and value.isdigit() and len(value) < 5 and int(value) < len(names):
        return str(names[int(value)])
    raise Http404


def url(name: str, *args: object) -> str:
    """The address of a page of the dashboard."""
    return reverse(f"admin:django_rq_{name}", args=args)


def may_change(request: HttpRequest) -> bool:
    """Whether the person may act on what stands in Redis."""
    return request.user.has_perm(CHANGE)


def respond(
    request: HttpRequest, template: str, title: object, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the dashboard in the admin's frame."""
    frame = admin.site.each_context(request)
    shared = {"title": title, "may_change": may_change(request), "opts": None, "states": STATE_LABELS}
    return render(request, f"django_rq/{template}", {**frame, **shared, **context}, status=status)


def guarded(
    view: Callable[..., HttpResponseBase], *, permission: str = VIEW
) -> Callable[..., HttpResponseBase]:
    """The view for staff with the permission; every POST needs the permission to change. Redis may be away."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        needed = CHANGE if request.method not in ("GET", "HEAD") else permission
        if not request.user.has_perm(needed) and not (needed == VIEW and may_change(request)):
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except (RedisError, OSError):
            return respond(request, "unavailable.html", _("Redis does not answer"), status=503)

    guard: Callable[..., HttpResponseBase] = admin.site.admin_view(inner)
    return guard


# --- Reading ----------------------------------------------------------------------------------------------


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
    cells = [(state, queue.counts[state], url(STATE_PAGES[state], queue.name)) for state in hints.STATES]
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


def gone(request: HttpRequest, reason: str) -> HttpResponse:
    """A page that says why there is nothing to show."""
    return respond(request, "gone.html", _("Nothing to show"), status=404, reason=reason)


# --- Acting: on POST only, after a page that asks -----------------------------------------------------------


def ask(request: HttpRequest, queue: str, title: object, ids: Sequence[str], **context: Any) -> HttpResponse:
    """The page that asks before anything happens."""
    shown = hints.with_rows([hints.Hint(id_) for id_ in ids[:100]])
    more = max(0, len(ids) - len(shown))
    return respond(
        request, "confirm_action.html", title, queue=queue, hints=shown, ids=ids, more=more, **context
    )


def back_to(queue: str, state: str = "queued") -> HttpResponseRedirect:
    """The list that the person came from."""
    return HttpResponseRedirect(url(STATE_PAGES[state], queue))


def clearing(state: str) -> Callable[..., HttpResponse]:
    """The view that takes all ids of one state out of Redis."""

    def view(request: HttpRequest, queue: str) -> HttpResponse:
        name = queue_of(queue)
        if request.method != "POST":
            total = hints.queues_view([name])[0].counts[state]
            question = _("Take everything out of “%(state)s” of %(queue)s?")
            title = question % {"state": STATE_LABELS[state], "queue": name}
            return ask(request, name, title, [], total=total, label=BULK_ACTIONS["delete"])
        removed = hints.clear(name, state)
        _done(request, name, f"clear {state}: {removed}", _removed_text(removed))
        return back_to(name, state)

    return view


def delete_job(request: HttpRequest, queue: str, job_id: str) -> HttpResponse:
    """Take one id out of Redis."""
    name = queue_of(queue)
    if request.method != "POST":
        return ask(request, name, _("Take this job out of Redis?"), [job_id], label=BULK_ACTIONS["delete"])
    return _delete(request, name, [job_id])


def requeue_job(request: HttpRequest, queue: str, job_id: str) -> HttpResponse:
    """Send one waiting job to Redis again."""
    name = queue_of(queue)
    if request.method != "POST":
        return ask(request, name, _("Send this job again?"), [job_id], label=BULK_ACTIONS["requeue"])
    _requeue(request, name, [job_id])
    return HttpResponseRedirect(url("job_detail", name, job_id))


def requeue_all(request: HttpRequest, queue: str) -> HttpResponse:
    """Send the waiting ones among RQ's failed ids to Redis again."""
    name = queue_of(queue)
    if request.method != "POST":
        total = hints.queues_view([name])[0].counts["failed"]
        title = _("Send everything that RQ calls failed again?")
        return ask(request, name, title, [], total=total, label=BULK_ACTIONS["requeue"])
    key = hints.registry_key(name, "failed")
    found = dispatch.connection().zrange(key, 0, REQUEUE_LIMIT - 1)
    _requeue(request, name, [hints.text_of(raw) for raw in found])
    return back_to(name, "failed")


def stop_job(request: HttpRequest, queue: str, job_id: str) -> HttpResponse:
    """Cancel one job through its row, as the button on its page does."""
    name = queue_of(queue)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    _stop(request, name, [job_id])
    return HttpResponseRedirect(url("job_detail", name, job_id))


def confirm_action(request: HttpRequest, queue: str) -> HttpResponse:
    """The page that asks before the chosen ids are acted on."""
    name = queue_of(queue)
    action = request.POST.get("action", "")
    ids = request.POST.getlist("_selected_action")[:REQUEUE_LIMIT]
    if request.method != "POST" or action not in BULK_ACTIONS or not ids:
        if request.method == "POST":
            messages.warning(request, _("Choose an action and at least one job."))
        return back_to(name)
    label = BULK_ACTIONS[action]
    return ask(request, name, label, ids, action=action, label=label, action_url=url("actions", name))


def actions(request: HttpRequest, queue: str) -> HttpResponse:
    """Act on the chosen ids."""
    name = queue_of(queue)
    ids = request.POST.getlist("job_ids")[:REQUEUE_LIMIT]
    if request.method != "POST" or not ids:
        return back_to(name)
    match request.POST.get("action", ""):
        case "delete":
            return _delete(request, name, ids)
        case "requeue":
            _requeue(request, name, ids)
        case "stop":
            _stop(request, name, ids)
        case _:
            messages.warning(request, _("Choose an action and at least one job."))
    return back_to(name)


def _delete(request: HttpRequest, queue: str, ids: Sequence[str]) -> HttpResponse:
    removed = hints.remove(queue, ids)
    _done(request, queue, f"delete: {removed}", _removed_text(removed))
    return back_to(queue)


def _requeue(request: HttpRequest, queue: str, ids: Sequence[str]) -> None:
    """Push the rows that wait; for all others the row's own page has the right button."""
    keys = [key for id_ in ids if (key := hints.uuid_or_none(id_))]
    waiting = list(Job.objects.filter(pk__in=keys, queue=queue, status=JobStatus.QUEUED))
    hints.remove(queue, [str(job.pk) for job in waiting])
    sent = len(waiting) if dispatch.push(waiting) else 0
    text = ngettext("%(count)s job was sent again.", "%(count)s jobs were sent again.", sent) % {
        "count": sent
    }
    if rest := len(ids) - sent:
        text += " " + ngettext(
            "%(count)s does not wait to be sent: use Retry on the page of the job.",
            "%(count)s do not wait to be sent: use Retry on the pages of the jobs.",
            rest,
        ) % {"count": rest}
    _done(request, queue, f"requeue: {sent}", text)


def _stop(request: HttpRequest, queue: str, ids: Sequence[str]) -> None:
    if not request.user.has_perm("jobs.cancel_job"):
        raise PermissionDenied
    keys = [key for id_ in ids if (key := hints.uuid_or_none(id_))]
    stopped = sum(_cancelled(job, request) for job in Job.objects.filter(pk__in=keys))
    text = ngettext(
        "%(count)s job cancelled or asked to stop.", "%(count)s jobs cancelled or asked to stop.", stopped
    )
    _done(request, queue, f"stop: {stopped}", text % {"count": stopped})


def _cancelled(job: Job, request: HttpRequest) -> bool:
    try:
        return bool(services.cancel_job(job=job, by=person(request)))
    except IllegalTransitionError:
        return False


def _removed_text(count: int) -> str:
    text = ngettext(
        "%(count)s id taken out of Redis. A job that still has to run is sent again by itself.",
        "%(count)s ids taken out of Redis. Jobs that still have to run are sent again by themselves.",
        count,
    )
    return text % {"count": count}


def _done(request: HttpRequest, queue: str, what: str, text: str) -> None:
    audit(request, Dashboard, queue, queue, what)
    messages.success(request, text)


# --- Addresses --------------------------------------------------------------------------------------------


@admin.register(Dashboard)
class DashboardAdmin(ModelAdmin):
    """django-rq's entry of the admin; it has pages, and no table."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never: there is no row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Never."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whether the person may see the dashboard."""
        return request.user.has_perm(VIEW) or may_change(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the dashboard shows in the list of the admin's parts."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """django-rq's addresses with our views; a queue is named, or numbered as in old bookmarks."""
        return [
            path("", guarded(home), name="django_rq_dashboard_changelist"),
            path("", guarded(home), name="django_rq_home"),
            re_path(r"^stats.json/?$", guarded(stats_json), name="django_rq_home_json"),
            *_bulk_urls(),
            *_list_urls(),
            *_job_urls(),
            path("workers/<str:queue>/", guarded(workers), name="django_rq_workers"),
            path("workers/<str:queue>/<str:key>/", guarded(worker_details), name="django_rq_worker_details"),
            *_scheduler_urls(),
        ]


def _bulk_urls() -> list[URLPattern]:
    ask_first = guarded(confirm_action, permission=CHANGE)
    return [
        path("queues/confirm-action/<str:queue>/", ask_first, name="django_rq_confirm_action"),
        path("queues/actions/<str:queue>/", guarded(actions, permission=CHANGE), name="django_rq_actions"),
    ]


def _list_urls() -> list[URLPattern]:
    lists = [
        path(
            f"queues/<str:queue>/{'' if state == 'queued' else f'{state}/'}",
            guarded(state_page(state)),
            name=f"django_rq_{STATE_PAGES[state]}",
        )
        for state in hints.STATES
    ]
    clear_failed = guarded(clearing("failed"), permission=CHANGE)
    return [
        *lists,
        path("queues/<str:queue>/details/", guarded(queue_details), name="django_rq_queue_details"),
        path("queues/<str:queue>/failed/clear/", clear_failed, name="django_rq_delete_failed_jobs"),
        path(
            "queues/<str:queue>/empty/",
            guarded(clearing("queued"), permission=CHANGE),
            name="django_rq_clear",
        ),
        path(
            "queues/<str:queue>/requeue-all/",
            guarded(requeue_all, permission=CHANGE),
            name="django_rq_requeue_all",
        ),
    ]


def _job_urls() -> list[URLPattern]:
    job = "queues/<str:queue>/<str:job_id>/"
    again = guarded(requeue_job, permission=CHANGE)
    return [
        path(job, guarded(job_detail), name="django_rq_job_detail"),
        path(f"{job}results/<str:result_id>/", guarded(result_detail), name="django_rq_result_detail"),
        path(f"{job}delete/", guarded(delete_job, permission=CHANGE), name="django_rq_delete_job"),
        path(f"{job}requeue/", again, name="django_rq_requeue_job"),
        path(f"{job}enqueue/", again, name="django_rq_enqueue_job"),
        path(f"{job}stop/", guarded(stop_job, permission=CHANGE), name="django_rq_stop_job"),
    ]


def _scheduler_urls() -> list[URLPattern]:
    cron = "cron-schedulers/<int:connection_index>/<str:scheduler_name>/"
    view = guarded(no_scheduler)
    return [
        path("schedulers/<int:scheduler_index>/", view, name="django_rq_scheduler_jobs"),
        path(cron, view, name="django_rq_cron_scheduler_detail"),
        path(f"{cron}jobs/<path:cron_job_name>/", view, name="django_rq_cron_job_detail"),
    ]
