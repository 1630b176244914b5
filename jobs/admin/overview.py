"""What the operations page shows at one moment: put together here, drawn by its templates."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from jobs import analyses, census, pauses, redis_state, tenants
from jobs.admin import charts
from jobs.admin.base import seconds_text
from jobs.admin.charts import Chart, Series, count_text, ms_text, percent_text
from jobs.alerts import words
from jobs.analyses import Period, Reading, Tally
from jobs.census import Census, QueueCensus
from jobs.models import Alert, HoldReason, Job, JobStatus, Pause, RateLift
from jobs.queues import QueuePolicy

# In the address -> how long, and how people say it.
RANGES: dict[str, tuple[timedelta, Any]] = {
    "1h": (timedelta(hours=1), gettext_lazy("1 hour")),
    "6h": (timedelta(hours=6), gettext_lazy("6 hours")),
    "24h": (timedelta(days=1), gettext_lazy("24 hours")),
    "7d": (timedelta(days=7), gettext_lazy("7 days")),
    "30d": (timedelta(days=30), gettext_lazy("30 days")),
}
DEFAULT_RANGE = "1h"
# What comes in and goes out now is taken from so many minutes.
NOW = timedelta(minutes=15)
# A queue that would take longer than this to empty is said not to get empty.
LONGEST_FORECAST = timedelta(days=2)
# A job that waits for longer than this is marked; alerts have the limits of each queue.
LATE_SECONDS = 60
# The share of failed attempts from which on it is marked.
MANY_FAILURES = 0.05
RUNNING_SHOWN = 12
# The page of the workers shows what each runs.
RUNNING_READ = 200
TENANTS_SHOWN = 6
# Jobs of each status whose organizations are counted when there are too many for all of them.
TENANTS_LOOKED_AT = 5_000
ALERTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class View:
    """What the reader chose: how far back, and one queue or all."""

    range: str
    queue: str

    @classmethod
    def of(cls, request: HttpRequest) -> "View":
        """As the address says; what it says wrongly counts as not said."""
        chosen, queue = request.GET.get("range", ""), request.GET.get("queue", "")
        known = {policy.name for policy in settings.JOBS_QUEUES}
        return cls(chosen if chosen in RANGES else DEFAULT_RANGE, queue if queue in known else "")

    @property
    def period(self) -> Period:
        """The period, by the database's clock."""
        return Period.last(RANGES[self.range][0])

    def query(self, **changes: str) -> str:
        """The address of the same page with something else chosen."""
        chosen = {"range": self.range, "queue": self.queue} | changes
        return "?" + "&".join(f"{name}={value}" for name, value in chosen.items() if value)

    def choices(self) -> list[dict[str, Any]]:
        """The ranges to choose from."""
        return [
            {"label": label, "url": self.query(range=name), "is_chosen": name == self.range}
            for name, (_length, label) in RANGES.items()
        ]


def snapshot(view: View) -> dict[str, Any]:
    """Everything on the page, for all its parts."""
    now = census.take()
    period = Period.last(RANGES[view.range][0], now.at)
    reading = analyses.read(period)
    recent = analyses.read(Period.last(NOW, now.at))
    alerts = open_alerts()
    tallies = reading.by_queue()
    flows = {name: _flow(tally, recent.period, now.at) for name, tally in recent.by_queue().items()}
    course = reading.course(view.queue)
    # A day is one of UTC: its noon is on the same day nearly everywhere.
    lag = timedelta(hours=12) if reading.period.unit == timedelta(days=1) else timedelta(0)
    total = tallies.get(view.queue, Tally()) if view.queue else reading.totals()
    running = running_now(now)[:RUNNING_SHOWN]
    running_count = sum(queue.running for queue in now.queues.values())
    return {
        "view": view,
        "at": now.at,
        "range_label": RANGES[view.range][1],
        "health": health(now, alerts, recent.totals()),
        "facts": facts(now, running_count),
        "alerts": alerts[:ALERTS_SHOWN],
        "alerts_more": max(0, len(alerts) - ALERTS_SHOWN),
        "totals": totals(total),
        "queues": list(_queue_rows(now, tallies, flows, reading)),
        "charts": course_charts(course, total, lag),
        "running": running,
        "running_more": max(0, running_count - len(running)),
        "held": held_back(now),
        "tenants": tenant_shares(),
        "tenants_are_some": sum(queue.ready + queue.running for queue in now.queues.values())
        > census.EXACT_UP_TO,
        "groups": error_rows(period, 5),
        "slow": slow_rows(view, period, 5),
    }


