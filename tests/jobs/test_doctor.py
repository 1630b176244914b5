"""`manage.py doctor`: what it sees of a broken installation, in words, without a secret, with an exit status."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs import doctor
from jobs.doctor import CHECKS, Examination, Finding, Level
from jobs.doctor.masking import masked
from jobs.models import Schedule, WorkerProcess
from jobs.moments import database_now
from tests.support.mail import free_port, mail_server
from tests.support.platform import leading_dispatcher, living_worker
from tests.support.processes import RedisServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def discovered() -> None:
    doctor.discover()


def found(name: str, *, send_to: str = "") -> list[Finding]:
    """What one check finds."""
    return [finding for _name, finding in doctor.examine(Examination(send_to), [name])]


def worst(name: str) -> Level:
    return max((finding.level for finding in found(name)), default=Level.OK)


def run(*arguments: str) -> tuple[int, str]:
    """The exit status and what was printed."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


# --- The command --------------------------------------------------------------------------------------------


@pytest.fixture
def only_these(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Finding]]:
    """The findings of a made-up check, which is the only one."""
    findings: dict[str, list[Finding]] = {"made-up": []}
    monkeypatch.setattr("jobs.doctor.discover", lambda: None)
    monkeypatch.setattr(CHECKS, "_entries", {"made-up": lambda examination: iter(findings["made-up"])})
    return findings


@pytest.mark.parametrize(
    ("levels", "status"),
    [([], 0), ([Level.OK], 0), ([Level.OK, Level.WARNING], 1), ([Level.ERROR, Level.WARNING], 2)],
)
def test_the_worst_finding_is_the_exit_status(
    only_these: dict[str, list[Finding]], levels: list[Level], status: int
) -> None:
    only_these["made-up"] = [Finding(level, "seen", "why", "do") for level in levels]
    assert run()[0] == run("--json")[0] == status


def test_each_finding_says_what_was_seen_why_it_matters_and_what_to_do(
    only_these: dict[str, list[Finding]],
) -> None:
    only_these["made-up"] = [Finding(Level.ERROR, "It is gone.", "Nothing works.", "Bring it back.")]
    _status, text = run()
    assert "error    made-up       It is gone." in text
    assert "why  Nothing works." in text
    assert "do   Bring it back." in text
    assert "\x1b[" not in text
    body = json.loads(run("--json")[1])
    assert body == {
        "status": "error",
        "findings": [
            {
                "check": "made-up",
                "level": "error",
                "seen": "It is gone.",
                "why": "Nothing works.",
                "do": "Bring it back.",
            }
        ],
    }


def test_a_check_that_breaks_is_a_finding_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(examination: Examination) -> Iterator[Finding]:
        yield doctor.ok("so far")
        raise RuntimeError("oops")

    monkeypatch.setattr(CHECKS, "_entries", {"broken": broken, "good": lambda _: iter([doctor.ok("fine")])})
    assert [name for name, _ in doctor.examine(Examination())] == ["broken", "good"]
    assert found("broken")[0].seen == "The check itself failed: RuntimeError: oops"


def test_an_unknown_check_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(CommandError, match=r"there are: .*redis-memory"):
        call_command("doctor", "--only", "no-such-check")


def test_every_check_has_findings_on_this_machine(settings: Any) -> None:
    living_worker("w1", [policy.name for policy in settings.JOBS_QUEUES])
    leading_dispatcher()
    seen = {name for name, _finding in doctor.examine(Examination())}
    assert seen == set(CHECKS)
    assert {"redis", "redis-memory", "database", "clocks", "storage", "mail", "settings"} <= seen


# --- Secrets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("REDIS_URL", "redis://:geh%2Feim@redis.example:6379/0", "geh%2Feim"),
        ("REDIS_URL", "redis://:geh%2Feim@redis.example:6379/0", "geh/eim"),
        ("DATABASE_URL", "postgres://bob:s3cret@db.example/bdx", "s3cret"),
        ("EMAIL_HOST_PASSWORD", "hunter22", "hunter22"),
        ("SECRET_KEY", "k" * 60, "k" * 60),
        ("METRICS_TOKEN", "scrape-me", "scrape-me"),
    ],
)
def test_no_secret_of_this_installation_is_shown(name: str, value: str, secret: str, settings: Any) -> None:
    setattr(settings, name, value)
    assert masked(f"before {secret} after {value}").count(secret) == 0


def test_the_password_of_any_address_is_masked_and_the_rest_is_shown() -> None:
    assert masked("amqp://bob:pw@host:1/0 x") == "amqp://bob:•••@host:1/0 x"
    assert masked("smtp://USER:PASSWORD@mail.example") == "smtp://USER:PASSWORD@mail.example"


def test_the_password_of_redis_is_in_no_finding(settings: Any) -> None:
    settings.REDIS_URL = f"redis://:geheim123@127.0.0.1:{free_port()}/0"
    _status, text = run("--only", "redis")
    assert "redis://:•••@127.0.0.1" in text
    assert "geheim123" not in text + run("--json")[1]


# --- Redis --------------------------------------------------------------------------------------------------


