"""Schedules: one job for each slot, whatever was down, however many look, and whatever is wrong with one of them."""

import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from jobs import lifecycle, schedules, slots
from jobs.errors import ScheduleError, TimingError
from jobs.lifecycle import Cause, Entry
from jobs.models import AuditEntry, Job, JobEvent, JobStatus, Schedule
from jobs.schedules import Trouble
from jobs.shipped import Shipped
from tests.support.jobs import drain
from tests.support.probe import tasks
from tests.support.processes import ROOT, WORKER_SETTINGS
from tests.support.staff import staff

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def only_ours(db: None) -> None:
    """No schedule but those of the test."""
    Schedule.objects.all().delete()


def just_now() -> datetime:
    return timezone.now() - timedelta(seconds=1)


def made(**fields: Any) -> Schedule:
    values: dict[str, Any] = {
        "name": f"Schedule {Schedule.objects.count()}",
        "task": tasks.empty.name,
        "interval_seconds": 60,
        "next_at": timezone.now() - timedelta(seconds=5),
    }
    return Schedule.objects.create(**values | fields)


def filled(schedule: Schedule) -> list[Job]:
    return list(Job.objects.filter(schedule=schedule).order_by("scheduled_for"))


def test_a_slot_that_has_come_makes_one_job_and_the_next_is_named() -> None:
    schedule = made(tenant_id=7)
    slot = schedule.next_at
    assert [schedules.fill_due(), schedules.fill_due()] == [1, 0]
    (job,) = filled(schedule)
    assert (job.scheduled_for, job.tenant_id, job.status) == (slot, 7, JobStatus.QUEUED)
    assert JobEvent.objects.get(job=job).cause == Cause.SCHEDULE
    schedule.refresh_from_db()
    assert slot
    assert (schedule.next_at, schedule.last_slot_at, schedule.trouble) == (slot + MINUTE, slot, "")


def test_a_slot_to_come_is_waited_for() -> None:
    made(next_at=timezone.now() + MINUTE)
    assert schedules.fill_due() == 0


def test_a_cron_expression_goes_on_in_its_zone() -> None:
    schedule = made(interval_seconds=None, cron="30 9 * * *", time_zone="Europe/Paris")
    schedules.fill_due()
    schedule.refresh_from_db()
    assert schedule.next_at
    assert f"{schedule.next_at.astimezone(ZoneInfo('Europe/Paris')):%H:%M}" == "09:30"


@pytest.mark.parametrize(("catch_up", "count"), [("skip", 1), ("once", 1), ("all", 11)])
def test_x18_slots_that_came_while_nothing_ran_are_made_up_for_as_chosen(catch_up: str, count: int) -> None:
    schedule = made(
        catch_up=catch_up, overlap="allow", next_at=timezone.now() - 10 * MINUTE - timedelta(seconds=5)
    )
    assert schedules.fill_due() == count
    assert schedules.fill_due() == 0
    assert len({job.scheduled_for for job in filled(schedule)}) == count


def test_x18_a_slot_that_is_long_over_is_skipped_where_that_is_chosen() -> None:
    schedule = made(catch_up="skip", interval_seconds=3600, next_at=timezone.now() - timedelta(minutes=90))
    assert schedules.fill_due() == 0
    schedule.refresh_from_db()
    assert schedule.next_at
    assert schedule.next_at > timezone.now()
    assert (schedule.last_slot_at, schedule.trouble) == (None, "")


def test_no_more_than_a_hundred_slots_are_made_up_for_and_these_are_the_newest() -> None:
    schedule = made(catch_up="all", overlap="allow", next_at=timezone.now() - timedelta(days=400))
    assert schedules.fill_due() == 100
    newest = filled(schedule)[-1].scheduled_for
    assert newest
    assert timezone.now() - newest <= MINUTE + timedelta(seconds=5)


def test_slots_made_up_for_run_one_after_the_other_where_they_are_not_to_overlap() -> None:
    schedule = made(catch_up="all", next_at=timezone.now() - 2 * MINUTE - timedelta(seconds=5))
    assert schedules.fill_due() == 3
    assert [job.status for job in filled(schedule)] == ["queued", "blocked", "blocked"]
    drain()
    assert {job.status for job in filled(schedule)} == {JobStatus.SUCCEEDED}


def test_a_slot_is_skipped_while_the_last_job_goes_on_and_says_so() -> None:
    schedule = made()
    schedules.fill_due()
    Schedule.objects.update(next_at=just_now())
    assert schedules.fill_due() == 0
    schedule.refresh_from_db()
    assert schedule.trouble == Trouble.OVERLAP
    drain()
    Schedule.objects.update(next_at=just_now())
    assert schedules.fill_due() == 1
    schedule.refresh_from_db()
    assert schedule.trouble == ""


def test_a_slot_is_filled_beside_the_last_job_where_that_is_chosen() -> None:
    schedule = made(overlap="allow")
    schedules.fill_due()
    Schedule.objects.update(next_at=just_now())
    assert schedules.fill_due() == 1
    assert len(filled(schedule)) == 2