def verdict() -> dict[str, str]:
    """The sentence of health alone, for other pages."""
    recent = analyses.read(Period.last(NOW))
    return health(census.take(), open_alerts(), recent.totals())


# --- Health -----------------------------------------------------------------------------------------------


def health(now: Census, alerts: Sequence[Mapping[str, Any]], recent: Tally) -> dict[str, str]:
    """One sentence on how things are, the worst thing first, and its kind: ok, warn or error."""
    if not now.workers:
        return {"kind": "error", "text": _without_workers(sum(queue.ready for queue in now.queues.values()))}
    if now.leader is None:
        text = _("No dispatcher leads: delayed jobs and retries are not sent. Restart a worker.")
        return {"kind": "error", "text": text}
    verdict = _pace(now, recent)
    if not alerts:
        return verdict
    text = ngettext("%(count)s alert stands.", "%(count)s alerts stand.", len(alerts)) % {
        "count": len(alerts)
    }
    is_new = any(alert["row"].acknowledged_at is None for alert in alerts)
    said = f"{text} {verdict['text']}"
    return (
        {"kind": "error", "text": said} if is_new else {"kind": "warn", "text": said, "label": _("In hand")}
    )


def _without_workers(ready: int) -> str:
    if not ready:
        return _("No worker is running. Start one with manage.py rqworker.")
    text = ngettext(
        "No worker is running: %(count)s job waits. Start one with manage.py rqworker.",
        "No worker is running: %(count)s jobs wait. Start one with manage.py rqworker.",
        ready,
    )
    return text % {"count": count_text(ready)}


def _pace(now: Census, recent: Tally) -> dict[str, str]:
    """How soon jobs start."""
    late = [queue for queue in now.queues.values() if queue.oldest_seconds > LATE_SECONDS]
    if late:
        worst = max(late, key=lambda queue: queue.oldest_seconds)
        text = _("Work piles up in %(queue)s: its oldest job has waited %(time)s.")
        values = {"queue": worst.name, "time": seconds_text(worst.oldest_seconds)}
        return {"kind": "warn", "text": text % values}
    usual = recent.wait_percentile_ms(0.95)
    if usual is None:
        return {"kind": "ok", "text": _("All is quiet: no job has started in the last minutes.")}
    return {"kind": "ok", "text": _("Jobs start within %(time)s.") % {"time": ms_text(usual)}}


def facts(now: Census, running: int) -> list[dict[str, str]]:
    """Name and value of what else tells how things are."""
    oldest = max((queue.oldest_seconds for queue in now.queues.values()), default=0.0)
    busy = _("%(running)s running, %(workers)s alive") % {"running": running, "workers": len(now.workers)}
    redis = redis_state.look()
    rows = [
        (
            _("Oldest waiting"),
            seconds_text(oldest) if oldest else "–",
            "warn" if oldest > LATE_SECONDS else "",
        ),
        (_("Workers"), busy, "" if now.workers else "error"),
        (
            _("Dispatcher"),
            now.leader.holder if now.leader else _("none leads"),
            "" if now.leader else "error",
        ),
        (_("Redis"), _redis_text(redis), "" if redis.answers and redis.takes_writes else "error"),
    ]
    return [{"name": name, "value": value, "kind": kind} for name, value, kind in rows]


def _redis_text(state: redis_state.RedisState) -> str:
    if not state.answers:
        return _("does not answer")
    if not state.takes_writes:
        return _("takes no writes")
    kept = {True: _("kept on disk"), False: _("in memory only"), None: ""}[state.persists]
    return " · ".join(part for part in (state.version, state.policy, kept) if part)


def open_alerts() -> list[dict[str, Any]]:
    """The alerts that stand, those that nobody has acknowledged first."""
    rows = Alert.objects.standing().select_related("acknowledged_by")
    return sorted(
        (alert_row(alert) for alert in rows), key=lambda row: row["row"].acknowledged_at is not None
    )


