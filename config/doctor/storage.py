"""Files can be stored, read and deleted, and there is room for more."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.template.defaultfilters import filesizeformat

from jobs.doctor import Examination, Finding, check, error, ok, warning

# A run keeps tables of about three times the size of its file beside it.
ROOM_FOR_RUN = 3


@check("storage")
def look_at_storage(examination: Examination) -> Iterator[Finding]:
    """A small file goes in, comes out the same, and can be deleted."""
    name, content = f"doctor/{uuid.uuid4()}", uuid.uuid4().bytes
    try:
        stored = default_storage.save(name, ContentFile(content))
        with default_storage.open(stored) as file:
            same = file.read() == content
        default_storage.delete(stored)
    except Exception as problem:  # noqa: BLE001 -- every kind of storage has errors of its own
        yield error(
            f"A file could not be stored, read and deleted: {type(problem).__name__}: {problem}",
            "Uploads are refused, and runs fail.",
            "Let the user of this process write there, free space, or set MEDIA_ROOT to where it may.",
        )
        return
    if same:
        yield ok("A file was stored, read and deleted")
    else:
        yield error(
            "A file came back with other content.",
            "Uploads would be damaged.",
            "Check the disk or the storage service.",
        )
    if isinstance(default_storage, FileSystemStorage) or hasattr(default_storage, "location"):
        yield _room("uploads", Path(settings.MEDIA_ROOT), settings.UPLOAD_MAX_BYTES)
    yield _room("temporary tables", Path(settings.ENGINE_TEMP_DIR), ROOM_FOR_RUN * settings.UPLOAD_MAX_BYTES)


def _room(what: str, folder: Path, needed_bytes: int) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as problem:
        return error(
            f"The folder for {what} cannot be looked at: {type(problem).__name__}",
            "Nothing can be written there.",
            "Make it, or set another one.",
        )
    seen = f"{filesizeformat(free)} are free for {what}"
    why = f"The largest file that may be uploaded needs {filesizeformat(needed_bytes)} there."
    action = "Free space, or lower UPLOAD_MAX_BYTES."
    if free < needed_bytes:
        return error(seen, why, action)
    return warning(seen, why, action) if free < 3 * needed_bytes else ok(seen)
