"""What Prometheus reads at `/metrics`: everything comes from rows and from Redis, nothing is counted in a process.

So each web server gives the same answer, a restart resets no counter, and nothing is lost with a worker. Labels are
names of queues and tasks, and words of our own; never an organization, a person, a file or a host.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

from jobs import census, redis_state, totals
from jobs.census import Census, QueueCensus
from jobs.histograms import BUCKETS_MS
from jobs.models import Alert, AttemptOutcome, HoldReason
from jobs.redis_state import SAFE_POLICY, RedisState
from jobs.totals import Total

__all__ = ["CONTENT_TYPE", "exposition"]

# Some of the bounds of the statistics: a dashboard needs no more, and each is a time series for every queue.
BOUNDS_MS = (10, 50, 100, 500, 1000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000)
_OUTCOMES = tuple(outcome.value for outcome in AttemptOutcome if outcome != AttemptOutcome.RUNNING)
_STATES = ("ready", "running", "scheduled", "retrying", "blocked")


def exposition() -> bytes:
    """The text that Prometheus reads; without a database it says that, and what is known of Redis."""
    registry = CollectorRegistry()
    registry.register(_Rows())
    return generate_latest(registry)


class _Rows(Collector):
    """The metrics as they are when they are asked for."""

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        began = time.perf_counter()
        yield from _of_redis(redis_state.look())
        try:
            metrics = list(_of_database())
        except DatabaseError:
            connection.close()
            metrics = []
        yield _gauge("database_up", "Whether the database answers", float(bool(metrics)))
        yield from metrics
        seconds = time.perf_counter() - began
        yield _gauge("scrape_seconds", "How long it took to collect these metrics", seconds)

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not ask the database."""
        yield from ()


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"bordereau_{name}", text, value=value)


def _of_database() -> Iterator[Metric]:
    now = census.take()
    yield from _of_queues(now)
    yield _gauge("workers", "Workers that gave a sign of life lately", len(now.workers))
    yield _gauge("leader", "Whether a dispatcher leads", float(now.leader is not None))
    yield _of_alerts()
    ever = totals.read()
    yield from _counters(ever)
    yield from _histograms(ever)


def _of_queues(now: Census) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("bordereau_queue_jobs", "Active jobs by state", labels=["queue", "state"])
    held = GaugeMetricFamily(
        "bordereau_queue_held_jobs", "Ready jobs that are kept back", labels=["queue", "reason"]
    )
    for queue in now.queues.values():
        for state in _STATES:
            jobs.add_metric([queue.name, state], getattr(queue, state))
        for reason in HoldReason.values:
            held.add_metric([queue.name, reason], queue.held.get(reason, 0))
    yield jobs
    yield held
    yield _by_queue(now, "oldest_seconds", "How long the oldest ready job has waited", _oldest)
    yield _by_queue(now, "workers", "Living workers that serve the queue", lambda queue: queue.workers)
    yield _by_queue(now, "paused", "Whether the queue is paused", lambda queue: queue.is_paused)
    places = GaugeMetricFamily(
        "bordereau_queue_places", "Jobs that may run at once, where that is limited", labels=["queue"]
    )
    for policy in settings.JOBS_QUEUES:
        if policy.concurrency is not None:
            places.add_metric([policy.name], policy.concurrency)
    yield places


def _oldest(queue: QueueCensus) -> float:
    return queue.oldest_seconds


def _by_queue(now: Census, name: str, text: str, value: Callable[[QueueCensus], float]) -> Metric:
    family = GaugeMetricFamily(f"bordereau_queue_{name}", text, labels=["queue"])
    for queue in now.queues.values():
        family.add_metric([queue.name], float(value(queue)))
    return family


def _of_alerts() -> Metric:
    family = GaugeMetricFamily("bordereau_alerts", "Alerts that stand", labels=["kind"])
    standing = Alert.objects.standing().order_by()
    for kind, count in standing.values_list("kind").annotate(count=Count("pk")):
        family.add_metric([kind], count)
    return family


def _counters(ever: Mapping[totals.Key, Total]) -> Iterator[Metric]:
    labels = ["queue", "task"]
    enqueued = CounterMetricFamily("bordereau_jobs_enqueued", "Jobs that were enqueued", labels=labels)
    retried = CounterMetricFamily(
        "bordereau_job_retries", "Attempts that another one followed", labels=labels
    )
    rescued = CounterMetricFamily(
        "bordereau_jobs_rescued", "Attempts that were lost with their process or machine", labels=labels
    )
    attempts = CounterMetricFamily(
        "bordereau_job_attempts", "Attempts by how they ended", labels=[*labels, "outcome"]
    )
    for (queue, task), total in sorted(ever.items()):
        enqueued.add_metric([queue, task], total.counts["enqueued"])
        retried.add_metric([queue, task], total.counts["retried"])
        rescued.add_metric([queue, task], total.counts["lost"])
        for outcome in _OUTCOMES:
            attempts.add_metric([queue, task, outcome], total.counts[outcome])
    yield from (enqueued, retried, rescued, attempts)


def _histograms(ever: Mapping[totals.Key, Total]) -> Iterator[Metric]:
    by_queue: dict[str, Total] = {}
    for (queue, _task), total in ever.items():
        by_queue.setdefault(queue, Total()).merge(total)
    waits = HistogramMetricFamily(
        "bordereau_job_wait_seconds", "From the moment an attempt was due to its start", labels=["queue"]
    )
    runs = HistogramMetricFamily(
        "bordereau_job_run_seconds", "From the start of an attempt to its end", labels=["queue"]
    )
    for queue, total in sorted(by_queue.items()):
        waits.add_metric([queue], _cumulative(total.waits), total.counts["wait_ms"] / 1000)
        runs.add_metric([queue], _cumulative(total.runs), total.counts["run_ms"] / 1000)
    yield from (waits, runs)


def _cumulative(histogram: Sequence[int]) -> list[tuple[str, float]]:
    """The counts up to each bound, as Prometheus wants them."""
    up_to = [(bound, sum(histogram[: bisect_right(BUCKETS_MS, bound)])) for bound in BOUNDS_MS]
    return [
        *((f"{bound / 1000}", float(count)) for bound, count in up_to),
        ("+Inf", float(sum(histogram))),
    ]


def _of_redis(state: RedisState) -> Iterator[Metric]:
    yield _gauge("redis_up", "Whether Redis answers", float(state.answers))
    yield _gauge("redis_writable", "Whether Redis takes what is written", float(state.takes_writes))
    known = (
        ("redis_memory_used_bytes", "Memory that Redis uses", state.used_bytes),
        ("redis_memory_limit_bytes", "Memory that Redis may use; 0 is no limit", state.limit_bytes),
        ("redis_clients", "Connections to Redis", state.clients),
        ("redis_clients_limit", "Connections that Redis allows", state.clients_limit),
        ("redis_persistent", "Whether Redis writes to disk", state.persists),
        ("quarantined_hints", "Bad entries that were found in Redis and put aside", state.quarantined),
    )
    for name, text, value in known:
        if value is not None:
            yield _gauge(name, text, float(value))
    if state.policy is not None:
        text = "Whether maxmemory-policy is noeviction, so that no queued job is deleted"
        yield _gauge("redis_eviction_safe", text, float(state.policy == SAFE_POLICY))
    if state.latency_ms is not None:
        yield _gauge("redis_latency_seconds", "One round trip to Redis", state.latency_ms / 1000)
