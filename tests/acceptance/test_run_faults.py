"""Uploads under faults, with real workers and a real Redis: nothing accepted is lost, nothing is shown twice."""

import time
from pathlib import Path
from typing import Any

import pytest

from jobs.models import Attempt
from tests.support.processes import RedisServer, Site, frozen, wait_until
from tests.support.runs import (
    Program,
    assert_one_result_set,
    outcomes,
    sample,
    wait_for_end,
    wait_for_phase,
)
from validations.models import BillingRecord, LogEntry, RunStatus, ValidationRun
from validations.store import PORTION_ROWS

pytestmark = pytest.mark.acceptance

# Words that stand in no code, no test and no message: wherever one turns up, a cell or a name has leaked.
MARKED_PATIENT = "ZQXW80010112 Zqxwpatient Marie"
MARKED_NAME = "zqxwfilename.csv"
MARKED_CSV = (
    "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient\r\n"
    f"123456789;12345678901;zqxwdate;51234;zqxwcode;zqxwamount;1632084-12345 Roy;{MARKED_PATIENT}\r\n"
)


def test_x01_x02_a_run_survives_the_death_of_its_worker_with_one_result_set(
    site: Site, program: Program, tmp_path: Path
) -> None:
    content, truth = sample(tmp_path, 40_000)
    run = program.send(content)
    worker = site.worker("validations")
    wait_for_phase(run, {"records", "rules", "results"})
    worker.kill_all()
    killed_at = time.monotonic()
    site.worker("validations")
    wait_for_end(run)
    assert time.monotonic() - killed_at < 60
    assert (run.status, run.verdict) == (RunStatus.COMPLETED, "refused")
    assert outcomes(run) == ["lost", "succeeded"]
    assert_one_result_set(run, truth)


def test_x02_a_run_of_many_rows_goes_on_behind_what_was_stored_when_its_worker_died(
    site: Site, program: Program, tmp_path: Path
) -> None:
    content, truth = sample(tmp_path, 300_000)
    run = program.send(content)
    worker = site.worker("validations")
    wait_until(lambda: _stored(run) > PORTION_ROWS, seconds=120, what="a portion of records")
    worker.kill_all()
    assert _stored(run) < truth.rows
    site.worker("validations")
    wait_for_end(run, seconds=180)
    assert (run.status, outcomes(run)) == (RunStatus.COMPLETED, ["lost", "succeeded"])
    kept = LogEntry.unscoped.get(run=run, code="records-kept").params["records"]
    assert kept in (PORTION_ROWS, 2 * PORTION_ROWS)
    assert_one_result_set(run, truth)


def test_x05_a_worker_that_is_frozen_while_it_stores_holds_nobody_up_and_adds_nothing_when_it_wakes_up(
    site: Site, program: Program, tmp_path: Path
) -> None:
    if site.database_url.startswith("sqlite"):
        pytest.skip("on SQLite whoever writes holds up everybody")
    content, truth = sample(tmp_path, 300_000)
    run = program.send(content)
    worker = site.worker("validations")
    wait_until(lambda: _stored(run) >= PORTION_ROWS, seconds=120, what="a portion of records")
    asleep = frozen(worker)
    assert _stored(run) < truth.rows
    site.worker("validations")
    wait_for_end(run, seconds=180)
    for process in asleep:
        process.resume()
    following = wait_for_end(program.send(content[:2000]))
    assert (run.status, following.status) == (RunStatus.COMPLETED, RunStatus.COMPLETED)
    assert outcomes(run) == ["lost", "succeeded"]
    # The work-horse comes last; its worker learns that the run is no longer theirs, or it finds out itself.
    wait_until(lambda: not asleep[-1].is_running(), what="the woken work-horse to end")
    assert_one_result_set(run, truth)


def _stored(run: ValidationRun) -> int:
    return BillingRecord.unscoped.filter(result__run=run).count()


def test_x06_twenty_uploads_without_redis_are_accepted_and_end_when_it_is_back(
    site: Site, program: Program, redis: RedisServer, tmp_path: Path
) -> None:
    content, _ = sample(tmp_path, 30)
    redis.stop()
    site.worker("validations")
    runs = []
    for _number in range(20):
        began = time.monotonic()
        runs.append(program.send(content))
        assert time.monotonic() - began < 1
    redis.start()
    assert {wait_for_end(run, seconds=90).status for run in runs} == {RunStatus.COMPLETED}
    assert Attempt.objects.filter(job__in=[run.job for run in runs]).count() == 20


def test_f04_redis_and_logs_hold_nothing_of_a_file_but_ids(
    site: Site, program: Program, redis: RedisServer, tmp_path: Path
) -> None:
    run = program.send(MARKED_CSV.encode("latin-1"), MARKED_NAME)
    worker = site.worker()
    wait_for_end(run)
    assert run.error_count
    everything = [worker.log_text(), *(str(piece) for piece in everything_in(redis))]
    for word in ("zqxw", "ZQXW", "erables", program.user.email):
        assert not [piece for piece in everything if word in piece], word


def everything_in(redis: RedisServer) -> list[Any]:
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
        # A key whose time ran out since it was listed.
        b"none": lambda _name: None,
    }
    return readers[client.type(key)](key)
