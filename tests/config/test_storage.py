"""What survives a power loss: bytes and names that were flushed before anybody was told that they are kept."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models.signals import pre_save

from config.uploads import UNWRITTEN_MAX_BYTES, HashedUpload
from organizations.models import Organization, User
from tests import factories
from validations.models import ValidationRun

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="only Linux tells the path of an open file"
)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that the disk was asked to keep, in that order."""
    paths: list[Path] = []
    really: Callable[[int], None] = os.fsync

    def note(descriptor: int) -> None:
        really(descriptor)
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    return paths


def test_x25_a_stored_file_and_the_names_on_the_way_to_it_are_on_disk(
    flushed: list[Path], settings: Any
) -> None:
    name = default_storage.save("runs/2026/march.csv", ContentFile(b"a;b\n"))
    root = Path(settings.MEDIA_ROOT)
    assert flushed == [root / name, root / "runs" / "2026", root / "runs", root]


def test_x25_a_large_upload_is_written_through_while_it_comes(flushed: list[Path]) -> None:
    upload = HashedUpload("march.csv", "text/csv", {})
    piece = b"x" * (1024 * 1024)
    for _ in range(2 * UNWRITTEN_MAX_BYTES // len(piece) + 1):
        upload.take(piece)
    assert len(flushed) == 2
    upload.complete()
    assert len(flushed) == 3
    upload.close()


@pytest.mark.django_db
def test_x25_the_file_of_a_run_is_on_disk_before_its_row_says_so(
    flushed: list[Path], organization: Organization, member: User, settings: Any
) -> None:
    known: list[set[Path]] = []

    def look(instance: ValidationRun, **_details: Any) -> None:
        known.append({Path(instance.file.path), Path(instance.file.path).parent} - set(flushed))

    pre_save.connect(look, sender=ValidationRun)
    try:
        factories.sent_run(organization, member, b"a;b\n1;2\n")
    finally:
        pre_save.disconnect(look, sender=ValidationRun)
    assert known
    assert known[0] == set()


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL flushes by itself")
def test_x25_sqlite_flushes_what_it_commits() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone() == (2,)
