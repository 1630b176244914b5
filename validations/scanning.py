"""Looking for malware in a file before it is read: by a scanner that the site chose, in the worker.

A scanner is a function that takes a path and gives the name of what it found, or None. Two are here: `signature`
knows the EICAR test file alone, `clamd` asks a ClamAV daemon.
"""

import re
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.module_loading import import_string

from jobs import audit
from jobs.context import RunningJob
from jobs.errors import FencedError, JobError, PermanentError
from jobs.models import ActionKind
from validations.models import ValidationRun
from validations.progress import held_by

Scanner = Callable[[Path], str | None]

FOLDER = "quarantine"
CHUNK = 1024 * 1024
# In two parts, so that no scanner takes this file for one.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
_FOUND = re.compile(rb": (.+) FOUND")
_SECONDS = 60.0


class ScannerAwayError(JobError):
    """The scanner does not answer: no file is read unscanned, and the job is tried again later."""

    code = "scanner-away"


def scan(job: RunningJob, run: ValidationRun, path: Path) -> None:
    """Pass for a file in which nothing was found, and where no scanner is set.

    Raises: PermanentError `malware`, once the file was put away; ScannerAwayError, temporary.
    """
    if not settings.UPLOAD_SCANNER:
        return
    scanner: Scanner = import_string(settings.UPLOAD_SCANNER)
    name = scanner(path)
    if name is None:
        return
    _put_away(job, run, path, name)
    raise PermanentError("malware")


def signature(path: Path) -> str | None:
    """The name of the test file that every scanner knows, where the file holds it."""
    tail = b""
    for chunk in _chunks(path):
        if EICAR in tail + chunk:
            return "EICAR-Test-File"
        tail = chunk[-len(EICAR) :]
    return None


def clamd(path: Path) -> str | None:
    """What the ClamAV daemon at CLAMD_ADDRESS finds.

    Raises: ScannerAwayError when it does not answer, or not with a verdict; PermanentError for a file that is too
    large for it.
    """
    try:
        with _connected(settings.CLAMD_ADDRESS) as connection:
            connection.sendall(b"zINSTREAM\0")
            for chunk in _chunks(path):
                connection.sendall(struct.pack("!L", len(chunk)) + chunk)
            connection.sendall(struct.pack("!L", 0))
            answer = _answer(connection)
    except OSError as error:
        raise ScannerAwayError from error
    if answer.endswith(b" OK"):
        return None
    if found := _FOUND.search(answer):
        return found.group(1).decode(errors="replace")[:100]
    if b"size limit exceeded" in answer:
        # Trying again cannot help: the daemon's StreamMaxLength is below what the site lets in.
        raise PermanentError("scanner-limit")
    raise ScannerAwayError


def _put_away(job: RunningJob, run: ValidationRun, path: Path, name: str) -> None:
    """Move the file to where no page looks, tell the audit trail, and leave the run without a file."""
    stored = str(run.file.name)
    with path.open("rb") as content:
        kept = default_storage.save(f"{FOLDER}/{run.organization_id}/{run.pk}", content)
    with transaction.atomic():
        if not held_by(job, run).update(file=""):
            default_storage.delete(kept)
            # Another worker has the run by now, and scans the file itself.
            raise FencedError
        details = {"found": name, "kept_as": kept}
        audit.record(
            None, ActionKind.QUARANTINE, "run", run.pk, tenant_id=run.organization_id, details=details
        )
    default_storage.delete(stored)
    run.file = ""


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _connected(address: str) -> socket.socket:
    url = urlsplit(address)
    if url.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_SECONDS)
        connection.connect(url.path)
        return connection
    return socket.create_connection((url.hostname or "127.0.0.1", url.port or 3310), timeout=_SECONDS)


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < CHUNK:
        piece = connection.recv(4096)
        if not piece:
            break
        answer += piece
    return answer.rstrip(b"\0\n")
