"""The front door for writes: telling, reading, giving up."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs.errors import RefusedError
from jobs.models import Alert, AlertKind, Job
from notifications import querysets
from notifications.channels import Channel, channels
from notifications.channels.in_app import wake_pages_of
from notifications.models import Delivery, DeliveryStatus, Notification
from notifications.tasks import deliver, deliver_to_staff
from organizations.announcements import Announcement


@transaction.atomic
def tell(announcement: Announcement) -> int:
    """How many people were told now; those who knew the news by its key, and outsiders, are passed over.

    Everything is written in the caller's transaction: the news exists if and only if its cause does.
    """
    told = _store(announcement)
    for notification in told:
        for channel in channels.values():
            if not channel.is_noop(notification):
                _hand_over(notification, channel)
    return len(told)


def tell_staff(alert: Alert, change: str) -> int:
    """How many people who look after the jobs were told now that an alert was raised, resolved, or still stands."""
    # The name of a schedule was typed by a person; names of queues and tasks are ours and may be mailed.
    name = "schedule_name" if alert.kind == AlertKind.SCHEDULE else "subject"
    told_at = alert.resolved_at or alert.told_at
    return tell(
        Announcement(
            kind="alert",
            organization_id=None,
            user_ids=tuple(querysets.staff().values_list("pk", flat=True)),
            key=f"alert:{alert.pk}:{change}:{told_at:%Y%m%d%H%M%S}",
            path=reverse("admin:operations_alerts"),
            parameters={**alert.params, name: alert.subject, "alert": alert.kind, "change": str(change)},
        )
    )


def _store(announcement: Announcement) -> list[Notification]:
    """The notifications that are new by this announcement; the unique constraint decides races."""
    rows = [
        Notification(
            organization_id=announcement.organization_id,
            user=user,
            kind=announcement.kind,
            key=announcement.key,
            path=announcement.path,
            parameters=announcement.parameters,
        )
        for user in querysets.readers(announcement.organization_id, announcement.user_ids)
    ]
    Notification.unscoped.bulk_create(rows, ignore_conflicts=True)
    stored = Notification.unscoped.filter(pk__in=[row.pk for row in rows])
    return list(stored.select_related("user", "organization"))


def _hand_over(notification: Notification, channel: Channel) -> None:
    if not channel.leaves_site:
        channel.deliver(notification, str(notification.pk))
        return
    delivery = Delivery.unscoped.create(
        organization_id=notification.organization_id, notification=notification, channel=channel.name
    )
    task = deliver if notification.organization_id else deliver_to_staff
    task.using(tenant_id=notification.organization_id, idempotency_key=f"delivery:{delivery.pk}").enqueue(
        delivery_id=str(delivery.pk)
    )


def deliveries_of(job: Job) -> QuerySet[Delivery]:
    """The delivery that the job makes; none where it belongs to another organization than the job."""
    own = Q(organization=job.tenant_id) if job.tenant_id else Q(organization=None)
    deliveries: QuerySet[Delivery] = Delivery.unscoped.filter(own, pk=job.arguments["delivery_id"])
    return deliveries


def give_up(job: Job) -> bool:
    """Whether a delivery that was still waiting is now marked as failed, because its job has ended."""
    waiting = deliveries_of(job).filter(status=DeliveryStatus.PENDING)
    error_code = job.error_code or job.status
    return bool(waiting.update(status=DeliveryStatus.FAILED, error_code=error_code))


def reopen(job: Job, *, is_other: bool) -> None:
    """A failed delivery is on its way again.

    Raises: RefusedError for another job than its own: who gets a message is not changed by hand.
    """
    if is_other:
        raise RefusedError(_("A delivery belongs to its notification: what it sends cannot be changed."))
    failed = deliveries_of(job).filter(status=DeliveryStatus.FAILED)
    failed.update(status=DeliveryStatus.PENDING, error_code="")


def mark_read(*, user_id: int, notification_id: UUID) -> bool:
    """Whether this notice of the person was unread until now."""
    return _mark(user_id, querysets.unread(user_id).filter(pk=notification_id)) > 0


def mark_all_read(*, user_id: int, until_at: datetime) -> int:
    """How many notices were marked; those that came after the person looked stay unread."""
    return _mark(user_id, querysets.unread(user_id).filter(created_at__lte=until_at))


def _mark(user_id: int, notices: QuerySet[Notification]) -> int:
    count = notices.update(read_at=timezone.now())
    if count:
        wake_pages_of(user_id)
    return count
