"""The tables are those of this version."""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from jobs.doctor import Examination, Finding, check, error, ok


@check("migrations")
def look_at_migrations(examination: Examination) -> Iterator[Finding]:
    """No migration waits to be applied."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        # The check of the database has said so.
        return
    if not plan:
        yield ok("All migrations are applied")
        return
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in plan[:5])
    more = f" and {len(plan) - 5} more" if len(plan) > 5 else ""
    yield error(
        f"{len(plan)} migrations are not applied: {names}{more}",
        "Pages and workers of this version ask for columns that are not there.",
        "Stop the workers, run manage.py migrate, and start them again.",
    )
