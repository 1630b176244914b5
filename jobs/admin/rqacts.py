"""Acting on what stands in Redis: on POST only, after a page that asks, with a line of the audit trail."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs import audit, dispatch
from jobs.admin import hints
from jobs.admin.acting import act_on
from jobs.admin.rqframe import BULK_ACTIONS, queue_of, respond, url
from jobs.admin.rqstates import STATE_LABELS, STATE_PAGES
from jobs.control import CONTROLS, require
from jobs.models import ActionKind, Job, JobStatus

# Ids handled by one press of a button; the rest is left for the next one.
REQUEUE_LIMIT = 1000


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

    def clear(request: HttpRequest, queue: str) -> HttpResponse:
        name = queue_of(queue)
        if request.method != "POST":
            total = hints.queues_view([name])[0].counts[state]
            question = _("Take everything out of “%(state)s” of %(queue)s?")
            title = question % {"state": STATE_LABELS[state], "queue": name}
            return ask(request, name, title, [], total=total, label=BULK_ACTIONS["delete"])
        removed = hints.clear(name, state)
        _done(request, name, ActionKind.CLEAR_HINTS, removed, state, _removed_text(removed))
        return back_to(name, state)

    return clear


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
    _done(request, queue, ActionKind.CLEAR_HINTS, removed, "chosen", _removed_text(removed))
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
    _done(request, queue, ActionKind.SEND_AGAIN, sent, "chosen", text)


def _stop(request: HttpRequest, queue: str, ids: Sequence[str]) -> None:
    """Cancel the jobs as the button on their own page does, with a line of the audit trail each."""
    one = CONTROLS[ActionKind.CANCEL]
    require(request, one, ids[0])
    keys = [key for id_ in ids if (key := hints.uuid_or_none(id_))]
    stopped = act_on(request, one, list(Job.objects.filter(pk__in=keys))).changed
    text = ngettext(
        "%(count)s job cancelled or asked to stop.", "%(count)s jobs cancelled or asked to stop.", stopped
    )
    messages.success(request, text % {"count": stopped})


def _removed_text(count: int) -> str:
    text = ngettext(
        "%(count)s id taken out of Redis. A job that still has to run is sent again by itself.",
        "%(count)s ids taken out of Redis. Jobs that still have to run are sent again by themselves.",
        count,
    )
    return text % {"count": count}


def _done(request: HttpRequest, queue: str, action: ActionKind, count: int, which: str, text: str) -> None:
    audit.record(request, action, "queue", queue, count=count, details={"which": which})
    messages.success(request, text)
