"""Reads of jobs and alerts; and the one update that gives back the rows it changed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

from jobs.statuses import ACTIVE_STATUSES, FINAL_STATUSES, JobStatus

if TYPE_CHECKING:
    from jobs.models import Alert, Job  # noqa: F401 -- named in the base classes below

M = TypeVar("M", bound=models.Model)


def update_returning(rows: models.QuerySet[M], **values: Any) -> list[M]:
    """The rows that the update changed, as they are after it, read by the same statement.

    Both databases of this project know `UPDATE ... RETURNING`; the ORM does not offer it.
    """
    try:
        sql, params = compiled_update(rows, values)
    except EmptyResultSet:
        # The condition names no row, as `pk__in=[]` does.
        return []
    return list(rows.raw(f"{sql} RETURNING {columns_of(rows.model)}", params))


def compiled_update(rows: models.QuerySet[M], values: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The statement by which the ORM would update these rows, and its parameters.

    Raises: EmptyResultSet when the condition names no row.
    """
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(values)  # type: ignore[attr-defined]  # the stubs lose the class
    query.clear_ordering(force=True)
    sql, params = query.get_compiler(using=rows.db).as_sql()
    return sql, tuple(params)


def locked(rows: models.QuerySet[Job], limit: int) -> list[UUID]:
    """Ids of up to so many of the rows that nobody else has locked, locked until the transaction ends.

    Of a row that somebody holds for long nothing is waited for: whoever leads has all the others to see to. SQLite has
    no row locks and needs none: a transaction that writes is alone there.
    """
    free = rows.select_for_update(skip_locked=True, no_key=True)
    return list(free.values_list("pk", flat=True)[:limit])


@cache
def columns_of(model: type[models.Model], table: str = "") -> str:
    """All columns of a model's table as a list for SQL, of that alias if one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(f'{prefix}"{field.column}"' for field in model._meta.concrete_fields)


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs by what can happen to them next."""

    def active(self) -> JobQuerySet:
        """Jobs that have not reached a final state."""
        # Named, and not "not final": only so does the database use an index that holds the active ones alone.
        return self.filter(status__in=sorted(ACTIVE_STATUSES))

    def final(self) -> JobQuerySet:
        """Jobs that succeeded, failed or were cancelled."""
        return self.filter(status__in=sorted(FINAL_STATUSES))

    def due(self) -> JobQuerySet:
        """Delayed and retrying jobs whose time has come by the database's clock."""
        return self.filter(status__in=[JobStatus.RETRYING, JobStatus.SCHEDULED], due_at__lte=Now())

    def stalled(self) -> JobQuerySet:
        """Running jobs whose lease ran out by the database's clock: their worker is gone."""
        return self.filter(status=JobStatus.RUNNING, lease_until__lt=Now())


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by where they stand."""

    def standing(self) -> AlertQuerySet:
        """Alerts that were raised, and are not resolved yet."""
        return self.filter(resolved_at=None, raised_at__isnull=False)
