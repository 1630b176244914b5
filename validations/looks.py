"""Who looked at data of patients: one line of the audit trail for a person, a run and an hour."""

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from jobs import audit
from jobs.models import ActionKind, AuditEntry
from validations.models import ValidationRun

# Whoever works on a file looks at it a hundred times; when they did is told by the hour.
ONCE_IN = timedelta(hours=1)


def note_look(request: HttpRequest, run: ValidationRun) -> None:
    """Write down that the person saw data of patients of the run, unless that stands there for this hour."""
    recent = AuditEntry.objects.filter(
        target_kind="run",
        target=str(run.pk),
        action=ActionKind.VIEW_PATIENT,
        by=request.user.pk,
        at__gt=timezone.now() - ONCE_IN,
    )
    if not recent.exists():
        audit.record(request, ActionKind.VIEW_PATIENT, "run", run.pk, tenant_id=run.organization_id)
