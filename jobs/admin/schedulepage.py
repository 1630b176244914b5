"""The page of one schedule: how it stands, what it will do next, what it did last, its form and its buttons."""

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs import audit, roles, schedules
from jobs.admin.acting import new_id
from jobs.admin.base import admin_page
from jobs.admin.scheduleform import EXAMPLES, ScheduleForm, TimingForm
from jobs.admin.scheduleview import ScheduleView, preview_of
from jobs.declarations import TASKS, Declaration, declared
from jobs.errors import ScheduleError, TimingError
from jobs.forms import ArgumentsForm
from jobs.models import ActionKind, Schedule
from jobs.schedules import Trouble
from jobs.slots import Timing, zone_names

LIST = "admin:jobs_schedule_changelist"
# Button -> the permission it needs, and the word for it in the audit trail.
_BUTTONS = {
    "run": (roles.RUN_SCHEDULE, ActionKind.RUN_SCHEDULE),
    "pause": (roles.PAUSE_SCHEDULE, ActionKind.PAUSE_SCHEDULE),
    "resume": (roles.PAUSE_SCHEDULE, ActionKind.RESUME_SCHEDULE),
    "delete": (roles.DELETE_SCHEDULE, ActionKind.CHANGE_SCHEDULE),
}


def show(request: HttpRequest, pk: int, frame: dict[str, Any]) -> HttpResponseBase:
    """The page, and the change that its form asks for."""
    schedule = get_object_or_404(Schedule.objects.select_related("changed_by"), pk=pk)
    if request.method == "POST" and not request.user.has_perm(roles.CHANGE_SCHEDULE):
        audit.refuse(request, ActionKind.CHANGE_SCHEDULE, "schedule", schedule.name)
    shown = ScheduleView(schedule)
    forms = _forms(request, schedule, shown.task)
    if request.method == "POST" and forms and _save(request, schedule, *forms):
        return HttpResponseRedirect(admin_page(schedule))
    context = {
        **_page_context(frame, shown.name, forms, shown.task),
        "schedule": shown,
        "shows_arguments": request.user.has_perm(roles.CHANGE_SCHEDULE)
        or request.user.has_perm(roles.VIEW_JOB_ARGUMENTS),
        "preview": preview_of(shown.timing, schedule.next_at) if shown.timing else None,
        "new_id": uuid4(),
        "may": {name: request.user.has_perm(needed) for name, (needed, _kind) in _BUTTONS.items()},
    }
    return render(request, "admin/jobs/schedule/page.html", context, status=_status(forms))


def add(request: HttpRequest, frame: dict[str, Any]) -> HttpResponseBase:
    """The choice of a task, then the form of a new schedule of it."""
    if not request.user.has_perm(roles.ADD_SCHEDULE):
        audit.refuse(request, ActionKind.CHANGE_SCHEDULE, "schedule")
    name = request.GET.get("task", "")
    if not name:
        tasks = sorted({task.name: task for task in TASKS.values()}.items())
        context = {**frame, "title": _("New schedule: which task?"), "tasks": [task for _name, task in tasks]}
        return render(request, "admin/jobs/schedule/choose.html", context)
    task = declared(name)
    if task is None:
        raise Http404
    schedule = Schedule(name=task.description.rstrip(".")[:150], task=task.name)
    forms = _forms(request, schedule, task)
    if request.method == "POST" and forms and _save(request, schedule, *forms):
        return HttpResponseRedirect(admin_page(schedule))
    context = _page_context(frame, _("New schedule"), forms, task)
    return render(request, "admin/jobs/schedule/add.html", context, status=_status(forms))


def preview(request: HttpRequest) -> HttpResponseBase:
    """The next runs of what the form says now, as a part of the page."""
    form = TimingForm(request.GET)
    if form.is_valid() and form.timing:
        shown = preview_of(form.timing, _slot_of(request.GET.get("schedule", ""), form.timing))
        return render(request, "admin/jobs/schedule/_preview.html", {"preview": shown})
    problems = [problem for found in form.errors.values() for problem in found]
    return render(request, "admin/jobs/schedule/_preview.html", {"problems": problems})


