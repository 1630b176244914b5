"""The audit trail under its own name, and closed to changes by the database itself."""

from typing import Any

from django.conf import settings
from django.db import migrations, models

TABLE = "jobs_auditentry"
FIXED = "id, at, by_name, address, action, target_kind, target, tenant_id, count, reason, details"
# Younger lines are deleted by nobody; `jobs.pruning` keeps them for longer.
YOUNG_DAYS = 90

POSTGRESQL = (
    """
    CREATE FUNCTION jobs_audit_is_closed() RETURNS trigger AS $$
    BEGIN
        RAISE EXCEPTION 'a line of the audit trail is never changed';
    END $$ LANGUAGE plpgsql
    """,
    f"CREATE TRIGGER jobs_audit_fixed BEFORE UPDATE OF {FIXED} ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION jobs_audit_is_closed()",
    f"CREATE TRIGGER jobs_audit_person BEFORE UPDATE OF by_id ON {TABLE} "
    "FOR EACH ROW WHEN (NEW.by_id IS NOT NULL) EXECUTE FUNCTION jobs_audit_is_closed()",
    f"CREATE TRIGGER jobs_audit_young BEFORE DELETE ON {TABLE} FOR EACH ROW "
    f"WHEN (OLD.at > STATEMENT_TIMESTAMP() - INTERVAL '{YOUNG_DAYS} days') "
    "EXECUTE FUNCTION jobs_audit_is_closed()",
)
_SQLITE_RAISE = "BEGIN SELECT RAISE(ABORT, 'a line of the audit trail is never changed'); END"
# SQLite empties a table by deleting its rows, which tests do; a site that others reach runs on PostgreSQL.
SQLITE = (
    f"CREATE TRIGGER jobs_audit_fixed BEFORE UPDATE OF {FIXED} ON {TABLE} {_SQLITE_RAISE}",
    f"CREATE TRIGGER jobs_audit_person BEFORE UPDATE OF by_id ON {TABLE} "
    f"WHEN NEW.by_id IS NOT NULL {_SQLITE_RAISE}",
)


def close(apps: Any, schema_editor: Any) -> None:
    """Put the triggers on."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def open_again(apps: Any, schema_editor: Any) -> None:
    """Take the triggers off."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for name in ("jobs_audit_fixed", "jobs_audit_person", *(["jobs_audit_young"] if is_postgresql else [])):
        schema_editor.execute(f"DROP TRIGGER {name}" + (f" ON {TABLE}" if is_postgresql else ""))
    if is_postgresql:
        schema_editor.execute("DROP FUNCTION jobs_audit_is_closed()")


def keep_rights(apps: Any, schema_editor: Any) -> None:
    """Whoever might read the trail still may."""
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    for row in permissions.filter(content_type__app_label="jobs", codename__endswith="_operatoraction"):
        row.codename = row.codename.replace("operatoraction", "auditentry")
        row.save(update_fields=["codename"])


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("jobs", "0014_border_alert"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RenameModel("OperatorAction", "AuditEntry"),
        migrations.AlterModelOptions(
            name="auditentry",
            options={
                "ordering": ["-id"],
                "verbose_name": "line of the audit trail",
                "verbose_name_plural": "audit trail",
            },
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["tenant_id", "-id"], name="jobs_audit_of_tenant"),
        ),
        migrations.RunPython(keep_rights, migrations.RunPython.noop),
        migrations.RunPython(close, open_again),
    ]