@pytest.mark.parametrize(
    ("fields", "trouble"),
    [
        ({"task": "probe.unheard_of"}, Trouble.UNKNOWN_TASK),
        ({"arguments": {"wrong": 1}}, Trouble.ARGUMENTS),
    ],
)
def test_a_schedule_that_cannot_make_its_job_says_why_and_goes_on_and_harms_no_other(
    fields: dict[str, Any], trouble: str
) -> None:
    bad, good = made(**fields), made()
    assert schedules.fill_due() == 1
    assert len(filled(good)) == 1
    bad.refresh_from_db()
    assert bad.trouble == trouble
    assert bad.next_at
    assert bad.next_at > timezone.now()
    Schedule.objects.filter(pk=bad.pk).update(task=tasks.empty.name, arguments={}, next_at=just_now())
    assert schedules.fill_due() == 1
    bad.refresh_from_db()
    assert bad.trouble == ""


@pytest.mark.parametrize("fields", [{"time_zone": "Nowhere/Here"}, {"interval_seconds": None, "cron": "x"}])
def test_a_schedule_whose_time_cannot_be_read_stands_still_and_says_so(fields: dict[str, Any]) -> None:
    bad, good = made(**fields), made()
    assert schedules.fill_due() == 1
    assert len(filled(good)) == 1
    bad.refresh_from_db()
    assert (bad.trouble, bad.next_at) == (Trouble.TIMING, None)


