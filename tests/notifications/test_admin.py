"""Notifications and deliveries in the admin."""

import pytest
from django.urls import reverse

from notifications.models import Delivery, DeliveryAttempt, DeliveryStatus, Notification
from organizations.models import Organization, User
from tests.support.staff import staff_client

RIGHTS = [f"notifications.view_{name}" for name in ("notification", "delivery", "deliveryattempt")]


@pytest.fixture
def delivery(organization: Organization, member: User) -> Delivery:
    told = Notification.unscoped.create(
        organization=organization, user=member, kind="run_finished", key="k", path="/o/erables/"
    )
    made: Delivery = Delivery.unscoped.create(
        organization=organization, notification=told, channel="email", status=DeliveryStatus.FAILED
    )
    DeliveryAttempt.unscoped.create(organization=organization, delivery=made, error_code="refused")
    return made


def test_the_page_of_a_delivery_shows_its_attempts(delivery: Delivery) -> None:
    address = reverse("admin:notifications_delivery_change", args=[delivery.pk])
    body = staff_client(*RIGHTS).get(address).content.decode()
    assert "refused" in body
    assert "Run finished" in body


def test_the_page_of_a_notification_shows_its_deliveries(delivery: Delivery) -> None:
    address = reverse("admin:notifications_notification_change", args=[delivery.notification_id])
    assert "email" in staff_client(*RIGHTS).get(address).content.decode()


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "//evil.example", "/\\evil.example", "https://evil.example"]
)
def test_only_a_path_of_this_site_becomes_a_link(delivery: Delivery, path: str) -> None:
    Notification.unscoped.update(path=path)
    address = reverse("admin:notifications_notification_change", args=[delivery.notification_id])
    body = staff_client(*RIGHTS).get(address).content.decode()
    assert path in body
    assert f'href="{path}"' not in body


def test_deliveries_are_found_by_the_address_of_the_person(delivery: Delivery, member: User) -> None:
    address = reverse("admin:notifications_delivery_changelist")
    client = staff_client(*RIGHTS)
    assert list(client.get(address, {"q": member.email.upper()}).context["cl"].result_list) == [delivery]
    assert list(client.get(address, {"q": "nobody@example.com"}).context["cl"].result_list) == []
