"""The list of jobs: state tabs, filters, search, actions on chosen jobs; read again by itself while it is open."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import audit, control, listing, roles, search, tenants
from jobs.admin import acting
from jobs.admin.base import seconds_text, time_text
from jobs.admin.states import state_of
from jobs.declarations import TASKS
from jobs.listing import Place
from jobs.models import ActionKind, Job, JobStatus
from jobs.search import Filters

# One request acts on no more chosen jobs than this; a bulk action takes the rest.
CHOSEN_LIMIT = 200
# What is offered for chosen jobs; the other actions ask for more.
OFFERED = (ActionKind.RETRY, ActionKind.RUN_NOW, ActionKind.CANCEL, ActionKind.DISCARD)
# In the order in which a job passes through them.
TABS = (
    JobStatus.SCHEDULED, JobStatus.BLOCKED, JobStatus.HELD, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RETRYING,
    JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED,
)  # fmt: skip
SPANS = (
    ("1h", gettext_lazy("Last hour")),
    ("24h", gettext_lazy("Last 24 hours")),
    ("7d", gettext_lazy("Last 7 days")),
    ("30d", gettext_lazy("Last 30 days")),
)


def show(request: HttpRequest, frame: dict[str, Any]) -> HttpResponse:
    """The list, or with `part=rows` only what changes by itself."""
    filters = parsed(request, request.GET)
    page = listing.page(filters, after=Place.parse(request.GET.get("after", "")))
    context: dict[str, Any] = {
        "rows": [_row(job, names) for names in [_names(page.jobs)] for job in page.jobs],
        "tabs": _tabs(request, filters),
        "older_url": _url(request, after=str(page.after)) if page.after else "",
        "newest_url": _url(request) if request.GET.get("after") else "",
        "searched_to": page.searched_to,
        "is_empty": not page.jobs and filters.is_empty and not request.GET.get("after"),
        "controls": offered(request),
        "at": timezone.now(),
        # Where a press leads back to: the page, also when only its rows were read again.
        "here": urlencode(
            {name: request.GET[name] for name in (*search.PARAMETERS, "after") if request.GET.get(name)}
        ),
    }
    if request.GET.get("part") == "rows":
        return render(request, "admin/jobs/job/_list.html", context)
    context |= {
        **frame,
        "title": _("Jobs"),
        "is_fullwidth": "1",
        "query": request.GET,
        "carried": [(name, value) for name, value in _kept(request) if name not in _FORM_FIELDS],
        "rows_url": _url(request, part="rows", after=request.GET.get("after", "")),
        "chips": _chips(request, filters),
        "unknown": filters.unknown,
        "queues": [queue.name for queue in settings.JOBS_QUEUES],
        "tasks": sorted(TASKS),
        "tenants": tenants.choices(),
        "spans": SPANS,
        "bulk_url": _bulk_url(request),
        "may_see_arguments": request.user.has_perm(roles.VIEW_JOB_ARGUMENTS),
    }
    return render(request, "admin/jobs/job/list.html", context)


def parsed(request: HttpRequest, parameters: QueryDict) -> Filters:
    """The filters in an address, as far as this person may ask them."""
    values = {name: parameters.get(name, "") for name in search.PARAMETERS}
    return search.parse(values, may_see_arguments=request.user.has_perm(roles.VIEW_JOB_ARGUMENTS))


def offered(request: HttpRequest) -> list[control.Control]:
    """The actions on chosen jobs that this person may take."""
    found = (control.CONTROLS[kind] for kind in OFFERED)
    return [one for one in found if one.may(request.user)]


def act(request: HttpRequest) -> HttpResponseBase:
    """Do the chosen action to the chosen jobs; dangerous ones are asked about first.

    Raises: PermissionDenied, after the try was written down.
    """
    chosen = control.CONTROLS.get(request.POST.get("action", ""))
    if chosen is None or chosen.act is None:
        audit.refuse(request, request.POST.get("action", ""), "job")
    jobs = _chosen_jobs(request)
    control.require(request, chosen, jobs[0].pk if jobs else "")
    if not jobs:
        messages.warning(request, _("Choose at least one job."))
        return back(request)
    if chosen.is_dangerous and request.POST.get("confirmed") != "yes":
        return acting.confirmation(request, chosen, jobs)
    done = acting.act_on(request, chosen, jobs, reason=request.POST.get("reason", ""))
    acting.tell(request, done)
    return back(request)


def back(request: HttpRequest) -> HttpResponseRedirect:
    """To where the button was: the page of the job, or the list with its filters."""
    address = reverse("admin:jobs_job_changelist")
    if request.POST.get("from_page") == "yes":
        return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[request.POST["_selected_action"]]))
    query = QueryDict(request.POST.get("here", "")[:2000])
    kept = {name: query[name] for name in (*search.PARAMETERS, "after") if query.get(name)}
    return HttpResponseRedirect(f"{address}?{urlencode(kept)}" if kept else address)


def _chosen_jobs(request: HttpRequest) -> list[Job]:
    texts = request.POST.getlist("_selected_action")[:CHOSEN_LIMIT]
    ids = [ids for text in texts if (ids := search.id_range(text))]
    if len(ids) != len(texts) or any(first != last for first, last in ids):
        raise BadRequest
    found = Job.objects.only(*listing.COLUMNS).in_bulk([first for first, _last in ids])
    return [found[first] for first, _last in ids if first in found]


def _names(jobs: Sequence[Job]) -> dict[int, str]:
    return tenants.names([job.tenant_id for job in jobs])


def _row(job: Job, names: dict[int, str]) -> dict[str, Any]:
    end = job.finished_at or (timezone.now() if job.status == JobStatus.RUNNING else None)
    ran = (end - job.started_at).total_seconds() if end and job.started_at else None
    return {
        "job": job,
        "short_id": str(job.pk)[:8],
        "url": reverse("admin:jobs_job_change", args=[job.pk]),
        "state": state_of(job),
        "tenant": names.get(job.tenant_id) if job.tenant_id is not None else "",
        "created": time_text(job.created_at),
        "ran": seconds_text(ran),
    }


def _tabs(request: HttpRequest, filters: Filters) -> list[dict[str, Any]]:
    counts = listing.state_counts(filters)
    every = {"label": _("All"), "url": _url(request, status=""), "is_now": not filters.status, "count": None}
    return [
        every,
        *(
            {
                "status": status,
                "label": status.label,
                "url": _url(request, status=status),
                "is_now": filters.status == status,
                "count": counts.get(status),
            }
            for status in TABS
        ),
    ]


# What the form of filters sends itself; the other filters travel along hidden.
_FORM_FIELDS = ("q", "queue", "task", "tenant_id", "since")


def _kept(request: HttpRequest) -> list[tuple[str, str]]:
    return [(name, request.GET[name]) for name in search.PARAMETERS if request.GET.get(name)]


def _url(request: HttpRequest, **changes: str) -> str:
    """The address of the list with these filters changed; the page begins anew."""
    wanted = {**dict(_kept(request)), **changes}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"{reverse('admin:jobs_job_changelist')}{'?' if query else ''}{query}"


def _bulk_url(request: HttpRequest) -> str:
    if not request.user.has_perm(roles.BULK_JOB):
        return ""
    return f"{reverse('admin:jobs_job_bulk')}?{urlencode(_kept(request))}"


def _chips(request: HttpRequest, filters: Filters) -> list[dict[str, str]]:
    """What the search box was understood as, and the filters that the form does not show; each can be taken off."""
    names = tenants.names(filters.tenant_ids)
    said: list[tuple[str, str, str]] = [
        *(("q", _("task"), name) for name in filters.tasks if not request.GET.get("task")),
        *(
            ("q", _("organization"), names[number])
            for number in filters.tenant_ids
            if not request.GET.get("tenant_id")
        ),
        *(("q", _("error"), text) for text in filters.errors),
        *(("q", ".".join(("arguments", *path)), value) for path, value in filters.arguments),
    ]
    if filters.ids:
        said.append(("q", _("id"), filters.typed.get("id", "")))
    labels = {
        "worker": _("worker"),
        "error_group": _("error group"),
        "batch": _("batch"),
        "schedule": _("schedule"),
    }
    said += [
        (name if request.GET.get(name) else "q", label, str(value))
        for name, label in labels.items()
        if (value := getattr(filters, name))
    ]
    said += [
        (name if request.GET.get(name) else "q", label, timezone.localtime(moment).strftime("%Y-%m-%d %H:%M"))
        for name, label in (("since", _("since")), ("until", _("until")))
        if (moment := getattr(filters, name))
        and not (name == "since" and request.GET.get(name) in dict(SPANS))
    ]
    return [
        {"label": label, "value": value, "url": _url(request, **{name: ""})} for name, label, value in said
    ]
