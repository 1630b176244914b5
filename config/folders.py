"""The private folders and the secret key of a machine on which nothing was set up."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.conf import settings


def make_folders() -> None:
    """Make the folders that the settings name, readable by this user only.

    Where that is not allowed, Django's check of the settings and the database say so in their own words.
    """
    incoming = Path(settings.FILE_UPLOAD_TEMP_DIR)
    for folder in (settings.VAR_DIR, settings.STATIC_ROOT, Path(settings.MEDIA_ROOT), incoming):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_secret_key() -> None:
    """Make a key for this machine where none is set; the settings of the next process read it."""
    if settings.SECRET_KEY == settings.INSECURE_SECRET_KEY:
        write_once(settings.SECRET_KEY_FILE, secrets.token_urlsafe(50))


def write_once(path: Path, text: str) -> str:
    """What the private file holds: the text, or what somebody wrote there before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return text
