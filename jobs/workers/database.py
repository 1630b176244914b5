"""The database connection of a worker's parent, which it keeps, and what a fork may share of it."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection, connections

T = TypeVar("T")

# A statement of the parent gives up this early: the work-horse may hold the row's lock for long.
LOCK_WAIT_SECONDS = 2


def in_database(step: Callable[[], T]) -> T:
    """What the step returns, on the parent's own connection, which waits for no lock for long."""
    if connection.connection is None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_WAIT_SECONDS}s"])
            else:
                cursor.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_SECONDS * 1000}")
    return step()


def prepare_fork() -> None:
    """Close what a fork may not share: an open SQLite file, whose locks the library counts per process.

    A connection to PostgreSQL is kept: the child sets it aside.
    """
    if connection.vendor == "sqlite":
        connections.close_all()


# Never used, and never closed either: closing would say goodbye to the server in the parent's name.
_of_parent: list[Any] = []


def leave_connections_to_parent() -> None:
    """Have this process open connections of its own when it needs one."""
    for inherited in connections.all(initialized_only=True):
        _of_parent.append(inherited)
        del connections[inherited.alias]
