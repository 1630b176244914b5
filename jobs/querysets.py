"""Reads of jobs, attempts and events; and the one update that gives back the rows it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, models
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

if TYPE_CHECKING:
    from jobs.models import Attempt, Job, JobEvent  # noqa: F401 -- named in the base classes below

M = TypeVar("M", bound=models.Model)


def update_returning(rows: models.QuerySet[M], **values: Any) -> list[M]:
    """The rows that the update changed, as they are after it, read by the same statement.

    Both databases of this project know `UPDATE ... RETURNING`; the ORM does not offer it.
    """
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(values)  # type: ignore[attr-defined]  # the stubs lose the class
    query.clear_ordering(force=True)
    sql, params = query.get_compiler(using=rows.db).as_sql()
    # The statement is the ORM's own, with its values as parameters; only the clause is appended.
    fields = rows.model._meta.concrete_fields
    columns = ", ".join(connections[rows.db].ops.quote_name(str(field.column)) for field in fields)
    return list(rows.raw(f"{sql} RETURNING {columns}", params))


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by what can happen to them next."""

    def active(self) -> JobQuerySet:
        """Jobs that have not reached a final state."""
        return self.exclude(status__in=["succeeded", "failed", "cancelled"])

    def final(self) -> JobQuerySet:
        """Jobs that succeeded, failed or were cancelled."""
        return self.filter(status__in=["succeeded", "failed", "cancelled"])

    def due(self) -> JobQuerySet:
        """Delayed and retrying jobs whose time has come by the database's clock."""
        return self.filter(status__in=["retrying", "scheduled"], due_at__lte=Now())

    def unsent(self) -> JobQuerySet:
        """Ready jobs whose id is not in Redis yet, the most urgent first."""
        return self.filter(status="queued", sent_at__isnull=True).order_by("-priority", "due_at")

    def held(self) -> JobQuerySet:
        """Ready jobs that wait for Redis."""
        return self.filter(status="held")

    def stalled(self) -> JobQuerySet:
        """Running jobs whose lease ran out by the database's clock: their worker is gone."""
        return self.filter(status="running", lease_until__lt=Now())


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Attempts by how they ended."""

    def open(self) -> AttemptQuerySet:
        """Attempts that have not ended."""
        return self.filter(outcome="running")


class JobEventQuerySet(models.QuerySet["JobEvent"]):
    """The timeline of jobs."""