def alert_row(alert: Alert) -> dict[str, Any]:
    """An alert in words."""
    return {
        "row": alert,
        "headline": words.headline(alert.kind, alert.subject, alert.params),
        "advice": words.advice(alert.kind),
    }


# --- Queues -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flow:
    """Jobs in and attempts out, a minute."""

    came: float
    went: float


def _flow(tally: Tally, period: Period, now: datetime) -> Flow:
    minutes = max(1.0, (min(now, period.until) - period.since) / timedelta(minutes=1))
    return Flow(tally.enqueued / minutes, (tally.ended - tally.retried) / minutes)


def _queue_rows(
    now: Census, tallies: Mapping[str, Tally], flows: Mapping[str, Flow], reading: Reading
) -> Iterator[dict[str, Any]]:
    stops = {row.queue: row for row in pauses.live_pauses().filter(tenant_id=None).select_related("by")}
    lifts = {row.queue: row for row in pauses.live_lifts()}
    policies = {policy.name: policy for policy in settings.JOBS_QUEUES}
    courses = reading.ended_course()
    jobs = reverse("admin:jobs_job_changelist")
    for name, queue in now.queues.items():
        tally, flow = tallies.get(name, Tally()), flows.get(name, Flow(0, 0))
        yield {
            "queue": queue,
            "name": name,
            "jobs_url": f"{jobs}?queue={name}",
            "oldest": seconds_text(queue.oldest_seconds) if queue.ready else "",
            "is_unserved": bool(now.workers) and not queue.workers,
            "is_late": queue.ready and queue.oldest_seconds > LATE_SECONDS,
            "places": _places_text(queue, policies.get(name)),
            "later": _later(queue),
            "spark": charts.spark(courses.get(name, [])),
            "came": _rate_text(flow.came),
            "went": _rate_text(flow.went),
            "has_waits": tally.started > 0,
            "has_runs": sum(tally.runs) > 0,
            "wait_p50": ms_text(tally.wait_percentile_ms(0.5)),
            "wait_p95": ms_text(tally.wait_percentile_ms(0.95)),
            "run_p50": ms_text(tally.run_percentile_ms(0.5)),
            "run_p95": ms_text(tally.run_percentile_ms(0.95)),
            "failed": percent_text(tally.failure_share),
            "is_failing": (tally.failure_share or 0) > MANY_FAILURES,
            "forecast": forecast(queue, flow, stops.get(name), has_workers=bool(now.workers)),
            "pause": stops.get(name),
            "pause_until": _until_text(stops[name].until) if name in stops else "",
            **_limit(policies.get(name), lifts.get(name)),
        }


def _limit(policy: QueuePolicy | None, lift: RateLift | None) -> dict[str, Any]:
    rate = policy.rate if policy and policy.rate else ""
    return {"rate": rate, "lift": lift, "lift_until": _until_text(lift.until) if lift else ""}


def _until_text(moment: datetime | None) -> str:
    """The time of an end, with its day where that is not today."""
    if moment is None:
        return ""
    here = localtime(moment)
    day = "" if here.date() == localtime().date() else f"{date_format(here, 'SHORT_DATE_FORMAT')} "
    return f"{day}{here:%H:%M}"


def _places_text(queue: QueueCensus, policy: QueuePolicy | None) -> str:
    if policy is None or policy.concurrency is None:
        return count_text(queue.running)
    return f"{queue.running}/{policy.concurrency}"


def _later(queue: QueueCensus) -> str:
    """What else of the queue is not over, in a few words."""
    held = sum(queue.held.values())
    parts = [
        (held, ngettext("%(count)s held", "%(count)s held", held)),
        (queue.retrying, _("%(count)s to retry")),
        (queue.scheduled, _("%(count)s for later")),
        (queue.blocked, ngettext("%(count)s blocked", "%(count)s blocked", queue.blocked)),
    ]
    return " · ".join(text % {"count": count_text(count)} for count, text in parts if count)


def _rate_text(per_minute: float) -> str:
    if 0 < per_minute < 10:
        return number_format(round(per_minute, 1), 1)
    return count_text(per_minute)


