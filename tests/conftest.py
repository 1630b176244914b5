"""Fixtures with a cast: owner, manager, member and viewer of one organization, and an outsider of another."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.signals import user_logged_in
from django.core.cache import cache
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone, translation
from redis import Redis

from config.embedded_redis import EmbeddedRedis
from jobs import failfast
from organizations.accounttrail import SIGN_IN_NOTED, note_sign_in
from organizations.models import Organization, User
from organizations.roles import RoleKey
from tests import factories
from tests.support.processes import free_port


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[str]:
    """The address of a Redis for this test process: a database of the given one, or an embedded one."""
    configured = os.environ.get("REDIS_URL", "")
    with _own_database(configured) if configured else _own_server() as url:
        # django-rq keeps references to these very dictionaries.
        for queue in django_settings.RQ_QUEUES.values():
            queue["URL"] = url
        django_settings.REDIS_URL = url
        yield url


@contextmanager
def _own_server() -> Iterator[str]:
    """An embedded Redis for the block."""
    with (
        tempfile.TemporaryDirectory(prefix="bdx-") as folder,
        EmbeddedRedis(socket=Path(folder) / "redis.sock", folder=Path(folder) / "data") as server,
    ):
        yield server.url


@contextmanager
def _own_database(url: str) -> Iterator[str]:
    """The first empty database of the server from the given number on; emptied again after the block."""
    server, _slash, number = url.rpartition("/")
    # Processes of one run look from different places, so that two never find the same one.
    first = int(number) + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for candidate in range(first, 16, processes):
        with Redis.from_url(f"{server}/{candidate}") as client:
            if client.dbsize() == 0:
                yield f"{server}/{candidate}"
                client.flushdb()
                return
    pytest.exit(f"{server} has no empty database from {number} on; set TEST_REDIS_URL to another server.")


@pytest.fixture
def no_redis(settings: Any) -> Iterator[None]:
    """A site whose Redis refuses connections."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    failfast.forget_clients()
    yield
    failfast.forget_clients()


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Uploads and temporary tables of a test go to its own folder."""
    # Tests without a database have a cache too; the shared one is looked at where it matters.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "media" / "incoming")
    (tmp_path / "media" / "incoming").mkdir(parents=True)
    cache.clear()


@pytest.fixture(autouse=True)
def wide_limits(settings: Any) -> None:
    """Keys of different tests have the same numbers, and are counted under them; tests send faster than people."""
    settings.API_REQUESTS_PER_MINUTE = 10**6
    settings.UPLOADS_PER_MINUTE = 10**6


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """No test inherits the language or the time zone in which another one's last page was written."""
    with translation.override(django_settings.LANGUAGE_CODE):
        yield
    timezone.deactivate()


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Making a person takes no half second: the real hasher is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def organization(db: None) -> Organization:
    return factories.organization(name="Clinique des Érables", slug="erables")


@pytest.fixture
def other_organization(db: None) -> Organization:
    return factories.organization(name="Agence Boréale", slug="boreale")


@pytest.fixture
def owner(organization: Organization) -> User:
    return factories.member(organization, RoleKey.OWNER, email="owner@erables.example")


@pytest.fixture
def manager(organization: Organization) -> User:
    return factories.member(organization, RoleKey.MANAGER, email="manager@erables.example")


@pytest.fixture
def member(organization: Organization) -> User:
    return factories.member(organization, RoleKey.MEMBER, email="member@erables.example")


@pytest.fixture
def viewer(organization: Organization) -> User:
    return factories.member(organization, RoleKey.VIEWER, email="viewer@erables.example")


@pytest.fixture
def outsider(other_organization: Organization) -> User:
    return factories.member(other_organization, RoleKey.OWNER, email="outsider@boreale.example")


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("root@bordereau.example", factories.PASSWORD)


def end(response: Any) -> None:
    """Close an answer, and leave the database connection of the test open."""
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)


def signed_in(person: User) -> Client:
    """A browser in which that person is signed in already: the sign-in itself left no line in the audit trail."""
    client = Client()
    user_logged_in.disconnect(dispatch_uid=SIGN_IN_NOTED)
    try:
        client.force_login(person, backend="organizations.backends.EmailBackend")
    finally:
        user_logged_in.connect(note_sign_in, dispatch_uid=SIGN_IN_NOTED)
    return client


@pytest.fixture
def member_client(member: User) -> Client:
    return signed_in(member)


@pytest.fixture
def viewer_client(viewer: User) -> Client:
    return signed_in(viewer)


@pytest.fixture
def outsider_client(outsider: User) -> Client:
    return signed_in(outsider)


@pytest.fixture
def api_key(organization: Organization, member: User) -> str:
    return factories.api_key(organization, member, "Test program")
