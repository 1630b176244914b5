"""The databases that pages are measured on, and what is told of their times."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

POSTGRES = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


def percentile(values: list[float], share: float) -> float:
    """The value that this share (0 to 1) of all does not pass."""
    return sorted(values)[min(len(values) - 1, round(share * len(values)))]


@contextmanager
def read_or_new_database() -> Iterator[str]:
    """The address of a PostgreSQL database: the one that READ names, or a new one, kept if KEEP is set."""
    if url := os.environ.get("READ"):
        yield url
        return
    name = f"bench_{uuid4().hex[:12]}"
    base, _, _maintenance = POSTGRES.rpartition("/")
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{base}/{name}"
        finally:
            if os.environ.get("KEEP"):
                print(f"kept: READ={base}/{name}")
            else:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
