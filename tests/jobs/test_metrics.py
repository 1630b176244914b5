"""`/metrics`: what it says, that Prometheus can read it, and that its counters never shrink."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from jobs import metrics, totals
from jobs.histograms import BUCKETS_MS, from_counts
from jobs.models import Alert, AlertKind, HoldReason, JobStatus, MinuteStat, TaskTotal
from jobs.moments import database_now
from organizations.models import Organization, User
from tests.support.platform import leading_dispatcher, living_worker, waiting_job

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def samples(name: str, **labels: str) -> list[Sample]:
    """The samples of that name with these labels, as Prometheus reads them."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    every = [sample for family in families for sample in family.samples]
    assert every
    return [it for it in every if it.name == name and labels.items() <= it.labels.items()]


def value(name: str, **labels: str) -> float:
    [sample] = samples(name, **labels)
    return float(sample.value)


def minute(ago: int, **counts: Any) -> MinuteStat:
    at: datetime = database_now().replace(second=0, microsecond=0) - ago * MINUTE
    return MinuteStat.objects.create(minute=at, queue="emails", task="notifications.deliver", **counts)


# --- What it says -------------------------------------------------------------------------------------------


def test_queues_are_told_by_depth_age_workers_and_reason(settings: Any) -> None:
    waiting_job("emails", waited=MINUTE)
    waiting_job("emails", status=JobStatus.HELD, hold_reason=HoldReason.PAUSED)
    waiting_job("emails", status=JobStatus.RUNNING)
    living_worker("w1", ["emails"])
    assert value("bordereau_queue_jobs", queue="emails", state="ready") == 1
    assert value("bordereau_queue_jobs", queue="emails", state="running") == 1
    assert value("bordereau_queue_held_jobs", queue="emails", reason="paused") == 1
    assert value("bordereau_queue_held_jobs", queue="emails", reason="redis_away") == 0
    assert 59 < value("bordereau_queue_oldest_seconds", queue="emails") < 90
    assert value("bordereau_queue_workers", queue="emails") == 1
    assert value("bordereau_queue_workers", queue="ai") == 0
    assert len(samples("bordereau_queue_jobs", state="ready")) == len(settings.JOBS_QUEUES)


def test_workers_leader_alerts_and_redis_are_told() -> None:
    assert (value("bordereau_workers"), value("bordereau_leader")) == (0, 0)
    living_worker("w1", [])
    leading_dispatcher()
    now = database_now()
    Alert.objects.create(kind=AlertKind.STUCK, subject="t", pending_since=now, raised_at=now)
    Alert.objects.create(kind=AlertKind.STUCK, subject="u", pending_since=now)
    assert (value("bordereau_workers"), value("bordereau_leader")) == (1, 1)
    assert value("bordereau_alerts", kind="stuck") == 1
    assert value("bordereau_redis_up") == value("bordereau_redis_writable") == 1
    assert value("bordereau_redis_eviction_safe") == value("bordereau_database_up") == 1


def test_counters_and_histograms_come_from_the_minutes() -> None:
    minute(1, enqueued=5, succeeded=3, failed=2, lost=1, retried=2, wait_ms=4000, run_ms=61_500,
           wait_histogram=from_counts({BUCKETS_MS.index(10): 3, BUCKETS_MS.index(2000): 2}),
           run_histogram=from_counts({BUCKETS_MS.index(500): 4, len(BUCKETS_MS): 1}))  # fmt: skip
    who = {"queue": "emails", "task": "notifications.deliver"}
    assert value("bordereau_jobs_enqueued_total", **who) == 5
    assert value("bordereau_job_attempts_total", outcome="failed", **who) == 2
    assert value("bordereau_job_retries_total", **who) == 2
    assert value("bordereau_jobs_rescued_total", **who) == 1
    wait, run = "bordereau_job_wait_seconds", "bordereau_job_run_seconds"
    assert value(f"{wait}_count", queue="emails") == value(f"{wait}_bucket", queue="emails", le="+Inf") == 5
    assert value(f"{wait}_sum", queue="emails") == 4.0
    assert value(f"{wait}_bucket", queue="emails", le="0.01") == 3
    assert value(f"{wait}_bucket", queue="emails", le="1.0") == 3
    assert value(f"{wait}_bucket", queue="emails", le="5.0") == 5
    assert value(f"{run}_bucket", queue="emails", le="3600.0") == 4
    assert value(f"{run}_bucket", queue="emails", le="+Inf") == 5


def test_each_bound_is_one_of_the_statistics() -> None:
    assert set(metrics.BOUNDS_MS) <= set(BUCKETS_MS)