def test_redis_away_is_an_error_that_says_what_still_works(no_redis: None) -> None:
    finding = found("redis")[0]
    assert finding.level == Level.ERROR
    assert "Uploads are accepted" in finding.why
    assert found("redis-memory") == found("redis-disk") == []


def test_f06_an_eviction_policy_is_an_error(own_redis: RedisServer) -> None:
    assert worst("redis-memory") == Level.OK
    own_redis.client.config_set("maxmemory-policy", "allkeys-lru")
    finding = found("redis-memory")[0]
    assert finding.level == Level.ERROR
    assert "noeviction" in finding.action


def test_a_nearly_full_redis_is_a_warning(own_redis: RedisServer) -> None:
    used = int(own_redis.client.info("memory")["used_memory"])
    own_redis.client.config_set("maxmemory", used + used // 10)
    assert worst("redis-memory") == Level.WARNING


def test_x11_a_redis_that_takes_nothing_is_an_error(own_redis: RedisServer) -> None:
    own_redis.client.config_set("maxmemory", 1)
    assert [finding.level for finding in found("redis")] == [Level.OK, Level.ERROR, Level.OK]


def test_f06_a_redis_without_persistence_is_a_warning(own_redis: RedisServer) -> None:
    assert worst("redis-disk") == Level.OK
    own_redis.client.config_set("appendonly", "no")
    assert worst("redis-disk") == Level.WARNING


def test_a_redis_that_is_slow_or_old_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.doctor.redis_server.SLOW_MS", 0.0)
    assert worst("redis") == Level.WARNING
    monkeypatch.setattr("jobs.doctor.redis_server.OLDEST_VERSION", (99,))
    assert worst("redis") == Level.ERROR


# --- Database, clocks, workers ------------------------------------------------------------------------------


def test_the_test_database_is_well(settings: Any) -> None:
    assert worst("database") == worst("migrations") == worst("clocks") == Level.OK


def test_a_migration_that_is_not_applied_is_an_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'notifications'")
    finding = found("migrations")[0]
    assert finding.level == Level.ERROR
    assert "notifications.0001_initial" in finding.seen


@pytest.mark.skipif(connection.vendor != "sqlite", reason="speaks of SQLite")
def test_workers_of_two_machines_on_sqlite_are_an_error() -> None:
    living_worker("w1", [], host="one")
    living_worker("w2", [], host="two")
    assert worst("database") == Level.ERROR


@pytest.mark.parametrize(
    ("offset", "level"), [(0.0, Level.OK), (3.0, Level.WARNING), (-3.0, Level.WARNING), (90.0, Level.ERROR)]
)
def test_a_clock_that_is_off_is_seen_in_both_directions(
    offset: float, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(
        "jobs.doctor.clocks.time", type("Clock", (), {"time": staticmethod(lambda: real() + offset)})
    )
    assert worst("clocks") == level


def test_workers_versions_queues_and_the_leader_are_looked_at(settings: Any) -> None:
    assert worst("workers") == Level.ERROR
    names = [policy.name for policy in settings.JOBS_QUEUES]
    living_worker("w1", names[1:], version="1")
    assert [finding.level for finding in found("workers")] == [Level.OK, Level.ERROR, Level.ERROR]
    leading_dispatcher()
    living_worker("w2", names, version="2")
    assert worst("workers") == Level.WARNING
    WorkerProcess.objects.filter(name="w1").update(version="2")
    assert worst("workers") == Level.OK
    WorkerProcess.objects.filter(name="w1").update(seen_at=database_now() - timedelta(minutes=10))
    assert "w1" in found("workers")[-1].seen
    WorkerProcess.objects.filter(name="w1").update(seen_at=database_now() - timedelta(hours=2))
    assert not any("w1" in finding.seen for finding in found("workers"))


def test_a_schedule_that_makes_no_jobs_is_a_warning() -> None:
    assert worst("schedules") == Level.OK
    Schedule.objects.create(name="sweep", task="t", interval_seconds=60, trouble="unknown_task")
    assert worst("schedules") == Level.WARNING


# --- Storage, mail, settings --------------------------------------------------------------------------------


def test_storage_is_tried_out_and_left_as_it_was(settings: Any) -> None:
    before = {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}
    assert found("storage")[0].level == Level.OK
    assert {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()} == before


def test_a_full_disk_is_an_error(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10**18
    assert worst("storage") == Level.ERROR


def test_a_storage_that_cannot_be_written_is_an_error(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings.MEDIA_ROOT = tmp_path / "file"
    assert worst("storage") == Level.ERROR


def test_the_mail_server_is_greeted_and_sent_nothing_unless_asked(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "127.0.0.1", "", ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    with mail_server() as box:
        settings.EMAIL_PORT = box.port
        assert worst("mail") == Level.OK
        assert box.messages == []
        found("mail", send_to="ops@bordereau.example")
        assert [str(message["To"]) for message in box.messages] == ["ops@bordereau.example"]
    assert worst("mail") == Level.ERROR


def test_mail_to_files_is_a_warning(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    assert worst("mail") == Level.WARNING


def test_unsafe_settings_are_errors(settings: Any) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["bordereau.example"]
    assert any("bordereau.E002" in finding.seen for finding in found("settings"))
