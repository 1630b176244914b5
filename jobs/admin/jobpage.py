"""The page of one job: what it is, where it stands, why, what happened, and what can be done about it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import Model
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from jobs import live, roles, tenants
from jobs.admin import timeline
from jobs.admin.base import admin_page, as_json, person, seconds_text, time_text, while_allowed
from jobs.admin.history import outcome_badge
from jobs.admin.notes import support_note
from jobs.admin.redisside import redis_side
from jobs.admin.states import status_badge
from jobs.control import CONTROLS
from jobs.declarations import declared
from jobs.live import Snapshot
from jobs.models import ActionKind, Attempt, AuditEntry, Job, JobStatus
from jobs.subjects import subjects_of
from jobs.why_waiting import why_waits

# A page shows the newest of these; a job that was retried by hand a hundred times is still one page.
ATTEMPTS_SHOWN = 50
EVENTS_SHOWN = 200
RELATED_SHOWN = 50
ACTS_SHOWN = 20


def show(request: HttpRequest, job_id: UUID, frame: dict[str, Any]) -> HttpResponse:
    """The page."""
    job = _job(job_id)
    context = {
        **frame,
        **facts(job, request.user),
        "title": _("Job %(id)s") % {"id": str(job.pk)[:8]},
        "is_fullwidth": "1",
        "events_url": reverse("admin:jobs_job_events", args=[job.pk]),
        "state_url": reverse("admin:jobs_job_state", args=[job.pk]),
    }
    return render(request, "admin/jobs/job/page.html", context)


def state(request: HttpRequest, job_id: UUID) -> JsonResponse:
    """What the open page shows now, for browsers that poll."""
    snapshot = _load(job_id, request.user)
    return JsonResponse({**snapshot.data, "done": snapshot.done})


def events(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """The same as events, at each change."""
    allowed = while_allowed(request, "jobs.view_job", lambda user: _load(job_id, user))
    return live.event_response(topics=[f"job:{job_id}"], load=allowed, owner=person(request).pk)


def _load(job_id: UUID, user: Any) -> Snapshot:
    """The part of the page that changes, with the rights that the person has."""
    job = _job(job_id)
    html = render_to_string("admin/jobs/job/_page.html", facts(job, user))
    return Snapshot({"html": html, "say": _said(job)})


def _said(job: Job) -> str:
    """The sentence that a screen reader hears when it changes."""
    if job.progress_percent is not None and job.status == JobStatus.RUNNING:
        return _("%(status)s, %(percent)s %%") % {
            "status": job.get_status_display(),
            "percent": job.progress_percent,
        }
    return str(job.get_status_display())


def _job(job_id: UUID) -> Job:
    rows = Job.objects.select_related("batch", "schedule", "retry_of").annotate(db_now=Now())
    return get_object_or_404(rows, pk=job_id)


def facts(job: Job, user: Any) -> dict[str, Any]:
    """Everything that the page shows of a job to this person."""
    now = job.db_now  # type: ignore[attr-defined]  # annotated: leases count by the database's clock
    happened = list(job.events.select_related("by").order_by("-id")[:EVENTS_SHOWN])[::-1]
    attempts = list(job.attempts.order_by("-fence")[:ATTEMPTS_SHOWN])
    task = declared(job.task)
    may_see_arguments = user.has_perm(roles.VIEW_JOB_ARGUMENTS)
    return {
        "job": job,
        "badge": status_badge(job),
        "promise": task.description if task else _("This version of the program does not know this task."),
        "waits": why_waits(job),
        "error": " · ".join(part for part in (job.error_code, job.error_class, job.error_message) if part),
        "life": _life(job, now),
        "times": _times(job),
        "tenant": tenants.name_of(job.tenant_id),
        "actions": _actions(job, user),
        "subjects": [(admin_page(row), _name_of(row)) for row in _visible(subjects_of(job), user)],
        "may_see_arguments": may_see_arguments,
        "arguments": as_json(job.arguments) if may_see_arguments else "",
        "result": as_json(job.result) if may_see_arguments and job.result is not None else "",
        "attempts": [_attempt(row) for row in attempts],
        "drawing": timeline.drawing(happened, now),
        "events": timeline.rows(happened),
        "related": _related(job),
        "belongs": _belongs(job, user),
        "acts": _acts(job) if user.has_perm(roles.VIEW_AUDITENTRY) else [],
        "redis": redis_side(job) if user.has_perm(roles.VIEW_QUEUE_DASHBOARD) else None,
        "note": support_note(job, attempts, happened),
    }


def _life(job: Job, now: Any) -> dict[str, Any] | None:
    """The lease of a running job: how long ago its worker gave a sign of life, and when it would be taken for dead."""
    if job.status != JobStatus.RUNNING or job.lease_until is None:
        return None
    lease = timedelta(seconds=settings.JOBS_LEASE_SECONDS)
    left = (job.lease_until - now).total_seconds()
    return {
        "beat": seconds_text(max(0.0, (lease - (job.lease_until - now)).total_seconds())),
        "left": seconds_text(max(0.0, left)),
        "is_over": left < 0,
        "ran": seconds_text((now - job.started_at).total_seconds()) if job.started_at else "",
        "limit": seconds_text(job.timeout_seconds),
    }


def _times(job: Job) -> list[tuple[str, str]]:
    named = (
        (_("Created"), job.created_at),
        (_("Due"), job.due_at),
        (_("Sent to Redis"), job.sent_at),
        (_("Started"), job.started_at),
        (_("Ended"), job.finished_at),
        (_("Asked to stop"), job.cancel_requested_at),
    )
    return [(label, time_text(moment)) for label, moment in named if moment]


def _actions(job: Job, user: Any) -> list[dict[str, Any]]:
    """Every action, with why it cannot be taken where that is so."""
    found = []
    for control in CONTROLS.values():
        obstacle = control.obstacle(job) if control.may(user) else _("Your role does not allow this.")
        url = reverse("admin:jobs_job_edit", args=[job.pk]) if control.act is None else ""
        found.append({"control": control, "obstacle": obstacle, "url": url})
    return found


def _visible(found: Any, user: Any) -> list[Model]:
    """Those of the rows that have a page which this person may open."""
    return [
        row
        for row in found
        if admin.site.is_registered(type(row))
        and any(
            user.has_perm(f"{row._meta.app_label}.{verb}_{row._meta.model_name}")
            for verb in ("view", "change")
        )
    ]


def _name_of(row: Model) -> str:
    return f"{row._meta.verbose_name}: {row}"


def _belongs(job: Job, user: Any) -> list[tuple[str, str, str]]:
    """Label, name and address of the batch and the schedule that made the job; without an address where there is none
    for this person."""
    named = ((_("Batch"), job.batch), (_("Schedule"), job.schedule))
    return [
        (label, str(row), admin_page(row) if _visible([row], user) else "") for label, row in named if row
    ]


def _acts(job: Job) -> list[dict[str, Any]]:
    """What people did to the job, the newest first, and why."""
    lines = AuditEntry.objects.filter(target_kind="job", target=str(job.pk)).order_by("-id")
    return [
        {
            "at": time_text(line.at),
            "by": line.by_name,
            "what": line.get_action_display(),
            "reason": line.reason,
            "is_refused": line.action == ActionKind.REFUSED,
        }
        for line in lines[:ACTS_SHOWN]
    ]


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "row": row,
        "badge": outcome_badge(row),
        "started": time_text(row.started_at),
        "wait": seconds_text(row.wait_ms / 1000),
        "duration": seconds_text(row.run_seconds),
        "cpu": seconds_text(row.cpu_seconds),
        "log": [_line(line) for line in row.log if isinstance(line, dict)],
    }


def _line(line: dict[str, Any]) -> dict[str, str]:
    """One line of a log: when, how grave, what, and the fields that came along."""
    fields = " ".join(
        f"{key}={value}" for key, value in line.items() if key not in ("at", "level", "message")
    )
    return {
        "at": str(line.get("at", ""))[11:23],
        "level": str(line.get("level", "")),
        "message": str(line.get("message", "")),
        "fields": fields,
    }


def _related(job: Job) -> list[dict[str, Any]]:
    """Groups of jobs that this one belongs together with."""
    parents = Job.objects.filter(dependents__job=job)
    children = Job.objects.filter(dependencies__parent=job)
    groups: list[tuple[str, Sequence[Job]]] = [
        (_("Waits for"), list(parents[:RELATED_SHOWN])),
        (_("Waited for by"), list(children[:RELATED_SHOWN]) if job.has_dependents else []),
        (_("Retry of"), [job.retry_of] if job.retry_of else []),
        (_("Retried as"), list(job.retries.all()[:RELATED_SHOWN])),
    ]
    return [
        {"label": label, "jobs": [(admin_page(one), one, status_badge(one)) for one in jobs]}
        for label, jobs in groups
        if jobs
    ]
