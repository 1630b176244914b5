"""Where uploads are kept on this machine's disk: what was accepted is there after a power loss, too."""

import os
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage


class DurableFileSystemStorage(FileSystemStorage):
    """Django's storage on a local disk; a saved file has reached the disk under its name when `save` returns."""

    def _save(self, name: str, content: File[Any]) -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc]  # not in the stubs
        path = Path(self.path(saved))
        flush_to_disk(path)
        # A new name stands in its folder, and the name of a new folder in the one above.
        for folder in path.parents:
            flush_to_disk(folder)
            if folder == Path(self.location):
                break
        return saved


def flush_to_disk(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk.

    Raises: OSError when the disk cannot take them.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
