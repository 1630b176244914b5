"""`/healthz` and `/readyz`: quick, without a name, and answered whatever else is wrong."""

import asyncio
from typing import Any

import pytest
from django.db import OperationalError
from django.test import AsyncClient, Client

from organizations.models import User
from tests.conftest import signed_in


def test_healthz_asks_no_database(settings: Any) -> None:
    # Without the mark of the database any query would fail this test.
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_says_how_database_and_redis_are() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "database": "ok", "redis": "ok"})


@pytest.mark.django_db
def test_x11_without_redis_the_site_is_degraded_and_ready(no_redis: None) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "database": "ok", "redis": "away"}


@pytest.mark.django_db
def test_without_a_database_it_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection to db.example failed")

    monkeypatch.setattr("config.probes.connection.cursor", away)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unready", "database": "away", "redis": "ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_comes_by_any_name_and_without_tls(path: str, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["bordereau.example"]
    answer = Client(headers={"Host": "10.2.3.4:8000"}).get(path)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert not answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_e03_only_reading_is_answered_and_no_name_is_in_it(path: str, owner: User) -> None:
    assert Client().post(path).status_code == 405
    body = signed_in(owner).get(path).content.decode()
    for name in ("erables", "Érables", owner.email):
        assert name not in body


@pytest.mark.django_db
def test_the_server_s_own_way_leads_there_too() -> None:
    answer: Any = asyncio.run(AsyncClient().get("/healthz"))
    assert answer.status_code == 200
    other: Any = asyncio.run(AsyncClient().get("/no-such-page"))
    assert other.status_code == 404
