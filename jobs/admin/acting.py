"""Pressing a button for one or several jobs: asking first, doing it, and saying what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.control import Control, perform
from jobs.errors import RefusedError
from jobs.models import Job


@dataclass(slots=True)
class Done:
    """What came of an action."""

    changed: int = 0
    # Sentence -> how many jobs were left as they are because of it.
    refused: Counter[str] = field(default_factory=Counter)


def confirmation(request: HttpRequest, control: Control, jobs: Sequence[Job]) -> HttpResponse:
    """The page that says what would happen, to which jobs, and asks for a reason."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Are you sure?"),
        "control": control,
        "jobs": [(job, control.obstacle(job)) for job in jobs],
        "here": request.POST.get("here", ""),
        "from_page": request.POST.get("from_page", ""),
    }
    return render(request, "admin/jobs/job/confirm.html", context)


def act_on(request: HttpRequest, control: Control, jobs: Sequence[Job], *, reason: str = "") -> Done:
    """What came of doing it to each of the jobs.

    Raises: PermissionDenied, after the try was written down.
    """
    done = Done()
    for job in jobs:
        try:
            if perform(request, control, job, reason=reason):
                done.changed += 1
            else:
                done.refused[_("Somebody else was faster.")] += 1
        except RefusedError as error:
            done.refused[str(error)] += 1
    return done


def tell(request: HttpRequest, done: Done) -> None:
    """Say on the next page what came of it."""
    if done.changed:
        text = ngettext("%(count)s job changed.", "%(count)s jobs changed.", done.changed)
        messages.success(request, text % {"count": done.changed})
    for reason, number in done.refused.items():
        text = ngettext(
            "%(count)s job was left as it is: %(reason)s",
            "%(count)s jobs were left as they are: %(reason)s",
            number,
        )
        messages.warning(request, text % {"count": number, "reason": reason})


def new_id(request: HttpRequest) -> UUID:
    """The id that the page chose for the new job, so that pressing twice makes one.

    Raises: BadRequest.
    """
    try:
        return UUID(request.POST.get("new_id", ""))
    except ValueError:
        raise BadRequest from None
