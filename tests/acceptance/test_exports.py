"""Files to download, made by real workers: while everybody else writes, and with no word of them left anywhere."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.models import Attempt
from organizations.models import Organization
from tests.acceptance.test_run_faults import MARKED_CSV, MARKED_NAME, everything_in
from tests.support.processes import RedisServer, Site, wait_until
from tests.support.runs import Program, wait_for_end
from validations.engine.sample import write_sample
from validations.exports import formats
from validations.exports.source import CHUNK
from validations.models import Export, ExportStatus, ValidationRun

pytestmark = pytest.mark.acceptance


def ask(program: Program, run: ValidationRun, name: str) -> Export:
    """The file of that format that a worker is to make."""
    address = f"/api/validations/{run.pk}/exports"
    answer = program.client.post(address, {"format": name}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    export: Export = Export.unscoped.get(pk=answer.json()["exportId"])
    return export


def wait_until_made(export: Export, meanwhile: Any = lambda: None) -> Export:
    """The file, once it is no longer on its way."""

    def ended() -> bool:
        meanwhile()
        export.refresh_from_db()
        return export.status != ExportStatus.WAITING

    wait_until(ended, seconds=240, what=f"the end of {export.pk}")
    return export


def test_b04_x13_a_large_file_is_made_in_one_attempt_while_others_write(
    site: Site, program: Program, tmp_path: Path
) -> None:
    source = tmp_path / "sample.csv"
    # More findings than are read at once, so that some are still to be read when the progress is written.
    write_sample(source, 9_000, 0.5, 7, today=date.today())  # noqa: DTZ011 -- the day of this machine
    site.worker("validations", "reports")
    run = wait_for_end(program.send(source.read_bytes()))
    assert run.error_count > CHUNK
    places = Organization.objects.filter(pk=program.organization.pk)
    export = wait_until_made(ask(program, run, "annotated-xlsx"), lambda: places.update(name="Another name"))
    assert (export.status, export.error_code) == (ExportStatus.READY, "")
    assert Attempt.objects.filter(job=export.job).count() == 1


def test_f04_redis_logs_and_mail_hold_nothing_of_a_file_that_was_made(
    site: Site, program: Program, redis: RedisServer
) -> None:
    worker = site.worker()
    run = wait_for_end(program.send(MARKED_CSV.encode("latin-1"), MARKED_NAME))
    exports = [wait_until_made(ask(program, run, name)) for name in sorted(formats)]
    assert {export.status for export in exports} == {ExportStatus.READY}
    kept = [str(piece) for piece in everything_in(redis)]
    arguments = [str((export.job.arguments, export.job.result)) for export in exports if export.job]
    mail = [path.read_text(errors="replace") for path in site.folder.rglob("mail/*") if path.is_file()]
    for piece in (worker.log_text(), *kept, *arguments, *mail):
        assert "zqxw" not in piece.lower()
