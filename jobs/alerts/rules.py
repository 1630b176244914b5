"""The table of alerts: what is looked at, how long it has to last, and how long it has to be well again.

A look yields one sighting for each thing that is wrong now. One that cannot tell raises `CannotTellError`, and
the alerts of its kind stay as they are.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast

from django.conf import settings
from django.db import connection as database
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum

from jobs import census, pauses, redis_state
from jobs.census import Census
from jobs.failfast import REDIS_ERRORS, connection
from jobs.lifecycle import Cause
from jobs.models import (
    ActionKind,
    AlertKind,
    AuditEntry,
    Job,
    JobEvent,
    JobStatus,
    MinuteStat,
    Schedule,
)
from jobs.redis_state import RedisState
from jobs.schedules import Trouble
from jobs.transport import QUARANTINE_KEY

# Failures are counted over this time; fewer ended attempts than that say nothing.
FAILURE_WINDOW = timedelta(minutes=10)
FAILURES_FEWEST = 10
FAILURES_PERCENT = 20
# A worker kills a job that ignores its time limit within seconds; one that outlives even this is stuck.
STUCK_GRACE = timedelta(seconds=60)
SLOW_DATABASE_SECONDS = 0.5
# A schedule whose slot passed this long ago makes no job.
SCHEDULE_LATE = timedelta(minutes=2)
# A bad hint is news for this long.
QUARANTINE_NEWS = timedelta(hours=1)
# As is a line of the audit trail that alarms.
AUDIT_NEWS = timedelta(hours=1)


class CannotTellError(Exception):
    """What the rule asks did not answer."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that is wrong now."""

    # The queue, task or schedule that it is about; empty for the whole site.
    subject: str = ""
    # Numbers and words of our own for its sentence.
    params: dict[str, Any] = field(default_factory=dict)