def forecast(
    queue: QueueCensus, flow: Flow, pause: Pause | None, *, has_workers: bool = True
) -> dict[str, str]:
    """When the queue will be empty if it goes on like this, and whether that is a worry."""
    if not queue.ready or not has_workers:
        return {"kind": "", "text": "–"}
    if pause is not None:
        return {"kind": "", "text": _("paused")}
    if not queue.workers:
        return {"kind": "error", "text": _("no worker")}
    net = flow.went - flow.came
    if net <= 0 or queue.ready / net > LONGEST_FORECAST / timedelta(minutes=1):
        return {"kind": "warn", "text": _("grows") if net < 0 else _("stands")}
    return {"kind": "", "text": seconds_text(queue.ready / net * 60)}


# --- What happened ----------------------------------------------------------------------------------------


def totals(tally: Tally) -> list[dict[str, str]]:
    """The numbers of the period."""
    rows = [
        (_("Enqueued"), count_text(tally.enqueued), ""),
        (_("Succeeded"), count_text(tally.succeeded), ""),
        (pgettext("attempts", "Failed"), count_text(tally.failed), ""),
        (pgettext("attempts", "Lost"), count_text(tally.lost), "warn" if tally.lost else ""),
        (_("Retried"), count_text(tally.retried), ""),
        (
            _("Failure rate"),
            percent_text(tally.failure_share),
            "error" if (tally.failure_share or 0) > MANY_FAILURES else "",
        ),
        (_("Wait, p95"), ms_text(tally.wait_percentile_ms(0.95)), ""),
        (_("Run, p95"), ms_text(tally.run_percentile_ms(0.95)), ""),
    ]
    return [{"name": name, "value": value, "kind": kind} for name, value, kind in rows]


def course_charts(course: Sequence[analyses.Point], total: Tally, lag: timedelta) -> list[Chart]:
    """Throughput, waiting and failures over time; each point is shown that much after its beginning."""
    moments = [point.at + lag for point in course]
    tallies = [point.tally for point in course]
    ended = ngettext(
        "%(done)s attempt ended; failed or lost: %(broken)s.",
        "%(done)s attempts ended; failed or lost: %(broken)s.",
        total.ended,
    ) % {"done": count_text(total.ended), "broken": count_text(total.broken)}
    waited = _("Half of the jobs waited up to %(half)s, 95 of 100 up to %(most)s.") % {
        "half": ms_text(total.wait_percentile_ms(0.5)), "most": ms_text(total.wait_percentile_ms(0.95)),
    }  # fmt: skip
    failed = ngettext(
        "%(share)s of the attempts failed or were lost; %(again)s was tried again.",
        "%(share)s of the attempts failed or were lost; %(again)s were tried again.",
        total.retried,
    ) % {"share": percent_text(total.failure_share), "again": count_text(total.retried)}
    return [
        charts.bars(
            "throughput", _("Throughput"), ended, moments,
            [
                Series(_("succeeded"), "ok", [tally.succeeded for tally in tallies]),
                Series(_("failed or lost"), "error", [tally.broken for tally in tallies]),
            ],
            count_text,
            over=[Series(_("enqueued"), "ink", [tally.enqueued for tally in tallies])],
        ),
        charts.lines(
            "waiting", _("Waiting"), waited, moments,
            [
                Series(_("half (p50)"), "accent", [tally.wait_percentile_ms(0.5) for tally in tallies]),
                Series(_("95 of 100 (p95)"), "warn", [tally.wait_percentile_ms(0.95) for tally in tallies]),
            ],
            ms_text,
        ),
        charts.bars(
            "failures", _("Failures"), failed, moments,
            [
                Series(pgettext("attempts", "failed"), "error", [tally.failed for tally in tallies]),
                Series(pgettext("attempts", "lost"), "warn", [tally.lost for tally in tallies]),
            ],
            count_text,
        ),
    ]  # fmt: skip


def error_rows(period: Period, limit: int) -> list[dict[str, Any]]:
    """The most frequent error groups with their course."""
    return [
        {"group": group, "spark": charts.spark(group.counts), "count": count_text(group.count)}
        for group in analyses.error_groups(period, limit)
    ]


def slow_rows(view: View, period: Period, limit: int, *, task: str = "") -> list[dict[str, Any]]:
    """The longest attempts, with their share of the time limit."""
    rows = analyses.slow_runs(period, limit, queue=view.queue, task=task)
    names = tenants.names([row.tenant_id for row in rows])
    return [
        {
            "run": row,
            "url": reverse("admin:jobs_job_change", args=[row.job_id]),
            "lasted": seconds_text(row.run_seconds),
            "percent": min(100, round(row.share_of_limit * 100)),
            "share": percent_text(round(row.share_of_limit, 2)),
            "is_close": row.share_of_limit > 0.8,
            "tenant": names.get(row.tenant_id or 0, ""),
        }
        for row in rows
    ]


