"""A15: a file in which the scanner finds malware is put away, told of, and never handed out."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from jobs.alerts import rules
from jobs.errors import PermanentError
from jobs.models import ActionKind, AuditEntry, Job, JobStatus
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from validations import retention, scanning
from validations.models import RunStatus, ValidationRun
from validations.scanning import EICAR

CLEAN = b"Facture;Code\r\n1;2\r\n"


@contextmanager
def clamd(verdict: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A daemon that reads one stream and gives the verdict: its address, and what it was sent."""
    server, seen = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        connection, _peer = server.accept()
        with connection, connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while size := struct.unpack("!L", stream.read(4))[0]:
                seen.append(stream.read(size))
            connection.sendall(verdict)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}", seen
    thread.join(5)
    server.close()


@pytest.fixture
def flagged(organization: Organization, member: User, settings: Any) -> ValidationRun:
    """A run whose file was put away."""
    settings.UPLOAD_SCANNER = "validations.scanning.signature"
    run = factories.sent_run(organization, member, CLEAN + EICAR + b";x\r\n")
    drain(raising=False)
    run.refresh_from_db()
    return run


def test_a15_a_flagged_file_fails_its_run_at_once_and_is_put_away(flagged: ValidationRun) -> None:
    assert (flagged.status, flagged.error_code, bool(flagged.file)) == (RunStatus.FAILED, "malware", False)
    assert Job.objects.get(task="validations.validate_run").attempt == 1
    line = AuditEntry.objects.get(action=ActionKind.QUARANTINE)
    assert (line.tenant_id, line.target) == (flagged.organization_id, str(flagged.pk))
    kept = line.details["kept_as"]
    assert kept.startswith(f"quarantine/{flagged.organization_id}/")
    assert default_storage.exists(kept)
    assert default_storage.listdir(f"uploads/{flagged.organization_id}")[1] == []
    assert [sighting.params for sighting in rules.malware(rules.Scene())] == [{"files": 1}]


def test_a15_it_is_not_retried_nor_checked_again_and_the_page_says_why(
    flagged: ValidationRun, member: User
) -> None:
    client = signed_in(member)
    page = client.get(reverse("validations:run-detail", args=["erables", flagged.pk])).content.decode()
    assert "found malware" in page
    for name in ("run-retry", "run-again"):
        client.post(reverse(f"validations:{name}", args=["erables", flagged.pk]))
    flagged.refresh_from_db()
    assert flagged.status == RunStatus.FAILED
    assert ValidationRun.unscoped.count() == 1


def test_a15_what_was_put_away_is_swept_after_thirty_days(
    flagged: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = AuditEntry.objects.get(action=ActionKind.QUARANTINE).details["kept_as"]

    def sweep() -> None:
        retention.sweep(abandoned_after=timedelta(hours=24), checkpoint=lambda: None)

    sweep()
    assert default_storage.exists(kept)
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr("validations.retention.timezone.now", lambda: later)
    sweep()
    assert not default_storage.exists(kept)


def test_a_clean_file_is_checked_as_ever(organization: Organization, member: User, settings: Any) -> None:
    settings.UPLOAD_SCANNER = "validations.scanning.signature"
    run = factories.sent_run(organization, member, CLEAN)
    drain()
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def test_the_signature_is_found_across_two_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", 100)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 70 + EICAR + b"y" * 300)
    assert scanning.signature(path) == "EICAR-Test-File"
    path.write_bytes(b"x" * 1000)
    assert scanning.signature(path) is None


def test_clamd_is_sent_the_whole_file_and_its_verdict_counts(tmp_path: Path, settings: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"z" * (scanning.CHUNK + 10))
    verdicts = {b"stream: OK\0": None, b"stream: Win.Test.EICAR_HDB-1 FOUND\0": "Win.Test.EICAR_HDB-1"}
    for verdict, expected in verdicts.items():
        with clamd(verdict) as (address, seen):
            settings.CLAMD_ADDRESS = address
            assert scanning.clamd(path) == expected
        assert b"".join(seen) == path.read_bytes()


def test_x_a_scanner_that_is_away_lets_no_file_pass_and_the_job_comes_again(
    organization: Organization, member: User, settings: Any
) -> None:
    settings.UPLOAD_SCANNER, settings.CLAMD_ADDRESS = "validations.scanning.clamd", "tcp://127.0.0.1:9"
    factories.sent_run(organization, member, CLEAN)
    drain(raising=False)
    job = Job.objects.get()
    assert (job.status, job.error_class.rsplit(".")[-1]) == (JobStatus.RETRYING, "ScannerAwayError")
    answers = {
        b"INSTREAM size limit exceeded. ERROR\0": PermanentError,
        b"something else ERROR\0": scanning.ScannerAwayError,
    }
    for answer, error in answers.items():
        with clamd(answer) as (address, _seen):
            settings.CLAMD_ADDRESS = address
            with pytest.raises(error):
                scanning.clamd(Path(__file__))
