"""Settings and tasks that must not start."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from jobs import checks
from jobs.declarations import TASKS
from jobs.shipped import Shipped
from jobs.tasks import task
from tests.support.probe import tasks as probe_tasks  # noqa: F401 -- declares them


@pytest.fixture
def registered() -> Iterator[None]:
    """Whatever a test declares is forgotten after it."""
    before, broken = dict(TASKS._entries), dict(TASKS.broken)
    yield
    TASKS._entries.clear()
    TASKS._entries.update(before)
    TASKS.broken.clear()
    TASKS.broken.update(broken)


def ids(problems: list[Any]) -> list[str]:
    return [problem.id for problem in problems]


def test_the_project_as_it_is_has_no_problem() -> None:
    assert checks.check_queues(None) == checks.check_timing(None) == checks.check_schedules(None) == []


def test_a_task_on_an_unknown_queue_is_reported(registered: None) -> None:
    def lost(job: object) -> None:
        """Wait in vain."""

    task(queue="no-such-queue")(lost)
    assert "jobs.E002" in ids(checks.check_tasks(None))


def test_a_task_without_docstring_is_reported(registered: None) -> None:
    def silent(job: object) -> None:
        pass

    task(queue="critical")(silent)
    assert "jobs.E003" in ids(checks.check_tasks(None))


def test_two_tasks_of_one_name_are_reported(registered: None) -> None:
    def twin(job: object) -> None:
        """Be one of two."""

    task(queue="critical")(twin)
    task(queue="critical")(twin)
    assert "jobs.E001" in ids(checks.check_tasks(None))


@pytest.mark.parametrize("serializer", [None, "rq.serializers.DefaultSerializer", "pickle"])
def test_f01_a_queue_without_the_json_serializer_is_reported(serializer: str | None, settings: Any) -> None:
    settings.RQ_QUEUES = {**settings.RQ_QUEUES, "emails": {"URL": "redis://x", "SERIALIZER": serializer}}
    assert ids(checks.check_queues(None)) == ["jobs.E004"]


@pytest.mark.parametrize("name", ["WORKER_CLASS", "JOB_CLASS", "QUEUE_CLASS"])
def test_f02_rq_s_own_classes_are_reported(name: str, settings: Any) -> None:
    settings.RQ = {key: value for key, value in settings.RQ.items() if key != name}
    assert ids(checks.check_queues(None)) == ["jobs.E005"]


@pytest.mark.parametrize(("lease", "tick"), [(30, 0), (2, 1), (0, 1)])
def test_a_lease_that_cannot_be_renewed_in_time_is_reported(lease: float, tick: float, settings: Any) -> None:
    settings.JOBS_LEASE_SECONDS, settings.JOBS_TICK_SECONDS = lease, tick
    assert ids(checks.check_timing(None)) == ["jobs.E006"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="speaks of SQLite")
def test_a_sqlite_database_whose_writers_would_fail_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_database(None, ["default"]) == []
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {})
    assert ids(checks.check_database(None, ["default"])) == ["jobs.E007"]


@pytest.mark.parametrize(
    ("shipped", "expected"),
    [
        (Shipped("a", task="probe.unheard_of", cron="0 0 * * *"), "jobs.E020"),
        (Shipped("a", task="probe.empty", cron="0 0 * * *", arguments={"x": 1}), "jobs.E021"),
        (Shipped("a", task="probe.empty", cron="0 0 * *"), "jobs.E022"),
    ],
)
def test_a_schedule_that_could_not_make_its_job_is_reported(
    settings: Any, shipped: Shipped, expected: str
) -> None:
    settings.JOBS_SCHEDULES = (shipped,)
    assert ids(checks.check_schedules(None)) == [expected]
