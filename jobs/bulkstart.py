"""The start of a bulk action: its row, its job and its line of the audit trail, together."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from jobs import audit, control, roles
from jobs.control import Control
from jobs.models import ActionKind, BulkAction
from jobs.tasks import act_on_many


def start(
    request: HttpRequest,
    one: Control,
    *,
    bulk_id: UUID,
    parameters: Mapping[str, str],
    before: datetime,
    matched: int,
    reason: str,
) -> BulkAction:
    """The bulk action, recorded together with its job and its line of the audit trail; twice asked for, once made.

    Raises: PermissionDenied, after the try was written down.
    """
    if not request.user.has_perm(roles.BULK_JOB):
        audit.refuse(request, ActionKind.BULK, "job")
    control.require(request, one)
    by = audit.person_of(request)
    row = BulkAction(
        pk=bulk_id,
        action=one.kind,
        filters=dict(parameters),
        matched=matched,
        cap=settings.JOBS_BULK_CAP,
        created_before=before,
        reason=reason[:200],
        by_id=by.pk if by else None,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            row.job = act_on_many.enqueue(bulk_id=str(row.pk))
            row.save(update_fields=["job"])
            # Without the search box: it may hold the value of an argument.
            said = {name: value for name, value in parameters.items() if name != "q"}
            audit.record(
                request,
                ActionKind.BULK,
                "job",
                row.pk,
                count=min(matched, row.cap),
                reason=reason,
                details={"action": one.kind, **said},
            )
    except IntegrityError:
        return BulkAction.objects.get(pk=bulk_id, by_id=row.by_id)
    return row
