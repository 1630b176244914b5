"""The pages of schedules: who sees and presses what, what is typed, and what the trail keeps of it."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from jobs.models import AuditEntry, Job, Schedule
from organizations.models import User
from tests.conftest import signed_in
from tests.support.probe import tasks
from tests.support.staff import staff, staff_client

pytestmark = pytest.mark.django_db

LIST = "admin:jobs_schedule_changelist"
EVERYTHING = [f"jobs.{name}_schedule" for name in ("view", "add", "change", "delete", "run", "pause")]


@pytest.fixture
def schedule() -> Schedule:
    return Schedule.objects.create(
        name="Nightly <b>export</b>",
        task=tasks.note.name,
        arguments={"path": "/tmp/out"},
        cron="30 2 * * *",
        time_zone="Europe/Paris",
        next_at=timezone.now() + timedelta(hours=1),
    )


def page(schedule: Schedule) -> str:
    return reverse("admin:jobs_schedule_change", args=[schedule.pk])


def press(client: Client, schedule: Schedule, button: str, **data: str) -> Any:
    values = {"button": button, "new_id": str(uuid.uuid4()), "reason": "Because"} | data
    return client.post(reverse("admin:jobs_schedule_act", args=[schedule.pk]), values, follow=True)


def typed(**values: Any) -> dict[str, Any]:
    return {
        "name": "Export",
        "how": "cron",
        "cron": "0 4 * * *",
        "every": "",
        "unit": "60",
        "time_zone": "America/Montreal",
        "catch_up": "skip",
        "overlap": "allow",
        "argument-path": "/tmp/other",
        "argument-text": "",
    } | values


def test_the_list_says_in_words_and_in_both_languages_when_each_is_due(schedule: Schedule) -> None:
    Schedule.objects.create(name="Often", task="probe.empty", interval_seconds=900)
    client = staff_client("jobs.view_schedule")
    body = client.get(reverse(LIST)).content.decode()
    assert "At 02:30" in body
    assert "Every 15 minutes" in body
    assert "Nightly &lt;b&gt;export" in body
    client.cookies["django_language"] = "fr"
    body = client.get(reverse(LIST)).content.decode()
    assert "À 02:30" in body
    assert "Toutes les 15 minutes" in body
    translation.activate("en")


def test_the_list_finds_by_state_and_text(schedule: Schedule) -> None:
    Schedule.objects.create(name="Often", task="probe.empty", interval_seconds=900, paused_at=timezone.now())
    client = staff_client("jobs.view_schedule")

    def names(**query: str) -> list[str]:
        return [one.row.name for one, _id in client.get(reverse(LIST), query).context["schedules"]]

    assert "Often" in names(state="paused")
    assert schedule.name not in names(state="paused")
    assert names(q="EXPORT") == [schedule.name]
    assert names(q="nothing of that kind") == []
    assert client.get(reverse(LIST), {"q": "a\x00b", "state": "x"}).status_code == 200


def test_a_site_without_schedules_says_what_they_are_for() -> None:
    Schedule.objects.all().delete()
    body = staff_client("jobs.view_schedule").get(reverse(LIST)).content.decode()
    assert "There is no schedule yet." in body


def test_the_page_shows_the_next_five_runs_the_clocks_and_the_last_runs(schedule: Schedule) -> None:
    job = tasks.note.enqueue(path="x")
    Job.objects.filter(pk=job.pk).update(schedule=schedule)
    response = staff_client("jobs.view_schedule").get(page(schedule))
    assert len(response.context["preview"]["slots"]) == 5
    body = response.content.decode()
    assert "What would run at 02:30 runs at 03:00." in body or "runs once, the first time" in body
    assert reverse("admin:jobs_job_change", args=[job.pk]) in body
    assert 'name="cron"' not in body
    # Arguments are for those who may see them.
    assert "/tmp/out" not in body


def test_the_next_runs_at_equal_distances_count_from_the_next_one(schedule: Schedule) -> None:
    Schedule.objects.update(
        cron="", interval_seconds=6 * 3600, next_at=timezone.now() + timedelta(minutes=10, seconds=30)
    )
    client = staff_client(*EVERYTHING)
    shown = client.get(page(schedule)).context["preview"]["slots"]
    first, second = (slot["in"].replace("\u00a0", " ") for slot in shown[:2])
    assert (first[:9], second) == ("in 10 min", "in 6 h 10 min")
    form = {"how": "interval", "every": "6", "unit": "3600", "time_zone": "Europe/Paris"}
    address = reverse("admin:jobs_schedule_preview")
    same = client.get(address, form | {"schedule": str(schedule.pk)}).context["preview"]["slots"]
    assert same[0]["text"] == shown[0]["text"]
    changed = client.get(address, form | {"schedule": str(schedule.pk), "every": "5"})
    assert changed.context["preview"]["slots"][0]["text"] != shown[0]["text"]


def test_an_argument_that_is_a_number_is_shown_as_it_is_stored(schedule: Schedule) -> None:
    Schedule.objects.update(arguments={"number": 12345, "share": 0.5})
    person = staff("jobs.view_schedule", "jobs.view_job_arguments")
    person.language = "fr"
    person.save()
    body = signed_in(person).get(page(schedule)).content.decode()
    assert "number=12345<" in body
    assert "share=0.5<" in body


def test_a_schedule_whose_time_cannot_be_read_has_a_page_that_says_so(schedule: Schedule) -> None:
    Schedule.objects.update(time_zone="Nowhere/Here", trouble="timing", task="probe.unheard_of")
    client = staff_client(*EVERYTHING)
    body = client.get(page(schedule)).content.decode()
    assert "cannot be read" in body
    assert client.get(reverse(LIST)).status_code == 200
    assert "does not know the task" in press(client, schedule, "run").content.decode()


@pytest.mark.parametrize(
    ("button", "permission"),
    [("run", "run"), ("pause", "pause"), ("resume", "pause"), ("delete", "delete")],
)
def test_e04_each_button_needs_its_own_permission_and_a_refused_try_is_kept(
    schedule: Schedule, button: str, permission: str
) -> None:
    others = [name for name in EVERYTHING if name != f"jobs.{permission}_schedule"]
    person = staff(*others)
    assert press(signed_in(person), schedule, button).status_code == 403
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.by) == ("refused", schedule.name, person)
    assert Schedule.objects.filter(pk=schedule.pk, paused_at=None).exists()
    assert not Job.objects.exists()


def test_e04_changing_and_adding_need_their_permissions(schedule: Schedule) -> None:
    client = staff_client("jobs.view_schedule", "jobs.run_schedule")
    assert client.post(page(schedule), typed()).status_code == 403
    assert client.get(reverse("admin:jobs_schedule_add")).status_code == 403
    address = f"{reverse('admin:jobs_schedule_add')}?task=probe.note"
    assert client.post(address, typed()).status_code == 403
    assert AuditEntry.objects.filter(action="refused").count() == 3
    assert Schedule.objects.filter(name="Export").count() == 0


def test_who_may_not_see_schedules_sees_none_of_their_pages(schedule: Schedule) -> None:
    client = staff_client("jobs.view_job")
    for address in (reverse(LIST), page(schedule), reverse("admin:jobs_schedule_preview")):
        assert client.get(address).status_code == 403
    assert press(client, schedule, "run").status_code == 403


def test_the_audit_trail_leads_to_the_schedule_by_its_whole_name(schedule: Schedule, superuser: User) -> None:
    client = signed_in(superuser)
    press(client, schedule, "pause")
    body = client.get(reverse("admin:jobs_auditentry_changelist")).content.decode()
    assert "schedule Nightly &lt;b&gt;export&lt;/b&gt;" in body
    address = re.search(r'href="(/admin/jobs/schedule/[^"]*Nightly[^"]*)"', body)
    assert address
    assert page(schedule) in client.get(unescape(address[1])).content.decode()


def test_e05_a_get_or_a_post_without_token_does_nothing(schedule: Schedule) -> None:
    person = staff(*EVERYTHING)
    address = reverse("admin:jobs_schedule_act", args=[schedule.pk])
    assert signed_in(person).get(address, {"button": "run"}).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person, backend="organizations.backends.EmailBackend")
    assert strict.post(address, {"button": "run", "new_id": str(uuid.uuid4())}).status_code == 403
    assert not Job.objects.exists()


def test_e05_pressing_run_twice_makes_one_job(schedule: Schedule) -> None:
    client, new_id = staff_client(*EVERYTHING), str(uuid.uuid4())
    for _press in range(2):
        response = press(client, schedule, "run", new_id=new_id)
        assert "is on its way" in response.content.decode()
    job = Job.objects.get()
    assert (str(job.pk), job.schedule_id) == (new_id, schedule.pk)
    assert AuditEntry.objects.filter(action="run_schedule").count() == 1


def test_a_press_that_makes_no_sense_is_refused(schedule: Schedule) -> None:
    client = staff_client(*EVERYTHING)
    assert press(client, schedule, "explode").status_code == 400
    assert press(client, schedule, "run", new_id="x").status_code == 400
    assert client.get(reverse("admin:jobs_schedule_change", args=["9" * 30])).status_code in (302, 404)


def test_pausing_needs_a_reason_that_others_read(schedule: Schedule) -> None:
    client = staff_client(*EVERYTHING)
    assert "Say why" in press(client, schedule, "pause", reason=" ").content.decode()
    assert Schedule.objects.get(pk=schedule.pk).paused_at is None
    body = press(client, schedule, "pause", reason="Month end").content.decode()
    assert "Month end" in body
    assert "nothing had to change" in press(client, schedule, "pause").content.decode()
    assert "goes on" in press(client, schedule, "resume", reason="").content.decode()


def test_deleting_leads_to_the_list(schedule: Schedule) -> None:
    response = press(staff_client(*EVERYTHING), schedule, "delete")
    assert response.redirect_chain[-1][0] == reverse(LIST)
    assert not Schedule.objects.filter(pk=schedule.pk).exists()


def test_a_change_is_checked_stored_and_kept_in_the_trail_without_arguments(schedule: Schedule) -> None:
    person = staff(*EVERYTHING)
    response = signed_in(person).post(page(schedule), typed(), follow=True)
    assert "The schedule is saved." in response.content.decode()
    schedule.refresh_from_db()
    assert (schedule.name, schedule.cron, schedule.time_zone) == ("Export", "0 4 * * *", "America/Montreal")
    assert schedule.arguments == {"path": "/tmp/other"}
    assert (schedule.catch_up, schedule.overlap, schedule.changed_by) == ("skip", "allow", person)
    line = AuditEntry.objects.get()
    assert line.details["before"]["cron"] == "30 2 * * *"
    assert line.details["arguments_changed"] is True
    assert "/tmp" not in str(line.details)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": ""}, "cron"),
        ({"how": "interval", "every": ""}, "every"),
        ({"how": "interval", "every": "400", "unit": "86400"}, "every"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"name": "Taken"}, "name"),
        ({"catch_up": "sometimes"}, "catch_up"),
        ({"argument-path": ""}, "path"),
    ],
)
def test_a_field_that_cannot_be_is_said_beside_it_and_nothing_is_stored(
    schedule: Schedule, values: dict[str, str], field: str
) -> None:
    Schedule.objects.create(name="Taken", task="probe.empty", interval_seconds=60)
    response = staff_client(*EVERYTHING).post(page(schedule), typed(**values))
    assert response.status_code == 400
    errors = response.context["form"].errors | response.context["arguments"].errors
    assert list(errors) == [field]
    schedule.refresh_from_db()
    assert schedule.cron == "30 2 * * *"


def test_a_new_schedule_begins_with_its_task_and_its_arguments_are_of_its_types() -> None:
    client = staff_client(*EVERYTHING)
    choice = client.get(reverse("admin:jobs_schedule_add")).content.decode()
    assert "?task=probe.dawdle" in choice
    address = f"{reverse('admin:jobs_schedule_add')}?task=probe.dawdle"
    fields = {"argument-path": "x", "argument-seconds": "soon"}
    response = client.post(address, typed(**fields))
    assert response.status_code == 400
    assert list(response.context["arguments"].errors) == ["seconds"]
    fields["argument-seconds"] = "1.5"
    client.post(address, typed(**fields, how="interval", every="2", unit="3600", cron="ignored"))
    row = Schedule.objects.get(name="Export")
    assert (row.cron, row.interval_seconds, row.arguments) == ("", 7200, {"path": "x", "seconds": 1.5})
    assert row.next_at
    assert AuditEntry.objects.get().details == {"added": True}


def test_only_declared_tasks_can_be_scheduled() -> None:
    client = staff_client(*EVERYTHING)
    assert client.get(f"{reverse('admin:jobs_schedule_add')}?task=os.system").status_code == 404
    assert client.post(f"{reverse('admin:jobs_schedule_add')}?task=os.system", typed()).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"how": "cron", "cron": "30 2 * * *", "time_zone": "Europe/Paris"}, "At 02:30"),
        ({"how": "interval", "every": "90", "unit": "60", "time_zone": "UTC"}, "Every 90 minutes"),
        ({"how": "cron", "cron": "x", "time_zone": "UTC"}, "five fields"),
        ({"how": "cron", "cron": "0 0 * * *", "time_zone": "<script>"}, "no such time zone"),
        ({}, "required"),
    ],
)
def test_the_preview_shows_the_next_runs_of_what_is_typed_or_what_is_wrong(
    query: dict[str, str], expected: str
) -> None:
    response = staff_client("jobs.view_schedule").get(reverse("admin:jobs_schedule_preview"), query)
    body = response.content.decode()
    assert response.status_code == 200
    assert expected in body
    assert "<script>" not in body
    assert "<html" not in body
