"""News for tests: what the app that checks files announces."""

from typing import Any
from uuid import UUID

from django.db import transaction

from notifications.models import Delivery, Notification
from organizations.announcements import Announcement, announce
from organizations.models import Organization, User

RUN = UUID("3f2a91c0-0000-4000-8000-000000000001")

FINISHED: dict[str, Any] = {
    "file_name": "facturation_mars.csv",
    "rows": 48120,
    "errors": 1312,
    "warnings": 1,
    "verdict": "refused",
    "amount_at_stake_cents": 3041425,
}
FAILED: dict[str, Any] = {"file_name": "facturation_mars.csv", "error_code": "empty-file", "error_params": {}}


def news(
    organization: Organization,
    *people: User,
    kind: str = "run_finished",
    key: str = "run:1",
    parameters: dict[str, Any] | None = None,
) -> Announcement:
    """The end of a run, for these people."""
    return Announcement(
        kind=kind,
        organization_id=organization.pk,
        user_ids=tuple(person.pk for person in people),
        key=key,
        path=f"/o/{organization.slug}/runs/{RUN}/",
        parameters=FINISHED if parameters is None else parameters,
    )


def told(organization: Organization, person: User, **options: Any) -> Notification:
    """The notification of a person who has just been told."""
    announcement = news(organization, person, **options)
    with transaction.atomic():
        announce(announcement)
    row: Notification = Notification.unscoped.get(user=person, key=announcement.key)
    return row


def delivery_of(notification: Notification) -> Delivery:
    """The notification's way by mail, as the database has it now."""
    row: Delivery = Delivery.unscoped.get(notification=notification, channel="email")
    return row