def test_f04_no_name_of_an_organization_person_file_or_host_is_in_it(
    organization: Organization, owner: User
) -> None:
    waiting_job("emails", tenant_id=organization.pk, arguments={"file": "Tremblay.csv"}, worker="w@node-7")
    living_worker("w@node-7", ["emails"], host="node-7")
    leading_dispatcher("w@node-7")
    minute(1, enqueued=1)
    text = metrics.exposition().decode()
    for secret in (organization.name, organization.slug, owner.email, "Tremblay", "node-7", "tenant"):
        assert secret not in text


def test_names_follow_the_conventions_of_prometheus() -> None:
    minute(1, enqueued=1)
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        assert family.name.startswith("bordereau_")
        assert family.documentation
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)


# --- Counters that never shrink -----------------------------------------------------------------------------


def test_folding_settled_minutes_changes_no_counter_and_can_be_repeated() -> None:
    for ago in (90, 60, 30, 1, 0):
        minute(ago, enqueued=10, wait_ms=100, wait_histogram=[1, 2])
    name = "bordereau_jobs_enqueued_total"
    assert value(name) == 50
    assert [totals.fold() for _ in range(3)] == [1, 0, 0]
    assert TaskTotal.objects.get().enqueued == 30
    assert value(name) == 50
    assert value("bordereau_job_wait_seconds_count", queue="emails") == 15


def test_pruned_minutes_stay_counted() -> None:
    for ago in (60, 30, 0):
        minute(ago, enqueued=10)
    totals.fold()
    MinuteStat.objects.filter(minute__lt=database_now() - 20 * MINUTE).delete()
    assert value("bordereau_jobs_enqueued_total") == 30


def test_minutes_that_are_still_being_filled_in_are_not_passed_over() -> None:
    # After an outage the oldest come first; here they have come as far as an hour ago.
    minute(90, enqueued=1)
    minute(60, enqueued=1)
    totals.fold()
    assert TaskTotal.objects.get().enqueued == 1
    minute(50, enqueued=1)
    minute(0, enqueued=1)
    totals.fold()
    assert TaskTotal.objects.get().enqueued == 3
    assert value("bordereau_jobs_enqueued_total") == 4


def test_a_long_history_is_folded_a_day_at_a_time() -> None:
    for days in (3, 2, 1, 0):
        minute(days * 24 * 60, enqueued=1)
    counts = []
    while totals.fold():
        counts.append(TaskTotal.objects.get().enqueued)
    assert counts == [1, 2, 3]


def test_nothing_ever_happened() -> None:
    assert totals.fold() == 0
    assert samples("bordereau_jobs_enqueued_total") == []


# --- Parts that are away ------------------------------------------------------------------------------------


def test_without_a_database_that_is_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError

    monkeypatch.setattr("jobs.metrics.census.take", away)
    assert value("bordereau_database_up") == 0
    assert value("bordereau_redis_up") == 1
    assert samples("bordereau_workers") == []


def test_without_redis_the_rows_are_still_told(no_redis: None) -> None:
    waiting_job("emails")
    assert value("bordereau_redis_up") == value("bordereau_redis_writable") == 0
    assert value("bordereau_queue_jobs", queue="emails", state="ready") == 1


# --- Who may read it ----------------------------------------------------------------------------------------


def test_e03_without_a_token_this_machine_alone_may_read_it(settings: Any) -> None:
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="::1").get("/metrics").status_code == 200
    for address in ("10.0.0.7", "", "unix:"):
        assert Client(REMOTE_ADDR=address).get("/metrics").status_code == 403


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_e03_a_proxy_on_this_machine_does_not_open_it(header: str) -> None:
    assert Client(headers={header: "203.0.113.9"}).get("/metrics").status_code == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [("Bearer scrape-me", 200), ("Bearer scrape", 403), ("scrape-me", 403), ("", 403), ("Bearer é", 403)],
)
def test_e10_with_a_token_it_alone_opens_it(sent: str, status: int, settings: Any) -> None:
    settings.METRICS_TOKEN = "scrape-me"
    assert Client(headers={"Authorization": sent}).get("/metrics").status_code == status


def test_e10_a_token_in_the_address_opens_nothing(settings: Any) -> None:
    settings.METRICS_TOKEN = "scrape-me"
    assert Client().get("/metrics?token=scrape-me").status_code == 403


def test_the_answer_is_what_prometheus_asks_for() -> None:
    answer = Client().get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["Cache-Control"] == "no-store"
    assert list(text_string_to_metric_families(answer.content.decode()))
