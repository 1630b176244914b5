"""The moment it is for the database, and comparing moments where the database keeps them as texts.

SQLite's clock writes milliseconds, Python writes microseconds or none, and both are compared letter by letter: one
moment has two spellings there, of which the shorter counts as earlier.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import TextField, Value


def database_now() -> datetime:
    """The time by the database's clock."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
        return at


def spellings(moment: datetime) -> tuple[Any, Any]:
    """The moment as the first and as the last of its spellings, to compare a column with."""
    if connection.vendor != "sqlite" or moment.microsecond % 1000:
        return moment, moment
    second = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    milliseconds = f"{second}.{moment.microsecond // 1000:03d}"
    texts = (milliseconds, f"{milliseconds}000") if moment.microsecond else (second, milliseconds)
    first, last = (Value(text, output_field=TextField()) for text in texts)
    return first, last


def earliest(moment: datetime) -> Any:
    """What no spelling of the moment is smaller than."""
    return spellings(moment)[0]
