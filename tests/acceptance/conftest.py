"""A whole site for fault tests: its own Redis server, its own database, and worker processes on both."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import uuid4

import environ
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker

from config import settings as site_settings
from jobs import dispatch
from tests.support.processes import RedisServer, Site, redis_server
from tests.support.runs import Program

# Where a developer's machine has PostgreSQL, unless DATABASE_URL names another one.
LOCAL_POSTGRESQL = "postgresql:///postgres?host=/var/run/postgresql"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server of this test alone."""
    with redis_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    redis: RedisServer,
    settings: Any,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Site]:
    """A site on each database, which this process uses as well."""
    template = request.getfixturevalue(f"{request.param}_template")
    (tmp_path / "media" / "incoming").mkdir(parents=True, exist_ok=True)
    settings.REDIS_URL = redis.url
    dispatch.forget_clients()
    with (
        django_db_blocker.unblock(),
        _copy_of(template, tmp_path) as database_url,
        _default_database(database_url),
    ):
        made = Site(redis_url=redis.url, database_url=database_url, folder=tmp_path)
        try:
            yield made
        finally:
            made.close()
            made.show_logs()
            dispatch.forget_clients()


@pytest.fixture
def program(site: Site, settings: Any) -> Program:
    """A program that may upload to the site, into the folder where its workers look."""
    settings.MEDIA_ROOT = site.folder / "media"
    settings.FILE_UPLOAD_TEMP_DIR = str(site.folder / "media" / "incoming")
    return Program()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> str:
    """The address of a migrated, empty SQLite database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'db.sqlite3'}"
    with django_db_blocker.unblock(), _default_database(url):
        call_command("migrate", verbosity=0)
    return url


@pytest.fixture(scope="session")
def postgresql_template(django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The address of a migrated, empty PostgreSQL database."""
    configured = os.environ.get("DATABASE_URL", "")
    server = configured if configured.startswith("postgres") else LOCAL_POSTGRESQL
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("PostgreSQL does not answer")
    with _postgresql_database(server, template=None) as url:
        with django_db_blocker.unblock(), _default_database(url):
            call_command("migrate", verbosity=0)
        yield url


@contextmanager
def _copy_of(template: str, folder: Path) -> Iterator[str]:
    if template.startswith("sqlite"):
        path = folder / "db.sqlite3"
        copyfile(template.removeprefix("sqlite:///"), path)
        yield f"sqlite:///{path}"
        return
    name = environ.Env.db_url_config(template)["NAME"]
    with _postgresql_database(_beside(template, "postgres"), template=name) as url:
        yield url


@contextmanager
def _postgresql_database(server: str, *, template: str | None) -> Iterator[str]:
    """A database that exists for the block."""
    name = f"jobs_test_{uuid4().hex[:12]}"
    copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
        try:
            yield _beside(server, name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _beside(url: str, name: str) -> str:
    """The address of another database on the same server; a role may bear the name of its database."""
    address, mark, options = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{options}"


@contextmanager
def _default_database(url: str) -> Iterator[None]:
    """That database in the place of the test database; worker processes can see it, and it keeps what is committed."""
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if url.startswith("sqlite"):
        usual = site_settings.DATABASES["default"]
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": usual.get("OPTIONS", {}).get("init_command", "PRAGMA journal_mode=WAL;"),
        }
    before = connections["default"]
    connections["default"] = ConnectionHandler({"default": config})["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
