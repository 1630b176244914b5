"""The stored upload: opened for the engine, deleted when its run has ended."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs.errors import PermanentError
from validations.models import ENDED, ValidationRun

# Storage that answers so is full.
FULL = (errno.ENOSPC, errno.EDQUOT)


def engine_folder() -> Path:
    """The folder for temporary tables, made where it is missing."""
    folder = Path(settings.ENGINE_TEMP_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def local_copy(run: ValidationRun) -> Iterator[Path]:
    """A path on this machine with the uploaded bytes; the stored file itself where storage is a local disk.

    Raises: PermanentError, `file-gone` when it is not stored, `file-changed` when its size is another one.
    """
    if not run.file:
        raise PermanentError("file-gone")
    try:
        if run.file.size != run.size_bytes:
            raise PermanentError("file-changed")
        path = run.file.path
    except FileNotFoundError:
        raise PermanentError("file-gone") from None
    except NotImplementedError:
        # A remote storage has no paths: the bytes are brought here for the time of the check.
        with (
            tempfile.NamedTemporaryFile(dir=engine_folder(), prefix="upload-") as copy,
            run.file.open("rb") as stored,
        ):
            shutil.copyfileobj(stored, copy, length=1024 * 1024)
            copy.flush()
            yield Path(copy.name)
        return
    yield Path(path)


class _SecondName(File[bytes]):
    """A stored file under a second name, which a storage on a local disk moves into place."""

    def __init__(self, stored: Path, second: Path) -> None:
        os.link(stored, second)
        self._path = second
        super().__init__(second.open("rb"), name=stored.name)

    def temporary_file_path(self) -> str:
        """Where Django's storage finds what it moves."""
        return str(self._path)


@contextmanager
def another_copy(run: ValidationRun) -> Iterator[File[bytes]]:
    """The uploaded bytes, to be stored for another run as well; each run deletes its own.

    On a local disk they get a second name, which takes no time however large they are; stored bytes are never written
    to again.

    Raises: FileNotFoundError when they are not stored.
    """
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Named like an unfinished upload: one that a crash leaves here is swept with those.
    second = folder / f"{uuid4().hex}.upload"
    with ExitStack() as exits:
        copy: File[bytes]
        try:
            copy = _SecondName(Path(run.file.path), second)
            exits.callback(second.unlink, missing_ok=True)
        except FileNotFoundError:
            raise
        except (NotImplementedError, OSError):
            # A remote storage, or a file system without second names.
            copy = run.file.open("rb")
        exits.callback(copy.close)
        yield copy


def delete_stored_file(run: ValidationRun) -> None:
    """Remove the uploaded bytes of a run that has no row: it was not recorded, or was deleted."""
    if run.file.name:
        default_storage.delete(run.file.name)


def delete_file_of_ended(run: ValidationRun) -> bool:
    """Whether the uploaded bytes were removed; a run that was started again meanwhile keeps them."""
    name = run.file.name
    ended = ValidationRun.unscoped.filter(pk=run.pk, file=name, status__in=ENDED)
    # The row first: who starts the run again afterwards is told that the file is gone. Bytes that a crash leaves here
    # belong to no row, and the sweeper takes them.
    if not name or not ended.update(file="", file_deleted_at=timezone.now()):
        return False
    default_storage.delete(name)
    return True
