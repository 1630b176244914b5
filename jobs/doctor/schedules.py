"""Schedules make their jobs."""

from collections.abc import Iterator

from django.db import DatabaseError

from jobs.alerts import rules
from jobs.doctor import Examination, Finding, check, ok, warning
from jobs.models import Schedule


@check("schedules")
def look_at_schedules(examination: Examination) -> Iterator[Finding]:
    """No schedule is late or in trouble."""
    try:
        troubled = list(rules.schedule(rules.Scene()))
        going, paused = (Schedule.objects.filter(paused_at__isnull=state).count() for state in (True, False))
    except DatabaseError:
        return
    for sighting in troubled:
        yield warning(
            f"The schedule “{sighting.subject}” makes no jobs ({sighting.params['trouble']}).",
            "What it stands for does not happen.",
            "Open it in the admin: it says what is wrong with it. Late ones need a worker with a leader.",
        )
    if not troubled:
        yield ok(f"{going} schedules are on time, {paused} are paused")
