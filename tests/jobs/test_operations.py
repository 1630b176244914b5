"""The operations pages: what they show to whom, and that every act on them is guarded and kept."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format

from jobs import pauses, statistics
from jobs.admin import charts, operations, overview
from jobs.admin.overview import View
from jobs.analyses import Point, Tally
from jobs.models import (
    Alert,
    Attempt,
    AuditEntry,
    HoldReason,
    Job,
    JobStatus,
    Leadership,
    Pause,
    RateLift,
    WorkerProcess,
)
from organizations.models import Organization
from tests.support.staff import staff_client

pytestmark = pytest.mark.django_db
SEE = "jobs.view_operations"
PAGES = ["", "_tasks", "_errors", "_slow", "_workers", "_alerts", "_pauses", "_state"]


def url(name: str = "", *args: object) -> str:
    return reverse(f"admin:operations{name}", args=args)


def body(client: Client, name: str = "", query: str = "") -> str:
    response = client.get(url(name) + query)
    assert response.status_code == 200
    return response.content.decode()


def make_job(status: JobStatus = JobStatus.QUEUED, **fields: Any) -> Job:
    now = timezone.now()
    values = {"task": "a.task", "queue": "emails", "timeout_seconds": 60, "max_attempts": 3} | fields
    values = {"created_at": now, "due_at": now, "status": status} | values
    return Job.objects.create(**values)


def make_worker(**fields: Any) -> WorkerProcess:
    now = timezone.now()
    values = {
        "name": "w1",
        "host": "machine-a",
        "pid": 7,
        "queues": ["emails"],
        "started_at": now,
        "seen_at": now,
    }
    return WorkerProcess.objects.create(**values | fields)


def lead() -> None:
    Leadership.objects.create(
        name="dispatcher", holder="w1@machine-a", until=timezone.now() + timedelta(minutes=5)
    )


def fail(**fields: Any) -> Job:
    ended = timezone.now()
    job = make_job(
        JobStatus.FAILED, finished_at=ended, error_class="KeyError", error_message="no <profile>", error_group="abc",
        fence=1, **fields,
    )  # fmt: skip
    Attempt.objects.create(
        job=job, number=1, fence=1, outcome="failed", started_at=ended - timedelta(seconds=3), ended_at=ended,
        worker="w1", wait_ms=20,
    )  # fmt: skip
    return job


# --- Who may see them -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_e04_pages_need_their_permission(name: str) -> None:
    assert staff_client("jobs.view_job").get(url(name)).status_code == 403
    assert Client().get(url(name)).status_code == 302


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_an_empty_platform(name: str) -> None:
    assert staff_client(SEE).get(url(name)).status_code == 200


def test_the_menu_leads_to_the_page() -> None:
    shown = staff_client(SEE).get(reverse("admin:index")).content.decode()
    assert url() in shown
    assert "No worker is running." in shown
    assert url() not in staff_client("jobs.view_job").get(reverse("admin:index")).content.decode()


# --- The overview -----------------------------------------------------------------------------------------


def verdict(client: Client) -> str:
    return str(client.get(url("_state")).json()["regions"]["health"])


def test_without_a_worker_the_first_sentence_says_so() -> None:
    make_job()
    assert "No worker is running: 1 job waits." in verdict(staff_client(SEE))


def test_without_a_leader_the_first_sentence_says_so() -> None:
    make_worker()
    assert "No dispatcher leads" in verdict(staff_client(SEE))


def test_a_backlog_is_named_by_its_queue() -> None:
    make_worker()
    lead()
    make_job(due_at=timezone.now() - timedelta(minutes=4))
    assert "Work piles up in emails" in verdict(staff_client(SEE))


def test_a_quiet_platform_is_well() -> None:
    make_worker()
    lead()
    assert "All is quiet" in verdict(staff_client(SEE))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_end_of_a_pause_says_the_day_where_it_is_not_today(language: str) -> None:
    now = timezone.localtime().replace(hour=12, minute=5)
    Pause.objects.create(queue="emails", reason="printer", until=now + timedelta(days=3))
    RateLift.objects.create(queue="emails", reason="printer", until=now + timedelta(days=2))
    with translation.override(language):
        row = next(row for row in overview.snapshot(View("1h", ""))["queues"] if row["name"] == "emails")
        day = date_format(now + timedelta(days=3), "SHORT_DATE_FORMAT")
    assert row["pause_until"] == f"{day} 12:05"
    assert row["lift_until"].endswith(" 12:05")
    assert overview._until_text(timezone.localtime()) == f"{timezone.localtime():%H:%M}"


def test_what_is_one_is_said_of_one_in_both_languages() -> None:
    make_job(JobStatus.HELD, hold_reason="redis_away")
    make_job(JobStatus.BLOCKED)
    with translation.override("fr"):
        row = next(row for row in overview.snapshot(View("1h", ""))["queues"] if row["name"] == "emails")
        [throughput, *_others] = overview.course_charts(
            [Point(timezone.now(), Tally(succeeded=1))], Tally(succeeded=1), timedelta(0)
        )
    assert row["later"] == "1 retenu · 1 bloqué"
    assert throughput.summary.startswith("1 tentative terminée")


def test_an_alert_that_is_in_hand_is_not_called_slow() -> None:
    make_worker()
    lead()
    now = timezone.now()
    Alert.objects.create(kind="eviction", pending_since=now, raised_at=now, acknowledged_at=now)
    shown = verdict(staff_client(SEE))
    assert "In hand" in shown
    assert "Slow" not in shown


def test_alerts_stand_above_everything_else() -> None:
    make_worker()
    lead()
    now = timezone.now()
    Alert.objects.create(kind="eviction", params={"policy": "allkeys-lru"}, pending_since=now, raised_at=now)
    regions = staff_client(SEE).get(url("_state")).json()["regions"]
    assert "1 alert stands." in regions["health"]
    assert "allkeys-lru" in regions["alerts"]
    assert "Set maxmemory-policy to noeviction" in regions["alerts"]
    assert "Take in hand" not in regions["alerts"]


def test_a_queue_shows_what_waits_runs_and_is_held() -> None:
    make_worker(queues=["emails"])
    make_job()
    make_job(JobStatus.RUNNING, started_at=timezone.now(), worker="w1")
    make_job(JobStatus.HELD, hold_reason=HoldReason.PAUSED)
    make_job(JobStatus.BLOCKED, queue="ai")
    regions = staff_client(SEE).get(url("_state")).json()["regions"]
    row = re.search(r"<tr.*?queue=emails.*?</tr>", regions["queues"], re.DOTALL)
    assert row
    assert "1 held" in row[0]
    assert 'status=queued">1</a>' in row[0]
    assert "no worker" in regions["queues"]
    assert "Their queue or organization is paused." in regions["now"]
    assert "They wait for other jobs to end." in regions["now"]
    assert "a.task" in regions["now"]


def test_organizations_are_named_with_their_share(organization: Organization) -> None:
    for number in (organization.pk, organization.pk, 999_999):
        make_job(tenant_id=number)
    shown = staff_client(SEE).get(url("_state")).json()["regions"]["now"]
    assert "Clinique des Érables" in shown
    assert "67%" in shown
    assert "999999" in shown


def test_charts_carry_their_numbers_as_a_table() -> None:
    fail()
    statistics.roll_up()
    shown = staff_client(SEE).get(url("_state")).json()["regions"]["charts"]
    assert shown.count("<figure") == shown.count("<table") == 3
    assert shown.count("<tr>") > 60


def test_what_the_address_says_wrongly_counts_as_not_said(rf: Any) -> None:
    for query in ("range=9y&queue=nothing", "range=&queue=", "range=<script>&queue='"):
        view = View.of(rf.get("/?" + query))
        assert (view.range, view.queue) == ("1h", "")
    assert View.of(rf.get("/?range=7d&queue=ai")).query(range="6h") == "?range=6h&queue=ai"


@pytest.mark.parametrize("chosen", ["1h", "6h", "24h", "7d", "30d"])
def test_every_range_is_shown(chosen: str) -> None:
    fail()
    statistics.roll_up()
    assert "KeyError" in body(staff_client(SEE), query=f"?range={chosen}")


def test_the_page_asks_few_questions() -> None:
    make_worker()
    lead()
    for _number in range(30):
        fail()
        make_job(JobStatus.RUNNING, started_at=timezone.now(), worker="w1", queue="webhooks")
    statistics.roll_up()
    client = staff_client(SEE)
    client.get(url())
    with CaptureQueriesContext(connection) as queries:
        client.get(url())
    assert len(queries) < 40


def test_all_jobs_that_run_are_counted_also_beyond_those_that_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "RUNNING_READ", 2)
    make_worker()
    for _number in range(3):
        make_job(JobStatus.RUNNING, started_at=timezone.now(), worker="w1")
    context = overview.snapshot(View("1h", ""))
    assert (len(context["running"]), context["running_more"]) == (2, 1)
    assert "3 running" in next(fact["value"] for fact in context["facts"] if fact["name"] == "Workers")


def test_the_organizations_of_a_large_backlog_are_those_that_wait_for_longest(
    monkeypatch: pytest.MonkeyPatch, organization: Organization
) -> None:
    monkeypatch.setattr("jobs.census.EXACT_UP_TO", 3)
    monkeypatch.setattr(overview, "TENANTS_LOOKED_AT", 2)
    now = timezone.now()
    for number in range(4):
        make_job(tenant_id=organization.pk, created_at=now - timedelta(minutes=9 - number))
    make_job(JobStatus.RUNNING, started_at=now, tenant_id=organization.pk + 1)
    with CaptureQueriesContext(connection) as queries:
        rows = overview.tenant_shares()
    assert [(row["name"], row["count"]) for row in rows] == [
        (organization.name, "2"),
        (str(organization.pk + 1), "1"),
    ]
    assert all("LIMIT" in query["sql"] for query in queries if '"jobs_job"' in query["sql"])


def test_a_stream_sends_only_the_parts_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Any] = []

    def event_response(*, topics: Any, load: Any, owner: Any) -> HttpResponse:
        assert list(topics) == [pauses.TOPIC]
        loads.append(load)
        return HttpResponse()

    monkeypatch.setattr("jobs.live.event_response", event_response)
    staff_client(SEE).get(url("_events"))
    [load] = loads
    first, second = load(), load()
    assert set(first.data["regions"]) == set(operations.REGIONS)
    assert "charts" not in second.data["regions"]
    make_job()
    assert "queues" in load().data["regions"]


@pytest.mark.parametrize("name", ["", "Clinique %s"])
def test_a_number_pauses_the_organization_that_has_it_and_no_other(
    organization: Organization, name: str
) -> None:
    client = staff_client(SEE, "jobs.pause_queue")
    form = {"queue": "", "length": "1h", "exact": "", "reason": "Month end"}
    if name:
        Organization.objects.create(name=name % organization.pk, slug="another")
    assert client.post(url("_pause"), {**form, "tenant": str(organization.pk + 1000)}).status_code == 400
    assert client.post(url("_pause"), {**form, "tenant": str(organization.pk)}).status_code == 302
    assert list(Pause.objects.values_list("tenant_id", flat=True)) == [organization.pk]


# --- The pages beside it ----------------------------------------------------------------------------------


def test_a_message_of_an_error_is_escaped() -> None:
    fail()
    shown = body(staff_client(SEE), "_errors")
    assert "no &lt;profile&gt;" in shown
    assert "no <profile>" not in shown


def test_the_chart_of_a_rare_error_group_shows_it_beside_many_frequent_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.admin.errors.GROUPS_SHOWN", 1)
    for _number in range(2):
        fail()
    Job.objects.filter(pk=fail().pk).update(error_group="rare")
    chart = staff_client(SEE).get(url("_error", "rare")).context["chart"]
    assert sum(chart.series[0].values) == 1


def test_an_error_group_leads_to_its_jobs() -> None:
    job = fail()
    client = staff_client(SEE, "jobs.view_job", "jobs.bulk_job")
    shown = client.get(url("_error", "abc")).content.decode()
    assert "?error_group=abc&amp;status=failed" in shown
    assert "action=retry" not in shown
    operator = staff_client(SEE, "jobs.bulk_job", "jobs.retry_job", "jobs.view_job")
    retry = reverse("admin:jobs_job_bulk") + "?error_group=abc&status=failed&action=retry"
    assert retry.replace("&", "&amp;") in operator.get(url("_error", "abc")).content.decode()
    assert operator.get(retry).status_code == 200
    assert str(job.pk) in shown
    assert client.get(url("_error", "nope")).status_code == 404


def test_slow_jobs_are_listed_with_their_share_of_the_limit() -> None:
    job = fail()
    statistics.roll_up()
    shown = body(staff_client(SEE), "_slow")
    assert str(job.pk) in shown
    assert "5.0%" in shown


def test_tasks_are_listed_with_their_percentiles() -> None:
    fail()
    statistics.roll_up()
    shown = body(staff_client(SEE), "_tasks")
    assert "a.task" in shown
    assert "100%" in shown


def test_workers_are_told_apart_by_how_they_are() -> None:
    make_worker()
    make_worker(name="w2")
    make_worker(name="w3", stopping_at=timezone.now())
    make_worker(name="w4", seen_at=timezone.now() - timedelta(minutes=5))
    make_worker(name="w5", seen_at=timezone.now() - timedelta(minutes=5), ended_at=timezone.now())
    make_worker(name="w6", seen_at=timezone.now() - timedelta(days=1))
    job = make_job(JobStatus.RUNNING, started_at=timezone.now(), worker="w1")
    rows = staff_client(SEE).get(url("_workers")).context["workers"]
    assert {row["worker"].name: row["state"] for row in rows} == {
        "w1": "busy", "w2": "idle", "w3": "stopping", "w4": "silent", "w5": "ended",
    }  # fmt: skip
    assert [row["job"].pk for row in rows[0]["running"]] == [job.pk]


# --- Acting -----------------------------------------------------------------------------------------------


def pause_form(**fields: Any) -> dict[str, Any]:
    return {"queue": "emails", "tenant": "", "length": "1h", "exact": "", "reason": "a reason"} | fields


def test_a_pause_has_a_reason_an_end_and_a_line_in_the_trail() -> None:
    client = staff_client(SEE, "jobs.pause_queue")
    response = client.post(url("_pause"), pause_form(), follow=True)
    assert "Paused." in response.content.decode()
    paused = Pause.objects.get()
    assert (paused.queue, paused.tenant_id, paused.reason) == ("emails", None, "a reason")
    assert paused.until is not None
    assert timedelta(minutes=59) < paused.until - timezone.now() <= timedelta(hours=1)
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.reason) == ("pause", "emails", "a reason")
    assert "paused until" in body(client)


def test_the_names_of_organizations_are_offered_where_one_is_typed(organization: Organization) -> None:
    body = staff_client(SEE, "jobs.pause_queue").get(url("_pauses")).content.decode()
    assert 'list="tenant-names"' in body
    offered = re.search(r'<datalist id="tenant-names">(.*?)</datalist>', body, re.DOTALL)
    assert offered
    assert organization.name in offered[1]


def test_what_is_announced_first_is_a_change_of_what_the_page_showed() -> None:
    state = staff_client(SEE).get(url("_state")).json()
    assert f'data-kind="{state["kind"]}"' in state["regions"]["health"]


def test_one_organization_is_paused_by_its_name(organization: Organization) -> None:
    client = staff_client(SEE, "jobs.pause_queue")
    client.post(url("_pause"), pause_form(queue="", tenant="Clinique des Érables", length=""))
    paused = Pause.objects.get()
    assert (paused.queue, paused.tenant_id, paused.until) == ("", organization.pk, None)
    shown = body(client, "_pauses")
    assert "Clinique des Érables" in shown
    assert "somebody resumes it" in shown
    client.post(url("_resume"), {"target": "", "tenant": str(organization.pk)})
    assert not Pause.objects.exists()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"reason": ""}, "This field is required."),
        ({"queue": ""}, "Choose a queue, an organization, or both."),
        ({"queue": "nothing"}, "Select a valid choice."),
        ({"tenant": "no such clinic"}, "No organization has this name or number."),
        ({"exact": "2020-01-01T10:00"}, "This time is over"),
        ({"reason": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_pause_that_says_too_little_is_not_made(fields: dict[str, str], problem: str) -> None:
    response = staff_client(SEE, "jobs.pause_queue").post(url("_pause"), pause_form(**fields))
    assert response.status_code == 400
    assert problem in response.content.decode()
    assert not Pause.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_problem_of_a_field_is_what_the_field_says_it_is_described_by() -> None:
    shown = staff_client(SEE, "jobs.pause_queue").post(url("_pause"), {"queue": "emails"}).content.decode()
    named = re.search(r'name="reason"[^>]*aria-describedby="([^"]+)"', shown)
    assert named
    assert all(f'id="{name}"' in shown for name in named[1].split())


def test_resuming_ends_the_pause_and_is_kept() -> None:
    pauses.pause(queue="emails", reason="x")
    client = staff_client(SEE, "jobs.pause_queue")
    client.post(url("_resume"), {"target": "emails"})
    assert not Pause.objects.exists()
    assert AuditEntry.objects.get().action == "resume"
    assert "Nothing to do" in client.post(url("_resume"), {"target": "emails"}, follow=True).content.decode()
    assert AuditEntry.objects.count() == 1


def test_a_rate_limit_is_lifted_for_a_time_and_restored() -> None:
    client = staff_client(SEE, "jobs.lift_rate_limit")
    client.post(url("_lift"), {"queue": "emails", "length": "15m", "exact": "", "reason": "a flood"})
    lift = RateLift.objects.get()
    assert lift.until - timezone.now() <= timedelta(minutes=15)
    assert "no limit until" in body(client)
    client.post(url("_restore"), {"target": "emails"})
    assert not RateLift.objects.exists()
    assert [line.action for line in AuditEntry.objects.order_by("id")] == ["lift_rate", "restore_rate"]


def test_a_rate_limit_is_never_lifted_without_an_end_nor_where_there_is_none() -> None:
    client = staff_client(SEE, "jobs.lift_rate_limit")
    for fields in ({"queue": "emails", "length": ""}, {"queue": "roles", "length": "1h"}):
        assert client.post(url("_lift"), {"exact": "", "reason": "x"} | fields).status_code == 400
    assert not RateLift.objects.exists()


def test_no_alert_means_that_all_is_well_only_while_somebody_looks() -> None:
    assert "nobody looks for alerts" in body(staff_client(SEE), "_alerts")
    lead()
    shown = body(staff_client(SEE), "_alerts")
    assert "Nothing is wrong now." in shown
    assert "nobody looks for alerts" not in shown


def test_an_alert_is_taken_in_hand_once() -> None:
    now = timezone.now()
    alert = Alert.objects.create(kind="no_leader", pending_since=now, raised_at=now)
    client = staff_client(SEE, "jobs.acknowledge_alert")
    assert "Take in hand" in body(client, "_alerts")
    for _time in range(2):
        client.post(url("_acknowledge"), {"target": str(alert.pk)})
    alert.refresh_from_db()
    assert alert.acknowledged_by is not None
    assert AuditEntry.objects.filter(action="acknowledge").count() == 1
    assert client.post(url("_acknowledge"), {"target": "x" * 50}).status_code == 404


@pytest.mark.parametrize("name", ["_pause", "_resume", "_lift", "_restore", "_acknowledge"])
def test_e04_who_lacks_the_permission_is_refused_and_it_is_kept(name: str) -> None:
    pauses.pause(queue="emails", reason="x")
    client = staff_client(SEE, "jobs.view_job")
    assert client.post(url(name), pause_form(target="emails")).status_code == 403
    assert AuditEntry.objects.get().action == "refused"
    assert Pause.objects.get().reason == "x"


@pytest.mark.parametrize("name", ["_pause", "_resume", "_lift", "_restore", "_acknowledge"])
def test_e05_acts_need_a_post_with_a_token(name: str) -> None:
    permissions = (SEE, "jobs.pause_queue", "jobs.lift_rate_limit", "jobs.acknowledge_alert")
    assert staff_client(*permissions).get(url(name), pause_form()).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff_client(*permissions).cookies
    assert strict.post(url(name), pause_form()).status_code == 403
    assert not Pause.objects.exists()


def test_after_an_act_no_other_site_is_led_to() -> None:
    pauses.pause(queue="emails", reason="x")
    client = staff_client(SEE, "jobs.pause_queue")
    for target in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        response = client.post(url("_resume"), {"target": "emails", "next": target})
        assert response["Location"] == url("_pauses")
    response = client.post(url("_resume"), {"target": "emails", "next": url() + "?range=7d"})
    assert response["Location"] == url() + "?range=7d"


# --- Charts -----------------------------------------------------------------------------------------------


def test_the_line_of_a_chart_breaks_where_there_is_no_value() -> None:
    moments = [timezone.now() + timedelta(minutes=number) for number in range(5)]
    series = [charts.Series("p50", "accent", [10, 1000, None, 50, None])]
    chart = charts.lines("x", "X", "", moments, series, charts.ms_text)
    [(kind, path)] = chart.lines
    assert kind == "accent"
    assert path == "M5.0 100.0L15.0 0.0M33.0 65.1h4"
    assert [tick.label.replace("\u00a0", " ") for tick in chart.y_ticks] == ["10 ms", "100 ms", "1 s"]


def test_bars_are_stacked_up_to_a_round_number() -> None:
    moments = [timezone.now() + timedelta(minutes=number) for number in range(2)]
    chart = charts.bars(
        "x",
        "X",
        "",
        moments,
        [charts.Series("a", "ok", [3, 0]), charts.Series("b", "error", [4, 0])],
        charts.count_text,
    )  # fmt: skip
    assert [tick.label for tick in chart.y_ticks] == ["0", "4", "8"]
    assert [(bar.kind, bar.y, bar.height) for bar in chart.bars] == [
        ("ok", 62.5, 37.5),
        ("error", 12.5, 50.0),
    ]


def test_a_chart_of_nothing_is_empty_and_drawn() -> None:
    chart = charts.lines("x", "X", "", [], [charts.Series("a", "ok", [])], charts.ms_text)
    assert chart.is_empty
    assert (chart.rows, chart.x_ticks) == ([], [])
