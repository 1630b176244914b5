"""How much an organization may send in a day, and a person in a minute; a refusal names the limit that was reached."""

from datetime import timedelta

from django.conf import settings
from django.db.models import BigIntegerField, Count, Q, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from jobs.models import ActionKind, AuditEntry
from organizations.models import Organization, User
from validations.intake import UploadRefusedError

MIB = 1024**2
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def check_quotas(organization: Organization, user: User, size_bytes: int) -> None:
    """Pass when one more file of that size may come in.

    Raises: UploadRefusedError, 429 with the time to wait, or 403 for a suspended organization.
    """
    refuse_suspended(organization)
    now = timezone.now()
    # Of the audit trail: a run that was sent and deleted was sent all the same.
    sent = AuditEntry.objects.filter(tenant_id=organization.pk, action=ActionKind.SEND_FILE, at__gt=now - DAY)
    used = sent.aggregate(
        files=Count("pk"),
        size_bytes=Sum(Cast(KeyTextTransform("size_bytes", "details"), BigIntegerField()), default=0),
        own=Count("pk", filter=Q(by=user.pk, at__gt=now - MINUTE)),
    )
    if used["own"] >= settings.UPLOADS_PER_MINUTE:
        limit = settings.UPLOADS_PER_MINUTE
        seconds = int(MINUTE.total_seconds())
        raise UploadRefusedError("minute-limit", status=429, limit=limit, retry_after=seconds)
    if used["files"] >= organization.daily_upload_limit:
        raise UploadRefusedError("daily-limit", status=429, limit=organization.daily_upload_limit)
    most_bytes = organization.daily_size_limit_mib * MIB
    if used["size_bytes"] + size_bytes > most_bytes:
        raise UploadRefusedError("daily-size-limit", status=429, limit_bytes=most_bytes)


def refuse_suspended(organization: Organization) -> None:
    """Pass unless the organization is suspended.

    Raises: UploadRefusedError.
    """
    if organization.suspended_at is not None:
        raise UploadRefusedError("organization-suspended", status=403)
