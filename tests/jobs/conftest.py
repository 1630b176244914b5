"""Fixtures of the platform's tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs import dispatch
from jobs.admission import Seat
from jobs.errors import RefusedError
from jobs.signals import job_restarted
from tests.support.processes import RedisServer, redis_server


@pytest.fixture
def seat() -> Seat:
    """Somebody who runs attempts."""
    return Seat(worker="worker-1", host="here", pid=1)


@pytest.fixture
def own_redis(tmp_path: Path, settings: Any) -> Iterator[RedisServer]:
    """A Redis server of this test alone, which the site uses."""
    with redis_server(tmp_path / "redis") as server:
        settings.REDIS_URL = server.url
        yield server


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """No client of an earlier test, nor its memory of a failure."""
    dispatch.forget_clients()
    yield
    dispatch.forget_clients()


@pytest.fixture
def failing_restart() -> Iterator[None]:
    """An app that says no to every restart of a job."""

    def refuse(**kwargs: Any) -> None:
        raise RefusedError("the file is gone")

    job_restarted.connect(refuse)
    yield
    job_restarted.disconnect(refuse)