class Scene:
    """What the rules look at; each part is asked for once, when the first rule needs it."""

    @cached_property
    def census(self) -> Census:
        """The active jobs, workers and the leader."""
        return census.take()

    @cached_property
    def redis(self) -> RedisState:
        """How Redis is."""
        return redis_state.look()

    @property
    def now(self) -> datetime:
        """The moment of the look, by the database's clock."""
        return self.census.at


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table."""

    kind: AlertKind
    look: Callable[[Scene], Iterator[Sighting]]
    # It is raised after it was seen for so long, and resolved after it was not seen for so long.
    raise_after: timedelta
    resolve_after: timedelta


def no_worker(scene: Scene) -> Iterator[Sighting]:
    """Queues that nobody serves; one sighting for all of them when no worker lives at all."""
    unserved = scene.census.unserved
    if not scene.census.workers:
        yield Sighting(params={"ready": sum(queue.ready for queue in scene.census.queues.values())})
        return
    for name in unserved:
        yield Sighting(name, {"ready": scene.census.queues[name].ready})


def too_old(scene: Scene) -> Iterator[Sighting]:
    """Queues whose oldest ready job waits for longer than the queue promises; what is paused waits rightly."""
    paused = _paused()
    for policy in settings.JOBS_QUEUES:
        queue = scene.census.queues[policy.name]
        if queue.is_paused or queue.oldest_seconds <= policy.late_after.total_seconds():
            continue
        waiting = Job.objects.filter(status=JobStatus.QUEUED, queue=policy.name)
        if tenants := paused.get(policy.name, set()) | paused.get("", set()):
            waiting = waiting.exclude(tenant_id__in=tenants)
        oldest = _ready_since(waiting)
        if oldest is not None and scene.now - oldest > policy.late_after:
            seconds = int((scene.now - oldest).total_seconds())
            yield Sighting(policy.name, {"seconds": seconds, "ready": queue.ready})


def _ready_since(waiting: QuerySet[Job]) -> datetime | None:
    """Since when the job can start that waits for longest, of those created first: not while it was paused or ran."""
    releases = JobEvent.objects.filter(job=OuterRef("pk"), cause__in=_READY_AGAIN).order_by("-id")
    first = waiting.order_by("created_at").annotate(released_at=Subquery(releases.values("at")[:1]))
    rows = first.values_list("due_at", "released_at")[: census.LOOKED_AT_FOR_OLDEST]
    return min((max(due, released or due) for due, released in rows), default=None)


_READY_AGAIN = (Cause.RESUMED, Cause.HANDED_BACK, Cause.LEASE_OVER, Cause.PROCESS_DIED)


def _paused() -> dict[str, set[int]]:
    """The organizations whose jobs are paused, by queue; under the empty name those paused everywhere."""
    live = pauses.live_pauses().filter(tenant_id__isnull=False)
    found: dict[str, set[int]] = {}
    for name, tenant_id in live.values_list("queue", "tenant_id"):
        found.setdefault(name, set()).add(cast(int, tenant_id))
    return found


def failures(scene: Scene) -> Iterator[Sighting]:
    """Queues where too large a part of the attempts of the last minutes went wrong."""
    rows = (
        MinuteStat.objects.filter(minute__gte=scene.now - FAILURE_WINDOW)
        .order_by()
        .values("queue")
        .annotate(bad=Sum(F("failed") + F("lost")), good=Sum("succeeded"))
    )
    for row in rows:
        bad, ended = row["bad"], row["bad"] + row["good"]
        if bad >= FAILURES_FEWEST and bad * 100 >= ended * FAILURES_PERCENT:
            params = {"failed": bad, "ended": ended, "percent": bad * 100 // ended}
            yield Sighting(row["queue"], params)


def stuck(scene: Scene) -> Iterator[Sighting]:
    """Tasks with a running job that has outlived its time limit by far."""
    running = Job.objects.filter(status=JobStatus.RUNNING, started_at__isnull=False)
    worst: dict[str, dict[str, int]] = {}
    for task, started_at, limit in running.values_list("task", "started_at", "timeout_seconds"):
        assert started_at is not None  # noqa: S101 -- asked for above
        lasted = scene.now - started_at
        if lasted > timedelta(seconds=limit) + STUCK_GRACE:
            entry = worst.setdefault(task, {"jobs": 0, "seconds": 0})
            entry["jobs"] += 1
            entry["seconds"] = max(entry["seconds"], int(lasted.total_seconds()))
    for task, params in worst.items():
        yield Sighting(task, params)


def redis_away(scene: Scene) -> Iterator[Sighting]:
    """Redis does not answer, or takes nothing."""
    if not scene.redis.takes_writes:
        yield Sighting(params={"state": scene.redis.word})


def database_slow(_scene: Scene) -> Iterator[Sighting]:
    """The database takes long for nothing; one that is away altogether cannot store an alert."""
    seconds = min(_round_trip_seconds() for _ in range(3))
    if seconds > SLOW_DATABASE_SECONDS:
        yield Sighting(params={"milliseconds": int(seconds * 1000)})


def _round_trip_seconds() -> float:
    began = time.perf_counter()
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return time.perf_counter() - began


def eviction(scene: Scene) -> Iterator[Sighting]:
    """Redis may delete what it holds when its memory is full."""
    policy = _known(scene.redis.policy)
    if policy != redis_state.SAFE_POLICY:
        yield Sighting(params={"policy": policy})


def persistence(scene: Scene) -> Iterator[Sighting]:
    """Redis writes nothing to disk, or could not."""
    if scene.redis.answers and scene.redis.disk_ok is False:
        yield Sighting(params={"state": "failing"})
    elif not _known(scene.redis.persists):
        yield Sighting(params={"state": "off"})


def _known(value: Any) -> Any:
    if value is None:
        raise CannotTellError
    return value


def schedule(scene: Scene) -> Iterator[Sighting]:
    """Schedules whose last slot made no job, or whose slot passed unnoticed."""
    going = Schedule.objects.filter(paused_at=None)
    is_late = Q(next_at__lt=scene.now - SCHEDULE_LATE)
    # A slot that is skipped while the last job goes on was wanted so.
    troubled = going.filter(~Q(trouble__in=["", Trouble.OVERLAP]) | is_late)
    for name, trouble in troubled.values_list("name", "trouble"):
        yield Sighting(name, {"trouble": "late" if trouble in ("", Trouble.OVERLAP) else trouble})


def quarantine(scene: Scene) -> Iterator[Sighting]:
    """A hint that this project did not write was found in Redis lately."""
    if not scene.redis.answers:
        raise CannotTellError
    try:
        newest = cast(bytes | None, connection().lindex(QUARANTINE_KEY, 0))
    except REDIS_ERRORS as error:
        raise CannotTellError from error
    if newest is None:
        return
    try:
        is_news = scene.now - datetime.fromisoformat(json.loads(newest)["at"]) < QUARANTINE_NEWS
    except (ValueError, KeyError, TypeError) as error:
        # The platform did not write this entry: when that was it does not say.
        raise CannotTellError from error
    if is_news:
        yield Sighting(params={"entries": scene.redis.quarantined or 0})


def crossed_border(scene: Scene) -> Iterator[Sighting]:
    """Jobs were ended lately because what they were to work on belongs to another organization."""
    if tries := _audited_lately(scene, ActionKind.CROSSED_BORDER):
        yield Sighting(params={"jobs": tries})


def malware(scene: Scene) -> Iterator[Sighting]:
    """Uploads were put away lately because the scanner found something in them."""
    if files := _audited_lately(scene, ActionKind.QUARANTINE):
        yield Sighting(params={"files": files})


def _audited_lately(scene: Scene, action: ActionKind) -> int:
    return AuditEntry.objects.filter(action=action, at__gt=scene.now - AUDIT_NEWS).count()


def _minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


# Short where people wait, long where a value swings; resolving takes longer than raising where it may come back.
RULES: tuple[Rule, ...] = (
    Rule(AlertKind.NO_WORKER, no_worker, raise_after=_minutes(1), resolve_after=_minutes(1)),
    Rule(AlertKind.TOO_OLD, too_old, raise_after=_minutes(1), resolve_after=_minutes(5)),
    Rule(AlertKind.FAILURES, failures, raise_after=_minutes(2), resolve_after=_minutes(10)),
    Rule(AlertKind.STUCK, stuck, raise_after=_minutes(1), resolve_after=_minutes(1)),
    Rule(AlertKind.REDIS_AWAY, redis_away, raise_after=_minutes(0.5), resolve_after=_minutes(1)),
    Rule(AlertKind.DATABASE_SLOW, database_slow, raise_after=_minutes(1), resolve_after=_minutes(5)),
    Rule(AlertKind.EVICTION, eviction, raise_after=_minutes(0), resolve_after=_minutes(1)),
    Rule(AlertKind.PERSISTENCE, persistence, raise_after=_minutes(1), resolve_after=_minutes(1)),
    Rule(AlertKind.SCHEDULE, schedule, raise_after=_minutes(2), resolve_after=_minutes(2)),
    Rule(AlertKind.QUARANTINE, quarantine, raise_after=_minutes(0), resolve_after=_minutes(5)),
    Rule(AlertKind.MALWARE, malware, raise_after=_minutes(0), resolve_after=_minutes(5)),
    Rule(AlertKind.CROSSED_BORDER, crossed_border, raise_after=_minutes(0), resolve_after=_minutes(5)),
)