@pytest.mark.parametrize("error", [RuntimeError, DataError])
def test_an_unexpected_error_of_one_schedule_is_noted_and_harms_no_other(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = made(), made(interval_seconds=61)

    def fail(self: slots.Timing, *args: Any) -> Any:
        if self.interval == MINUTE:
            raise error("TREMBLAY")
        return original(self, *args)

    original = slots.Timing.until
    monkeypatch.setattr(slots.Timing, "until", fail)
    assert schedules.fill_due() == 1
    assert len(filled(good)) == 1
    bad.refresh_from_db()
    assert bad.trouble == Trouble.ERROR
    assert bad.next_at
    assert bad.next_at > timezone.now()


def test_x17_a_clock_that_jumps_back_fills_no_slot_again() -> None:
    schedule = made()
    slot = schedule.next_at
    schedules.fill_due()
    drain()
    # As after a jump of the database's clock or a restored backup: the row names a slot that has its job.
    Schedule.objects.update(next_at=slot)
    assert schedules.fill_due() == 0
    assert len(filled(schedule)) == 1
    schedule.refresh_from_db()
    assert schedule.next_at
    assert slot
    assert schedule.next_at == slot + MINUTE


def test_x17_slots_that_have_their_jobs_do_not_keep_others_from_theirs() -> None:
    schedule = made(
        catch_up="all", overlap="allow", next_at=timezone.now() - 2 * MINUTE - timedelta(seconds=5)
    )
    first = schedule.next_at
    assert schedules.fill_due() == 3
    newest = filled(schedule)[-1]
    Job.objects.filter(pk=newest.pk).delete()
    Schedule.objects.update(next_at=first)
    assert schedules.fill_due() == 1
    assert len(filled(schedule)) == 3


def test_two_jobs_cannot_be_of_one_slot() -> None:
    schedule = made()
    schedules.fill_due()
    (job,) = filled(schedule)
    twin = Job(
        task=job.task,
        queue=job.queue,
        timeout_seconds=1,
        max_attempts=1,
        schedule=schedule,
        scheduled_for=job.scheduled_for,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        lifecycle.create_many([Entry(twin)])


LOOK = """
import sys, time, django
django.setup()
from jobs import schedules
sys.stdin.readline()
print(sum(schedules.fill_due() for _ in range(30)))
"""


@pytest.mark.django_db(transaction=True)
def test_x18_two_schedulers_make_one_job_for_each_slot(no_redis: None, tmp_path: Any) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("other processes cannot see SQLite's database in memory; PostgreSQL can lose this race")
    names = [f"Race {number}" for number in range(20)]
    for name in names:
        made(
            name=name,
            catch_up="all",
            overlap="allow",
            next_at=timezone.now() - 4 * MINUTE - timedelta(seconds=5),
        )
    name = connection.settings_dict["NAME"]
    host = connection.settings_dict["HOST"] or "127.0.0.1"
    environment = {
        "DJANGO_SETTINGS_MODULE": WORKER_SETTINGS,
        "DATABASE_URL": f"postgres://postgres@{host}:{connection.settings_dict['PORT'] or 5432}/{name}",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "VAR_DIR": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", LOOK],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    # Each waits for a line, so that both look at once.
    answers = [""] * len(processes)

    def ask(number: int) -> None:
        answers[number] = processes[number].communicate("\n", timeout=120)[0]

    threads = [threading.Thread(target=ask, args=[number]) for number in range(len(processes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=130)
    assert sum(int(answer) for answer in answers) == Job.objects.count() == 100
    assert len(set(Job.objects.values_list("schedule_id", "scheduled_for"))) == 100


def test_a_run_by_hand_leaves_the_slots_as_they_are() -> None:
    schedule, person = made(next_at=timezone.now() + MINUTE), staff()
    job = schedules.run_now(schedule, by=person, reason="Now")
    assert (job.schedule_id, job.scheduled_for) == (schedule.pk, None)
    event = JobEvent.objects.get(job=job)
    assert (event.cause, event.by_id) == (Cause.RUN_NOW, person.pk)
    schedules.run_now(schedule, by=person)
    before = schedule.next_at
    schedule.refresh_from_db()
    assert schedule.next_at == before
    line = AuditEntry.objects.order_by("id")[0]
    assert (line.action, line.target, line.reason) == ("run_schedule", schedule.name, "Now")


def test_a_run_by_hand_of_what_cannot_run_is_refused_with_the_reason() -> None:
    with pytest.raises(ScheduleError) as caught:
        schedules.run_now(made(task="probe.unheard_of"), by=None)
    assert caught.value.trouble == Trouble.UNKNOWN_TASK
    with pytest.raises(ScheduleError) as caught:
        schedules.run_now(made(arguments={"wrong": 1}), by=None)
    assert caught.value.trouble == Trouble.ARGUMENTS
    assert not Job.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_paused_schedule_fills_nothing_and_makes_up_for_nothing_when_it_goes_on() -> None:
    schedule, person = made(catch_up="all"), staff()
    assert schedules.pause(schedule, by=person, reason="Month end")
    assert not schedules.pause(schedule, by=person, reason="Again")
    assert schedules.fill_due() == 0
    schedule.refresh_from_db()
    assert (schedule.next_at, schedule.pause_reason, schedule.changed_by) == (None, "Month end", person)
    assert schedules.resume(schedule, by=person)
    assert not schedules.resume(schedule, by=person)
    assert schedules.fill_due() == 0
    schedule.refresh_from_db()
    assert schedule.next_at
    assert schedule.next_at > timezone.now()
    assert schedule.paused_at is None
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["pause_schedule", "resume_schedule"]


def test_a_schedule_is_stored_with_its_next_slot_and_a_line_in_the_trail() -> None:
    schedule = Schedule(name="New", task=tasks.empty.name, cron="0 0 * * *", time_zone="UTC")
    schedules.save(schedule, by=staff(), details={"added": True})
    schedule.refresh_from_db()
    assert schedule.next_at
    assert f"{schedule.next_at:%H:%M}" == "00:00"
    schedule.cron = "wrong"
    with pytest.raises(TimingError):
        schedules.save(schedule, by=None, details={})
    schedule.cron, schedule.arguments = "0 0 * * *", {"wrong": 1}
    with pytest.raises(ScheduleError):
        schedules.save(schedule, by=None, details={})
    assert AuditEntry.objects.get().details == {"added": True}


def test_a_change_of_something_else_keeps_the_next_slot_and_one_of_the_time_does_not() -> None:
    soon = timezone.now() + 10 * MINUTE
    schedule = made(interval_seconds=6 * 3600, next_at=soon)
    schedule.name = "Another name"
    schedules.save(schedule, by=None, details={})
    schedule.refresh_from_db()
    assert (schedule.name, schedule.next_at) == ("Another name", soon)
    schedule.interval_seconds = 7 * 3600
    schedules.save(schedule, by=None, details={})
    schedule.refresh_from_db()
    assert schedule.next_at
    assert schedule.next_at > timezone.now() + 6 * timedelta(hours=1)


def test_deleting_a_schedule_keeps_its_jobs() -> None:
    schedule = made()
    schedules.fill_due()
    schedules.delete(schedule, by=None)
    assert not Schedule.objects.exists()
    assert Job.objects.get().schedule_id is None


SHIPPED = Shipped("Nightly", task=tasks.empty.name, cron="0 3 * * *")


def test_shipped_schedules_follow_the_table_until_somebody_changes_them(settings: Any) -> None:
    settings.JOBS_SCHEDULES = (SHIPPED,)
    assert [schedules.sync_shipped(), schedules.sync_shipped()] == [1, 0]
    row = Schedule.objects.get()
    assert (row.is_shipped, row.time_zone) == (True, settings.TIME_ZONE)
    assert row.next_at
    settings.JOBS_SCHEDULES = (Shipped("Nightly", task=tasks.empty.name, cron="0 4 * * *"),)
    assert schedules.sync_shipped() == 1
    Schedule.objects.update(changed_by=staff(), cron="0 5 * * *")
    assert schedules.sync_shipped() == 0
    Schedule.objects.all().delete()
    assert schedules.sync_shipped() == 1
    assert Schedule.objects.get().cron == "0 4 * * *"


def test_a_name_that_somebody_uses_is_left_alone(settings: Any) -> None:
    settings.JOBS_SCHEDULES = (SHIPPED,)
    made(name="Nightly")
    assert schedules.sync_shipped() == 0
