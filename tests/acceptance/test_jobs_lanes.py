"""What a job is promised, in both lanes: alone in its process, or one of a load that shares one."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from django.core.management import call_command

from jobs import services
from jobs.lifecycle import Cause
from jobs.models import Attempt, AttemptOutcome, Job, JobEvent, JobStatus, WorkerProcess
from jobs.tasks import Task, enqueue_many
from tests.acceptance.test_jobs_faults import has_started, lines, outcomes, status_of, wait_for
from tests.support.probe import tasks
from tests.support.probe.tasks import on
from tests.support.processes import WORKER_SETTINGS, RedisServer, Site, frozen, wait_until

pytestmark = pytest.mark.acceptance

S = JobStatus
LIGHT, HEAVY = "critical", "maintenance"


@pytest.fixture(params=[LIGHT, HEAVY], ids=["light", "heavy"])
def queue(request: pytest.FixtureRequest) -> str:
    """A queue of each lane."""
    name: str = request.param
    return name


def load(first: Task, written: Path, **arguments: object) -> tuple[Job, list[Job]]:
    """A job, and others that a worker takes together with it."""
    others = [on(LIGHT, tasks.note).plan(path=str(written), text=f"note {number}") for number in range(12)]
    job, *rest = enqueue_many([on(LIGHT, first).plan(**arguments), *others])
    return job, rest


def notes(path: Path) -> list[str]:
    return sorted(lines(path), key=lambda line: int(line.split()[1]))


def causes(job: Job) -> list[str]:
    return list(JobEvent.objects.filter(job=job).order_by("pk").values_list("cause", flat=True))


# --- Deaths -----------------------------------------------------------------------------------------------


def test_a_load_runs_in_one_process_and_each_job_has_its_own_attempt(site: Site, tmp_path: Path) -> None:
    job, others = load(tasks.be_deaf, tmp_path / "notes", path=str(tmp_path / "out"), seconds=0.1)
    site.burst()
    assert notes(tmp_path / "notes") == [f"note {number}" for number in range(12)]
    assert [outcomes(each) for each in (job, *others)] == [["succeeded"]] * 13
    assert {event for each in others for event in causes(each)} == {
        Cause.ENQUEUED,
        Cause.CLAIMED,
        Cause.RETURNED,
    }


def test_x01_when_a_shared_process_dies_only_the_job_under_way_loses_an_attempt(
    site: Site, tmp_path: Path
) -> None:
    out, written = tmp_path / "out", tmp_path / "notes"
    job, others = load(tasks.dawdle, written, path=str(out), seconds=1)
    site.worker(LIGHT)
    os.kill(wait_until(lambda: has_started(out)), signal.SIGKILL)
    for other in others:
        wait_for(other, S.SUCCEEDED)
    wait_for(job, S.SUCCEEDED)
    assert outcomes(job) == ["lost", "succeeded"]
    assert [outcomes(other) for other in others] == [["succeeded"]] * 12
    assert len(lines(written)) == 12


def test_x21_a_job_that_kills_its_process_each_time_harms_none_behind_it(site: Site, tmp_path: Path) -> None:
    killer, others = load(tasks.kill_itself, tmp_path / "notes", path=str(tmp_path / "out"))
    site.worker(LIGHT)
    for other in others:
        wait_for(other, S.SUCCEEDED)
    wait_for(killer, S.FAILED)
    killer.refresh_from_db()
    assert (killer.error_code, outcomes(killer)) == ("quarantined", ["lost"] * 3)
    assert len(lines(tmp_path / "notes")) == 12


def test_x21_the_same_in_a_process_of_its_own(site: Site, tmp_path: Path) -> None:
    killer = on(HEAVY, tasks.kill_itself).enqueue(path=str(tmp_path / "out"))
    site.worker(HEAVY)
    wait_for(killer, S.FAILED)
    killer.refresh_from_db()
    assert (killer.error_code, outcomes(killer)) == ("quarantined", ["lost"] * 3)


def test_x03_a_load_is_taken_over_when_its_worker_s_parent_is_killed(site: Site, tmp_path: Path) -> None:
    out, written = tmp_path / "out", tmp_path / "notes"
    job, others = load(tasks.be_deaf, written, path=str(out), seconds=1)
    worker = site.worker(LIGHT)
    horse = wait_until(lambda: has_started(out))
    worker.process.kill()
    worker.process.wait()
    wait_until(lambda: not psutil.pid_exists(horse) or psutil.Process(horse).status() == "zombie", seconds=2)
    assert lines(written) == []
    site.worker(LIGHT)
    for each in (job, *others):
        wait_for(each, S.SUCCEEDED)
    assert len(lines(written)) == 12
    assert lines(out)[-1] == "end 2"


# --- Stopping ---------------------------------------------------------------------------------------------


def test_x04_a_worker_that_is_to_stop_gives_its_whole_load_back_at_no_cost(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    job, others = load(tasks.dawdle, tmp_path / "notes", path=str(out), seconds=30)
    worker = site.worker(LIGHT)
    wait_until(lambda: has_started(out))
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=60) == 0
    rows = Job.objects.filter(pk__in=[job.pk, *(other.pk for other in others)])
    assert set(rows.values_list("status", "attempt")) == {(S.QUEUED, 0)}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {AttemptOutcome.HANDED_BACK}
    assert lines(tmp_path / "notes") == []
    site.burst()
    assert len(lines(tmp_path / "notes")) == 12


def test_x04_a_second_sigterm_ends_a_load_at_once(site: Site, tmp_path: Path) -> None:
    site.stop_seconds = 60
    out = tmp_path / "out"
    job, others = load(tasks.swallow_interruptions, tmp_path / "notes", path=str(out))
    worker = site.worker(LIGHT)
    wait_until(lambda: has_started(out))
    worker.process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait(timeout=10)
    assert {status_of(each) for each in (job, *others)} == {S.QUEUED}


# --- Freezing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", [LIGHT, HEAVY])
def test_x05_a_frozen_worker_s_job_is_done_by_another_and_the_woken_one_is_fenced_off(
    site: Site, tmp_path: Path, lane: str
) -> None:
    out = tmp_path / "out"
    job = on(lane, tasks.be_deaf).enqueue(path=str(out), seconds=1)
    first = site.worker(lane)
    wait_until(lambda: has_started(out))
    asleep = frozen(first)
    second = site.worker(lane)
    wait_for(job, S.SUCCEEDED)
    assert outcomes(job) == ["lost", "succeeded"]
    for process in asleep:
        process.resume()
    # The woken one goes on working, alone.
    second.process.terminate()
    second.process.wait()
    following = on(lane, tasks.empty).enqueue()
    wait_for(following, S.SUCCEEDED)
    job.refresh_from_db()
    assert (job.status, job.attempt, outcomes(job)) == (S.SUCCEEDED, 2, ["lost", "succeeded"])
    assert first.process.poll() is None


def test_x05_a_woken_worker_begins_nothing_that_others_have_taken(site: Site, tmp_path: Path) -> None:
    out, written = tmp_path / "out", tmp_path / "notes"
    job, others = load(tasks.be_deaf, written, path=str(out), seconds=0.5)
    first = site.worker(LIGHT)
    wait_until(lambda: has_started(out))
    asleep = frozen(first)
    site.worker(LIGHT)
    for each in (job, *others):
        wait_for(each, S.SUCCEEDED)
    for process in asleep:
        process.resume()
    following = on(LIGHT, tasks.empty).enqueue()
    wait_for(following, S.SUCCEEDED)
    wait_until(lambda: [line for line in lines(out) if line.startswith("end")].count("end 1") == 1)
    assert notes(written) == [f"note {number}" for number in range(12)]


# --- Limits -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_x19_a_task_in_a_call_that_nothing_interrupts_is_killed_fifteen_seconds_after_its_limit(
    site: Site, tmp_path: Path
) -> None:
    light, others = load(tasks.hang_in_c, tmp_path / "notes", path=str(tmp_path / "light"))
    heavy = on(HEAVY, tasks.hang_in_c).enqueue(path=str(tmp_path / "heavy"))
    for lane in (LIGHT, HEAVY):
        site.worker(lane)
    for other in others:
        # Not after the limit: a job that takes long does not keep back the others.
        wait_for(other, S.SUCCEEDED, seconds=14 * 3)
    for job, path in ((light, tmp_path / "light"), (heavy, tmp_path / "heavy")):
        wait_until(lambda path=path: has_started(path))  # type: ignore[misc]
        wait_for(job, S.FAILED, seconds=40)
        attempt = Attempt.objects.get(job=job)
        job.refresh_from_db()
        assert (job.error_code, attempt.outcome) == ("too_long", "failed")
        assert attempt.run_seconds
        assert 15 < attempt.run_seconds < 30
        assert len(lines(path)) == 1


def test_x19_the_time_limit_is_each_job_s_own(site: Site, tmp_path: Path) -> None:
    late, others = load(tasks.swallow_errors, tmp_path / "notes")
    site.worker(LIGHT)
    wait_for(late, S.FAILED, seconds=20)
    for other in others:
        wait_for(other, S.SUCCEEDED)
    late.refresh_from_db()
    assert (late.error_code, late.attempt, [outcomes(other) for other in others]) == (
        "too_long",
        1,
        [["succeeded"]] * 12,
    )


def test_x20_a_job_over_its_memory_limit_is_too_big_and_not_tried_again(
    site: Site, tmp_path: Path, queue: str
) -> None:
    big = on(queue, tasks.eat_memory).enqueue(mib=400)
    others = [on(queue, tasks.note).enqueue(path=str(tmp_path / "notes")) for _number in range(3)]
    worker = site.worker(queue)
    wait_for(big, S.FAILED)
    for other in others:
        wait_for(other, S.SUCCEEDED)
    big.refresh_from_db()
    assert (big.error_code, outcomes(big), worker.process.poll()) == ("too_big", ["failed"], None)
    assert causes(big)[-1] == Cause.MEMORY_LIMIT


# --- Cancelling -------------------------------------------------------------------------------------------


@pytest.fixture
def patient_site(site: Site) -> Site:
    """Leases so long that a worker that is not told of a cancellation learns of it late."""
    site.lease_seconds = 60
    return site


def test_a_cancelled_job_ends_at_its_next_checkpoint(patient_site: Site, tmp_path: Path, queue: str) -> None:
    out = tmp_path / "out"
    job = on(queue, tasks.dawdle).enqueue(path=str(out), seconds=30)
    patient_site.cancel_stop_seconds = 20
    patient_site.worker(queue)
    wait_until(lambda: has_started(out))
    services.cancel_job(job=job, by=None)
    assert wait_for(job, S.CANCELLED) < 5
    assert causes(job)[2:] == [Cause.CANCEL_ASKED, Cause.CANCELLED]


def test_a_cancelled_task_without_checkpoints_is_interrupted_where_it_is(
    patient_site: Site, tmp_path: Path, queue: str
) -> None:
    out = tmp_path / "out"
    job = on(queue, tasks.be_deaf).enqueue(path=str(out), seconds=60)
    patient_site.cancel_kill_seconds = 20
    patient_site.worker(queue)
    horse = wait_until(lambda: has_started(out))
    services.cancel_job(job=job, by=None)
    assert wait_for(job, S.CANCELLED) < 10
    assert causes(job)[2:] == [Cause.CANCEL_ASKED, Cause.CANCEL_STOP, Cause.CANCELLED]
    assert (outcomes(job), lines(out)) == (["cancelled"], [f"start 1 {horse}"])


def test_a_cancelled_task_that_goes_on_whatever_happens_is_killed(
    patient_site: Site, tmp_path: Path, queue: str
) -> None:
    out = tmp_path / "out"
    job = on(queue, tasks.swallow_interruptions).enqueue(path=str(out))
    following = on(queue, tasks.empty).enqueue()
    patient_site.worker(queue)
    wait_until(lambda: has_started(out))
    services.cancel_job(job=job, by=None)
    assert wait_for(job, S.CANCELLED) < 15
    wait_for(following, S.SUCCEEDED)
    assert causes(job)[2:] == [Cause.CANCEL_ASKED, Cause.CANCEL_STOP, Cause.CANCEL_KILL, Cause.CANCELLED]
    assert outcomes(job) == ["cancelled"]


def test_a_job_that_is_cancelled_before_its_turn_in_a_load_never_begins(site: Site, tmp_path: Path) -> None:
    out, written = tmp_path / "out", tmp_path / "notes"
    job, (first, *others) = load(tasks.be_deaf, written, path=str(out), seconds=1.5)
    site.worker(LIGHT)
    wait_until(lambda: has_started(out))
    assert status_of(first) == S.RUNNING
    services.cancel_job(job=first, by=None)
    wait_for(first, S.CANCELLED)
    for other in (job, *others):
        wait_for(other, S.SUCCEEDED)
    assert notes(written) == [f"note {number}" for number in range(1, 12)]


# --- Neighbours -------------------------------------------------------------------------------------------


def test_a_job_that_takes_long_does_not_keep_back_those_behind_it(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job, others = load(tasks.dawdle, tmp_path / "notes", path=str(out), seconds=30)
    site.worker(LIGHT)
    wait_until(lambda: has_started(out))
    site.worker(LIGHT)
    for other in others:
        wait_for(other, S.SUCCEEDED)
    assert status_of(job) == S.RUNNING
    assert set(
        Job.objects.filter(pk__in=[other.pk for other in others]).values_list("attempt", flat=True)
    ) == {1}


def test_the_least_urgent_queue_moves_on_while_the_most_urgent_one_never_empties(
    site: Site, tmp_path: Path
) -> None:
    path = str(tmp_path / "out")
    urgent = enqueue_many([on(LIGHT, tasks.be_deaf).plan(path=path, seconds=0.05) for _number in range(400)])
    idle = on(HEAVY, tasks.note).enqueue(path=str(tmp_path / "idle"))
    site.worker()
    wait_for(idle, S.SUCCEEDED)
    ids = [job.pk for job in urgent]
    assert Job.objects.filter(pk__in=ids, status=S.SUCCEEDED).exists()
    assert Job.objects.filter(pk__in=ids, status=S.QUEUED).exists()


@pytest.mark.parametrize(
    "kind",
    [
        "transaction",
        "broken transaction",
        "session",
        "language",
        "locale",
        "handlers",
        "alarm",
        "folder",
        "thread",
    ],
)
def test_a_task_meets_nothing_that_the_one_before_it_left(site: Site, tmp_path: Path, kind: str) -> None:
    out = str(tmp_path / "out")
    before, leaver, after = enqueue_many(
        [
            tasks.look_around.plan(path=out),
            tasks.leave_traces.plan(kind=kind),
            tasks.look_around.plan(path=out),
        ]
    )
    site.burst(LIGHT)
    first, second = lines(tmp_path / "out")
    assert second == first
    assert [outcomes(job) for job in (before, after)] == [["succeeded"]] * 2
    assert "lost" not in outcomes(leaver)
    after.refresh_from_db()
    assert after.progress_message == "seen"


def test_tasks_of_a_load_complete_and_fail_and_use_the_database_as_elsewhere(
    site: Site, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    plans = [
        tasks.complete.plan(path=out),
        tasks.look_into_the_database.plan(path=out),
        tasks.refuse.plan(),
        tasks.complete.plan(path=out),
        tasks.fail_until.plan(path=out, attempt=2),
        tasks.postpone_once.plan(path=str(tmp_path / "other")),
    ]
    jobs = enqueue_many(plans)
    site.worker(LIGHT)
    for job in jobs:
        wait_for(job, S.FAILED if job is jobs[2] else S.SUCCEEDED)
    assert [outcomes(job) for job in jobs] == [
        ["succeeded"],
        ["succeeded"],
        ["failed"],
        ["succeeded"],
        ["failed", "succeeded"],
        ["postponed", "succeeded"],
    ]
    assert Job.objects.get(pk=jobs[3].pk).progress_message == "completed"


# --- Deploys, workers, Redis ------------------------------------------------------------------------------


def test_x22_an_old_worker_leaves_jobs_of_a_newer_deploy_to_newer_workers(
    site: Site, tmp_path: Path, queue: str
) -> None:
    unknown = on(queue, tasks.note).enqueue(path=str(tmp_path / "out"))
    site.settings_module = "config.settings"
    old = site.worker(queue)
    wait_until(lambda: outcomes(unknown) == ["postponed"])
    assert status_of(unknown) == S.SCHEDULED
    site.settings_module = WORKER_SETTINGS
    site.worker(queue)
    old.process.terminate()
    wait_for(unknown, S.SUCCEEDED, seconds=90)
    assert set(outcomes(unknown)[:-1]) == {"postponed"}
    unknown.refresh_from_db()
    assert unknown.attempt == 1


def test_a_worker_is_seen_in_its_row_until_it_ends(site: Site) -> None:
    worker = site.worker("--role", "scheduled", "--name", "seen")
    wait_until(lambda: WorkerProcess.objects.filter(name="seen").exists())
    row = WorkerProcess.objects.get()
    assert (row.pid, row.queues, row.ended_at) == (worker.pid, ["scheduled", "maintenance"], None)
    wait_for(on("scheduled", tasks.empty).enqueue(), S.SUCCEEDED)
    worker.process.terminate()
    worker.process.wait()
    row.refresh_from_db()
    assert (row.jobs_done, bool(row.ended_at)) == (1, True)


def test_a_worker_on_all_queues_has_few_connections_to_redis(
    site: Site, redis: RedisServer, tmp_path: Path
) -> None:
    site.worker()
    for job in (
        *enqueue_many([tasks.empty.plan() for _number in range(30)]),
        on(HEAVY, tasks.empty).enqueue(),
    ):
        wait_for(job, S.SUCCEEDED)
    here = redis.client
    others = [client for client in here.client_list() if client["cmd"] != "client|list"]
    assert len(others) <= 10, [(client["addr"], client["cmd"], client["name"]) for client in others]


def test_the_command_names_its_roles(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("rqworker", "--help")
    assert "document" in capsys.readouterr().out
