"""Acting on all jobs that match: first the preview with its number and a reason, then the way of the work."""

import uuid
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core import signing
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobs import audit, bulk, bulkstart, control, roles, search, tenants
from jobs.admin.joblist import OFFERED
from jobs.admin.states import state_of
from jobs.control import Control
from jobs.models import ActionKind, BulkAction
from jobs.moments import database_now

_SALT = "jobs.bulk"
# A preview that is older no longer says what is there.
PREVIEW_AGE_SECONDS = 3600


class BulkForm(forms.Form):
    """Why, and for many jobs how many, typed by hand."""

    reason = forms.CharField(label=gettext_lazy("Reason, for the audit trail"), max_length=200)
    typed = forms.CharField(required=False, max_length=20)

    def __init__(self, number: int | None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # What has to be typed, if anything.
        self.number = number

    def clean_typed(self) -> str:
        """The number, if it is the one that was shown."""
        text = str(self.cleaned_data["typed"])
        # People type it as the page shows it, with what parts its thousands.
        if self.number is not None and "".join(filter(str.isdecimal, text)) != str(self.number):
            raise ValidationError(_("Type the number %(count)s.") % {"count": self.number})
        return text


def show(request: HttpRequest, frame: dict[str, Any]) -> HttpResponseBase:
    """The preview of an action on all jobs that match, and its start.

    Raises: PermissionDenied, after the try was written down.
    """
    if not request.user.has_perm(roles.BULK_JOB):
        audit.refuse(request, ActionKind.BULK, "job")
    if request.method == "POST":
        return _start(request, frame)
    parameters = {
        name: value for name in search.PARAMETERS if (value := request.GET.get(name, "").replace("\x00", ""))
    }
    chosen = control.CONTROLS.get(request.GET.get("action", ""))
    if chosen is None or chosen.act is None:
        return _choose(request, frame, parameters)
    control.require(request, chosen)
    parameters[bulk.ZONE] = timezone.get_current_timezone_name()
    before = database_now()
    found = bulk.preview(_filters(request, parameters, chosen, before))
    number = _to_type(found)
    token = {
        "id": str(uuid.uuid4()),
        "action": chosen.kind,
        "filters": parameters,
        "before": before.isoformat(),
        "count": found.count,
        "typed": number,
        "user": request.user.pk,
    }
    form = BulkForm(number)
    return _preview(request, frame, chosen, parameters, found, signing.dumps(token, salt=_SALT), form)


def _start(request: HttpRequest, frame: dict[str, Any]) -> HttpResponseBase:
    try:
        token = signing.loads(request.POST.get("preview", ""), salt=_SALT, max_age=PREVIEW_AGE_SECONDS)
    except signing.BadSignature:
        raise BadRequest from None
    if token["user"] != request.user.pk:
        raise BadRequest
    chosen = control.CONTROLS[token["action"]]
    before = datetime.fromisoformat(token["before"])
    form = BulkForm(token["typed"], request.POST)
    if not form.is_valid():
        found = bulk.preview(_filters(request, token["filters"], chosen, before))
        found = bulk.Preview(token["count"], found.is_all, found.sample)
        return _preview(request, frame, chosen, token["filters"], found, request.POST["preview"], form)
    row = bulkstart.start(
        request,
        chosen,
        bulk_id=uuid.UUID(token["id"]),
        parameters=token["filters"],
        before=before,
        matched=token["count"],
        reason=form.cleaned_data["reason"],
    )
    return HttpResponseRedirect(reverse("admin:jobs_bulkaction_change", args=[row.pk]))


def _to_type(found: bulk.Preview) -> int | None:
    """The number that is typed by hand: of the jobs, or while they were not all counted of those it may become."""
    if not found.is_all:
        return int(settings.JOBS_BULK_CAP)
    return found.count if found.count >= bulk.TYPED_FROM else None


def _filters(
    request: HttpRequest, parameters: dict[str, str], chosen: Control, before: datetime
) -> search.Filters:
    may_see_arguments = request.user.has_perm(roles.VIEW_JOB_ARGUMENTS)
    return bulk.filters_for(parameters, chosen, before=before, may_see_arguments=may_see_arguments)


def _of_list(parameters: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name != bulk.ZONE}


def _choose(request: HttpRequest, frame: dict[str, Any], parameters: dict[str, str]) -> HttpResponse:
    offered = [control.CONTROLS[kind] for kind in OFFERED if control.CONTROLS[kind].may(request.user)]
    query = urlencode(parameters)
    context = {
        **frame,
        "title": _("Act on all jobs that match"),
        "said": said(parameters),
        "list_url": f"{reverse('admin:jobs_job_changelist')}?{query}",
        "choices": [
            (one, f"{reverse('admin:jobs_job_bulk')}?{urlencode({**parameters, 'action': one.kind})}")
            for one in offered
        ],
    }
    return render(request, "admin/jobs/job/bulk_choose.html", context)


def _preview(
    request: HttpRequest,
    frame: dict[str, Any],
    chosen: Control,
    parameters: dict[str, str],
    found: bulk.Preview,
    token: str,
    form: BulkForm,
) -> HttpResponse:
    names = tenants.names([job.tenant_id for job in found.sample])
    context = {
        **frame,
        "title": _("Act on all jobs that match"),
        "control": chosen,
        "said": said(parameters),
        "found": found,
        "cap": settings.JOBS_BULK_CAP,
        "more": max(0, found.count - len(found.sample)),
        "sample": [
            (job, state_of(job), names.get(job.tenant_id, "") if job.tenant_id is not None else "")
            for job in found.sample
        ],
        "token": token,
        "form": form,
        "list_url": f"{reverse('admin:jobs_job_changelist')}?{urlencode(_of_list(parameters))}",
    }
    return render(request, "admin/jobs/job/bulk_preview.html", context, status=400 if form.errors else 200)


def said(parameters: dict[str, str]) -> list[tuple[str, str]]:
    """The filters of a bulk action with their names, for people."""
    labels = {
        "status": _("status"), "queue": _("queue"), "task": _("task"), "tenant_id": _("organization"),
        "worker": _("worker"), "error_group": _("error group"), "batch": _("batch"), "schedule": _("schedule"),
        "since": _("since"), "until": _("until"), "q": _("search"),
    }  # fmt: skip
    shown = dict(parameters)
    if shown.get("tenant_id", "").isdecimal():
        shown["tenant_id"] = tenants.name_of(int(shown["tenant_id"]))
    return [(labels[name], shown[name]) for name in search.PARAMETERS if shown.get(name)]


def progress_of(row: BulkAction) -> dict[str, Any]:
    """How far a bulk action is, in numbers."""
    total = min(row.matched, row.cap)
    seen = row.done + row.skipped
    return {
        "seen": seen,
        "total": max(total, seen),
        "percent": 100 if row.finished_at else min(100, seen * 100 // total if total else 0),
    }
