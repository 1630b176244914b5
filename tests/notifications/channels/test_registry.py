"""A channel is one object that fits the protocol; nothing else has to know it."""

import pytest

from jobs.models import Job, JobStatus
from jobs.registry import Registry
from notifications.channels import Channel, channels
from notifications.models import Delivery, DeliveryStatus, Notification
from organizations.models import Organization, User
from tests.support.jobs import drain
from tests.support.news import told

pytestmark = pytest.mark.django_db


class Pigeon:
    """A channel that leaves the site, as another file could define it."""

    name = "pigeon"
    leaves_site = True

    def __init__(self) -> None:
        self.flights: list[tuple[Notification, str]] = []

    def is_noop(self, notification: Notification) -> bool:
        return not notification.user.full_name

    def deliver(self, notification: Notification, message_id: str) -> None:
        if notification.user.full_name == "Nobody":
            raise LookupError(notification.user.full_name)
        self.flights.append((notification, message_id))


@pytest.fixture
def pigeon(monkeypatch: pytest.MonkeyPatch) -> Pigeon:
    """The pigeon, known for the length of a test, and no other channel."""
    bird = Pigeon()
    registry: Registry[Channel] = Registry("channel")
    registry.register(bird.name, bird)
    monkeypatch.setattr(channels, "_entries", registry._entries)
    return bird


def test_the_channels_of_the_product_are_found_by_their_files() -> None:
    assert set(channels) == {"email", "in_app"}
    assert channels.broken == {}


def test_a_new_channel_gets_deliveries_and_jobs_of_its_own(
    organization: Organization, member: User, pigeon: Pigeon
) -> None:
    User.objects.filter(pk=member.pk).update(full_name="Marie Gagné")
    notification = told(organization, member)
    drain()
    delivery = Delivery.unscoped.get()
    assert (delivery.channel, delivery.status) == ("pigeon", DeliveryStatus.SENT)
    assert pigeon.flights == [(notification, str(delivery.pk))]


def test_a_channel_with_nothing_to_do_for_a_reader_makes_no_delivery(
    organization: Organization, member: User, pigeon: Pigeon
) -> None:
    told(organization, member)
    assert not Delivery.unscoped.exists()


def test_a_channel_with_a_defect_is_tried_again_and_its_attempt_is_closed(
    organization: Organization, member: User, pigeon: Pigeon
) -> None:
    User.objects.filter(pk=member.pk).update(full_name="Nobody")
    told(organization, member)
    drain(raising=False)
    delivery = Delivery.unscoped.get()
    attempt = delivery.attempt_log.get()
    assert (delivery.status, delivery.error_code) == (DeliveryStatus.PENDING, "unexpected")
    assert (attempt.error_code, attempt.ended_at is None) == ("unexpected", False)
    assert Job.objects.get().status == JobStatus.RETRYING
