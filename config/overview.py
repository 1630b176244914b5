"""What the first page of the admin says: how the work stands right now."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import roles
from jobs.admin import overview
from jobs.models import Job, JobStatus
from validations.models import RunStatus, ValidationRun

# Counting stops here: beyond it the exact number changes nothing that an operator would do.
COUNT_LIMIT = 1000


def add_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The page's context with the numbers that this person may see."""
    tiles = []
    if request.user.has_perm(roles.VIEW_JOB):
        tiles += _job_tiles()
    if request.user.has_perm("validations.view_validationrun"):
        tiles += _run_tiles()
    health = overview.verdict() if request.user.has_perm(roles.VIEW_OPERATIONS) else None
    return {**context, "tiles": tiles, "health": health}


def _job_tiles() -> list[dict[str, Any]]:
    address = reverse("admin:jobs_job_changelist")
    day = timezone.now() - timedelta(days=1)
    held = Job.objects.filter(status=JobStatus.HELD)
    failed = Job.objects.filter(status=JobStatus.FAILED, finished_at__gte=day)
    return [
        _tile(
            _("Jobs running"),
            Job.objects.filter(status=JobStatus.RUNNING),
            f"{address}?status=running",
        ),
        _tile(_("Jobs queued"), Job.objects.filter(status=JobStatus.QUEUED), f"{address}?status=queued"),
        _tile(_("Jobs held back"), held, f"{address}?status=held", alarming=True),
        _tile(_("Jobs failed in 24 hours"), failed, f"{address}?status=failed", alarming=True),
    ]


def _run_tiles() -> list[dict[str, Any]]:
    address = reverse("admin:validations_validationrun_changelist")
    waiting = ValidationRun.unscoped.filter(status=RunStatus.QUEUED)
    return [_tile(_("Files waiting to be checked"), waiting, f"{address}?status__exact=queued")]


def _tile(label: str, rows: QuerySet[Any], url: str, *, alarming: bool = False) -> dict[str, Any]:
    count = rows.order_by().values("pk")[: COUNT_LIMIT + 1].count()
    shown = _("more than %(limit)s") % {"limit": COUNT_LIMIT} if count > COUNT_LIMIT else str(count)
    return {"label": label, "count": shown, "url": url, "is_alarm": alarming and count > 0}