def _slot_of(pk: str, timing: Timing) -> datetime | None:
    """The next slot of the schedule that is being changed, while the form still says what the row does."""
    row = Schedule.objects.filter(pk=pk).first() if re.fullmatch(r"[0-9]{1,18}", pk) else None
    return row.next_at if row and ScheduleView(row).timing == timing else None


def act(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a button asks for.

    Raises: PermissionDenied, after the try was written down.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    schedule = get_object_or_404(Schedule, pk=pk)
    name = request.POST.get("button", "")
    if name not in _BUTTONS:
        raise BadRequest
    permission, kind = _BUTTONS[name]
    if not request.user.has_perm(permission):
        audit.refuse(request, kind, "schedule", schedule.name)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:200]
    _press(request, schedule, name, reason)
    to_list = name == "delete" or request.POST.get("from") == "list"
    return HttpResponseRedirect(reverse(LIST) if to_list else admin_page(schedule))


def _press(request: HttpRequest, schedule: Schedule, name: str, reason: str) -> None:
    if name == "pause" and not reason:
        messages.error(request, _("Say why the schedule is paused: others will want to know."))
        return
    try:
        match name:
            case "run":
                schedules.run_now(schedule, by=request, reason=reason, job_id=new_id(request))
                messages.success(request, _("A job of “%(name)s” is on its way.") % {"name": schedule.name})
            case "pause":
                _tell(
                    request,
                    schedules.pause(schedule, by=request, reason=reason),
                    _("The schedule is paused."),
                )
            case "resume":
                _tell(
                    request, schedules.resume(schedule, by=request, reason=reason), _("The schedule goes on.")
                )
            case "delete":
                schedules.delete(schedule, by=request)
                messages.success(request, _("The schedule is deleted; its jobs are kept."))
    except ScheduleError as error:
        messages.error(request, Trouble(error.trouble).label)
    except TimingError:
        messages.error(request, Trouble.TIMING.label)


def _tell(request: HttpRequest, changed: bool, text: str) -> None:  # noqa: FBT001 -- private, and read at a glance
    if changed:
        messages.success(request, text)
    else:
        messages.warning(request, _("Somebody else was faster: nothing had to change."))


def _forms(
    request: HttpRequest, schedule: Schedule, task: Declaration | None
) -> tuple[ScheduleForm, ArgumentsForm] | None:
    """The two forms of a schedule, for those who may change it while its task is known."""
    needed = roles.CHANGE_SCHEDULE if schedule.pk else roles.ADD_SCHEDULE
    if task is None or not request.user.has_perm(needed):
        return None
    data = request.POST if request.method == "POST" else None
    return ScheduleForm(schedule, data), ArgumentsForm(task, schedule.arguments, data)


def _save(request: HttpRequest, schedule: Schedule, form: ScheduleForm, arguments: ArgumentsForm) -> bool:
    """Whether both forms were good, and the schedule is stored."""
    if not all([form.is_valid(), arguments.is_valid()]):
        return False
    details = form.apply(arguments.arguments)
    try:
        schedules.save(schedule, by=request, details=details)
    except ScheduleError as error:
        form.add_error(None, Trouble(error.trouble).label)
        return False
    messages.success(request, _("The schedule is saved."))
    return True


def _page_context(
    frame: dict[str, Any],
    title: str,
    forms: tuple[ScheduleForm, ArgumentsForm] | None,
    task: Declaration | None,
) -> dict[str, Any]:
    form, arguments = forms or (None, None)
    problems = sum(len(one.errors) for one in forms) if forms else 0
    text = ngettext("%(count)s field has a problem.", "%(count)s fields have a problem.", problems)
    return {
        **frame,
        "title": title,
        "form": form,
        "arguments": arguments,
        "task": task,
        "problem_text": text % {"count": problems} if problems else "",
        "zones": zone_names(),
        "examples": EXAMPLES,
    }


def _status(forms: tuple[ScheduleForm, ArgumentsForm] | None) -> int:
    return 400 if forms and any(one.errors for one in forms) else 200