# --- Right now --------------------------------------------------------------------------------------------


def running_now(now: Census) -> list[dict[str, Any]]:
    """Jobs that run, the longest first, as many as are worth a look."""
    jobs = list(
        Job.objects.filter(status=JobStatus.RUNNING)
        .order_by("started_at")
        .only(
            "task", "queue", "tenant_id", "worker", "started_at", "timeout_seconds", "progress_done",
            "progress_total", "progress_message", "cancel_requested_at",
        )[:RUNNING_READ]
    )  # fmt: skip
    names = tenants.names([job.tenant_id for job in jobs])
    return [
        {
            "job": job,
            "url": reverse("admin:jobs_job_change", args=[job.pk]),
            "since": seconds_text((now.at - job.started_at).total_seconds()) if job.started_at else "–",
            "percent": job.progress_percent,
            "share": percent_text((job.progress_percent or 0) / 100),
            "tenant": names.get(job.tenant_id or 0, ""),
        }
        for job in jobs
    ]


def held_back(now: Census) -> list[dict[str, Any]]:
    """Why jobs that somebody may expect to run do not: a sentence for each reason, and how many."""
    held: dict[str, int] = defaultdict(int)
    blocked = retrying = 0
    for queue in now.queues.values():
        for reason, count in queue.held.items():
            held[reason] += count
        blocked, retrying = blocked + queue.blocked, retrying + queue.retrying
    jobs = reverse("admin:jobs_job_changelist")
    texts = {HoldReason.REDIS_AWAY: _("Redis is away: they are sent when it is back."),
             HoldReason.PAUSED: _("Their queue or organization is paused.")}  # fmt: skip
    rows = [
        (count, texts.get(HoldReason(reason), "") if reason in HoldReason.values else _("Held."), "held")
        for reason, count in sorted(held.items())
    ]
    rows += [
        (blocked, _("They wait for other jobs to end."), "blocked"),
        (retrying, _("An attempt failed: the next one starts after a pause."), "retrying"),
    ]
    return [
        {"count": count_text(count), "text": text, "url": f"{jobs}?status={status}"}
        for count, text, status in rows
        if count
    ]


def _tenant_counts() -> list[tuple[int | None, int]]:
    active = Job.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    if active.order_by().values("pk")[: census.EXACT_UP_TO + 1].count() <= census.EXACT_UP_TO:
        owned = active.filter(tenant_id__isnull=False).order_by().values_list("tenant_id")
        return list(owned.annotate(count=Count("*")))
    seen: Counter[int | None] = Counter()
    for status in (JobStatus.RUNNING, JobStatus.QUEUED):
        first = active.filter(status=status).order_by("created_at").values_list("tenant_id", flat=True)
        seen.update(first[:TENANTS_LOOKED_AT])
    return list(seen.items())


def tenant_shares() -> list[dict[str, Any]]:
    """Which organizations the waiting and running jobs belong to, the most first.

    Of a large backlog it is those that run, and the ones that wait for longest.
    """
    counted = _tenant_counts()
    found = sorted(((tenant, count) for tenant, count in counted if tenant), key=lambda row: -row[1])
    total = sum(count for _tenant, count in found)
    shown = found[:TENANTS_SHOWN]
    names = tenants.names([tenant for tenant, _count in shown])
    rows = [
        {
            "name": names[tenant],
            "count": count_text(count),
            "share": percent_text(count / total),
            "percent": round(count / total * 100, 1),
            "url": f"{reverse('admin:jobs_job_changelist')}?tenant_id={tenant}",
        }
        for tenant, count in shown
    ]
    if rest := total - sum(count for _tenant, count in shown):
        text = ngettext("%(count)s other", "%(count)s others", len(found) - len(shown))
        name = text % {"count": len(found) - len(shown)}
        rows.append({"name": name, "count": count_text(rest), "share": percent_text(rest / total),
                     "percent": round(rest / total * 100, 1), "url": ""})  # fmt: skip
    return rows
