"""Uploads under faults, with real workers and a real Redis: nothing accepted is lost, nothing is shown twice."""

import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.models import Attempt
from organizations.models import ApiKey, Organization, User
from organizations.roles import Role
from tests import factories
from tests.support.processes import RedisServer, Site, wait_until
from validations.engine.sample import Truth, write_sample
from validations.models import BillingRecord, Finding, ResultSet, RunStatus, ValidationRun

pytestmark = pytest.mark.acceptance

SEED = 11
# Words that stand in no code, no test and no message: wherever one turns up, a cell or a name has leaked.
MARKED_PATIENT = "ZQXW80010112 Zqxwpatient Marie"
MARKED_NAME = "zqxwfilename.csv"
MARKED_CSV = (
    "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
    f"123456789;12345678901;zqxwdate;51234;zqxwcode;zqxwamount;1632084-12345 Roy;{MARKED_PATIENT}\r\n"
)


class Sender:
    """A program that uploads with an API key."""

    def __init__(self) -> None:
        self.organization: Organization = factories.organization(slug="erables")
        self.user: User = factories.member(self.organization, Role.MEMBER)
        key = ApiKey.issue(self.organization, self.user, "Program")[1]
        self.client = Client(headers={"Authorization": f"Bearer {key}"})

    def send(self, content: bytes, name: str = "lines.csv") -> ValidationRun:
        answer = self.client.post("/api/validations", {"file": SimpleUploadedFile(name, content)})
        assert answer.status_code == 202, answer.content
        run: ValidationRun = ValidationRun.unscoped.get(pk=answer.json()["validationId"])
        return run


@pytest.fixture
def sender(site: Site, settings: Any) -> Sender:
    settings.MEDIA_ROOT = site.folder / "media"
    settings.FILE_UPLOAD_TEMP_DIR = str(site.folder / "media" / "incoming")
    return Sender()


def sample(folder: Path, rows: int) -> tuple[bytes, Truth]:
    path = folder / "sample.csv"
    truth = write_sample(path, rows, 0.02, SEED, today=date.today())  # noqa: DTZ011 -- the day of this machine
    return path.read_bytes(), truth


def wait_for_end(run: ValidationRun, *, seconds: float = 60.0) -> ValidationRun:
    def ended() -> bool:
        run.refresh_from_db()
        return not run.is_active

    wait_until(ended, seconds=seconds, what=f"the end of {run.pk}")
    return run


def wait_for_phase(run: ValidationRun, phases: set[str]) -> None:
    def reached() -> bool:
        run.refresh_from_db()
        assert run.is_active, "the run was over before it could be disturbed"
        return run.phase in phases

    wait_until(reached, seconds=30, what=f"phase {phases}")


def assert_one_result_set(run: ValidationRun, truth: Truth, rows: int) -> None:
    found = Counter(Finding.unscoped.filter(result_id=run.result_id).values_list("code", flat=True))
    assert found == Counter(plant.code for plant in truth.planted)
    wait_until(lambda: ResultSet.unscoped.filter(run=run).count() == 1, what="left-over sets to be removed")
    assert BillingRecord.unscoped.filter(result__run=run).count() == rows


def test_x01_x02_a_run_survives_the_death_of_its_worker_with_one_result_set(
    site: Site, sender: Sender, tmp_path: Path
) -> None:
    content, truth = sample(tmp_path, 40_000)
    run = sender.send(content)
    worker = site.worker("validations")
    wait_for_phase(run, {"records", "rules", "results"})
    worker.kill_all()
    killed_at = time.monotonic()
    site.worker("validations")
    wait_for_end(run)
    assert time.monotonic() - killed_at < 60
    assert (run.status, run.verdict) == (RunStatus.COMPLETED, "refused")
    assert list(Attempt.objects.filter(job=run.job).order_by("fence").values_list("outcome", flat=True)) == [
        "lost",
        "succeeded",
    ]
    assert_one_result_set(run, truth, run.summary["rows"])


def test_x06_twenty_uploads_without_redis_are_accepted_and_end_when_it_is_back(
    site: Site, sender: Sender, redis: RedisServer, tmp_path: Path
) -> None:
    content, _ = sample(tmp_path, 30)
    redis.stop()
    site.worker("validations")
    runs = []
    for _number in range(20):
        began = time.monotonic()
        runs.append(sender.send(content))
        assert time.monotonic() - began < 1
    redis.start()
    assert {wait_for_end(run, seconds=90).status for run in runs} == {RunStatus.COMPLETED}
    assert Attempt.objects.filter(job__in=[run.job for run in runs]).count() == 20


def test_f04_redis_and_logs_hold_nothing_of_a_file_but_ids(
    site: Site, sender: Sender, redis: RedisServer, tmp_path: Path
) -> None:
    run = sender.send(MARKED_CSV.encode("latin-1"), MARKED_NAME)
    worker = site.worker()
    wait_for_end(run)
    assert run.error_count
    everything = [worker.log_text(), *(str(piece) for piece in _dump(redis))]
    for word in ("zqxw", "ZQXW", "erables", sender.user.email):
        assert not [piece for piece in everything if word in piece], word


def _dump(redis: RedisServer) -> list[Any]:
    """All keys with all they hold."""
    client = redis.client
    return [(key, client.dump(key), _value(client, key)) for key in client.keys("*")]


def _value(client: Any, key: Any) -> Any:
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"zset": lambda name: client.zrange(name, 0, -1),
        b"stream": client.xrange,
    }
    return readers[client.type(key)](key)
