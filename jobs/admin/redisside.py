"""What Redis says of one job, beside the row that is the truth."""

from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.translation import gettext as _
from redis import RedisError

from jobs.admin import hints
from jobs.admin.rqstates import STATE_LABELS, STATE_PAGES
from jobs.models import Job, JobStatus


@dataclass(frozen=True, slots=True)
class RedisSide:
    """Where the id of a job stands in Redis."""

    answers: bool
    # RQ's word for the state, and the lists in which the id stands, with their addresses.
    status: str = ""
    places: list[tuple[str, str]] = field(default_factory=list)
    # How that differs from the row, and what becomes of it; empty where both agree.
    difference: str = ""


def redis_side(job: Job) -> RedisSide:
    """What Redis says of the job now; it is read without changing anything."""
    try:
        hint = hints.one(str(job.pk))
        places = hints.places(job.queue, str(job.pk))
    except (RedisError, OSError):
        return RedisSide(answers=False)
    links = [
        (str(STATE_LABELS[place]), reverse(f"admin:django_rq_{STATE_PAGES[place]}", args=[job.queue]))
        for place in places
    ]
    return RedisSide(
        answers=True, status=hint.status, places=links, difference=_difference(job, places, hint.problem)
    )


def _difference(job: Job, places: list[str], problem: str) -> str:
    if problem == "foreign":
        return _(
            "The entry in Redis was not written by this project. Workers put it aside and do not run it."
        )
    if "queued" in places and job.status == JobStatus.RUNNING:
        return _(
            "Redis would send it once more. That is harmless: a worker that takes the id finds it running."
        )
    if "queued" in places and job.status != JobStatus.QUEUED:
        return _(
            "Redis would still send it. That is harmless: a worker that takes the id finds nothing to do."
        )
    if "started" in places and job.status != JobStatus.RUNNING:
        return _("Redis still counts it as started. The row decides; the entry goes away by itself.")
    return ""
