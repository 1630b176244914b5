"""Alerts in sentences: what is wrong, and what to do about it, in the reader's language."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.models import AlertKind


def headline(kind: str, subject: str, params: Mapping[str, Any]) -> str:
    """What is wrong, as one sentence."""
    values = {"subject": subject, **params}
    match kind:
        case AlertKind.NO_WORKER if not subject:
            return _("No worker is running.")
        case AlertKind.NO_WORKER:
            return _("No worker serves the queue “%(subject)s”.") % values
        case AlertKind.TOO_OLD:
            values["time"] = _duration(params.get("seconds", 0))
            return _("The oldest job of the queue “%(subject)s” has been waiting for %(time)s.") % values
        case AlertKind.FAILURES:
            text = _(
                "%(failed)s of the last %(ended)s attempts in the queue “%(subject)s” failed (%(percent)s%%)."
            )
            return text % {"failed": 0, "ended": 0, "percent": 0, **values}
        case AlertKind.STUCK:
            values["time"] = _duration(params.get("seconds", 0))
            return _("A job of “%(subject)s” has been running for %(time)s, beyond its time limit.") % values
        case AlertKind.SCHEDULE if not subject:
            return _("A schedule makes no jobs.")
        case AlertKind.SCHEDULE:
            return _("The schedule “%(subject)s” makes no jobs.") % values
    return _site_wide(kind, params)


def _site_wide(kind: str, params: Mapping[str, Any]) -> str:
    match kind:
        case AlertKind.REDIS_AWAY if params.get("state") == "read_only":
            return _("Redis answers, but takes no writes.")
        case AlertKind.REDIS_AWAY:
            return _("Redis does not answer.")
        case AlertKind.DATABASE_SLOW:
            milliseconds = params.get("milliseconds", 0)
            return _("The database takes %(milliseconds)s ms for an empty query.") % {
                "milliseconds": milliseconds
            }
        case AlertKind.EVICTION:
            policy = params.get("policy", "")
            return _("Redis may delete queued jobs: its maxmemory-policy is %(policy)s.") % {"policy": policy}
        case AlertKind.PERSISTENCE if params.get("state") == "failing":
            return _("Redis cannot write to its disk.")
        case AlertKind.PERSISTENCE:
            return _("Redis keeps nothing on disk.")
        case AlertKind.NO_LEADER:
            return _("No dispatcher leads.")
    return _of_security(kind)


def _of_security(kind: str) -> str:
    match kind:
        case AlertKind.QUARANTINE:
            return _("Entries that this site did not write were found in Redis and put aside.")
        case AlertKind.MALWARE:
            return _("The scanner found malware in uploads, which were put away.")
        case AlertKind.CROSSED_BORDER:
            return _("Jobs named another organization than the rows they were to work on, and were ended.")
    return str(AlertKind(kind).label) if kind in AlertKind.values else kind


def advice(kind: str) -> str:
    """What somebody who runs the site should do, as one or two sentences."""
    return {
        AlertKind.NO_WORKER: _("Start a worker for it: manage.py rqworker. Its jobs wait and are not lost."),
        AlertKind.TOO_OLD: _("Start more workers, or find out on the operations page what holds them up."),
        AlertKind.FAILURES: _("Look at the error groups: a single cause is behind most failures."),
        AlertKind.STUCK: _("Look at the job's page and cancel it; if it stays, restart its worker."),
        AlertKind.REDIS_AWAY: _(
            "Start Redis, or give it memory. Uploads are accepted meanwhile, and waiting jobs are sent by themselves."
        ),
        AlertKind.DATABASE_SLOW: _("Look at the load of the database and at the network between."),
        AlertKind.EVICTION: _("Set maxmemory-policy to noeviction, in the configuration of Redis as well."),
        AlertKind.PERSISTENCE: _("Set appendonly to yes, and see that the disk of Redis is not full."),
        AlertKind.NO_LEADER: _("Start a worker: each one brings a dispatcher along."),
        AlertKind.SCHEDULE: _("Open the schedule: it says what is wrong with it."),
        AlertKind.QUARANTINE: _("Find out who else can write to this Redis, and change its password."),
        AlertKind.MALWARE: _("Read the audit trail for whose files they are, and speak with the sender."),
        AlertKind.CROSSED_BORDER: _(
            "Nothing was done for them. Read the audit trail: who can write to the database or to Redis?"
        ),
    }.get(AlertKind(kind), "")


def _duration(seconds: float) -> str:
    """A length of time in the unit that a person would use."""
    seconds = int(seconds)
    if seconds < 120:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    minutes = seconds // 60
    if minutes < 120:
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    hours = minutes // 60
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
