"""Retrying a job with other arguments: a form made from the task's signature."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from jobs import control, roles
from jobs.admin.acting import new_id
from jobs.declarations import declared
from jobs.errors import RefusedError
from jobs.forms import ArgumentsForm
from jobs.models import ActionKind, Job


def show(request: HttpRequest, job_id: uuid.UUID, frame: dict[str, Any]) -> HttpResponseBase:
    """The form, and the new job.

    Raises: PermissionDenied; a refused try to send the form was written down.
    """
    job = get_object_or_404(Job, pk=job_id)
    edited = control.CONTROLS[ActionKind.RETRY_EDITED]
    page = HttpResponseRedirect(reverse("admin:jobs_job_change", args=[job.pk]))
    control.require(request, edited, job.pk)
    if not request.user.has_perm(roles.VIEW_JOB_ARGUMENTS):
        # The form shows what the job was given.
        raise PermissionDenied
    task = declared(job.task)
    if (obstacle := edited.obstacle(job)) or task is None:
        messages.warning(request, str(obstacle))
        return page
    form = ArgumentsForm(task, job.arguments, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            new = control.retry_edited(
                request,
                job,
                form.arguments,
                new_id=new_id(request),
                changed=form.changed_names,
                reason=request.POST.get("reason", ""),
            )
        except RefusedError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The new job is on its way."))
            return HttpResponseRedirect(reverse("admin:jobs_job_change", args=[new.pk]))
    context = {
        **frame,
        "title": _("Retry with other arguments"),
        "job": job,
        "task": task,
        "form": form,
        "control": edited,
        "new_id": request.POST.get("new_id") or uuid.uuid4(),
    }
    return render(request, "admin/jobs/job/edit.html", context, status=400 if form.errors else 200)
