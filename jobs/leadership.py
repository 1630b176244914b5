"""Which one of several processes does the work that one alone needs to do.

A lease on a row, by the database's clock: the clocks of the machines do not matter. Nothing depends on there being
one leader alone: what a leader does is conditional, and a second one, awake from a freeze, finds it done. A leader
only spares the others the work.
"""

import socket
from datetime import timedelta

from django.db.models import Case, F, Q, When
from django.db.models.functions import Now

from jobs.models import Leadership

# Who sends, rescues and reconciles.
DISPATCHER = "dispatcher"
# Three times what lies between two renewals; a dead leader is followed after this and one look of another.
LEASE = timedelta(seconds=6)
RENEW_SECONDS = 2.0


def holder_of(worker_name: str) -> str:
    """How a worker's dispatcher is called here: a dispatcher that is started again goes on where the last one led."""
    return f"{worker_name}@{socket.gethostname()}"[:150]


def lead(name: str, holder: str) -> bool:
    """Whether that holder leads from now on, for as long as the lease; one that does not costs one read."""
    rows = Leadership.objects.filter(name=name)
    if rows.filter(until__gt=Now()).exclude(holder=holder).exists():
        return False
    if _take(name, holder):
        return True
    Leadership.objects.bulk_create([Leadership(name=name)], ignore_conflicts=True)
    return _take(name, holder)


def release(name: str, holder: str) -> bool:
    """Whether that holder led; somebody else may lead now."""
    return bool(Leadership.objects.filter(name=name, holder=holder).update(until=Now()))


def _take(name: str, holder: str) -> bool:
    is_ours = Q(holder=holder)
    free = Leadership.objects.filter(is_ours | Q(until=None) | Q(until__lte=Now()), name=name)
    since = Case(When(is_ours & Q(until__gt=Now()), then=F("since")), default=Now())
    return bool(free.update(holder=holder, since=since, until=Now() + LEASE))
