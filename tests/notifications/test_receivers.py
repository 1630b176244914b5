"""Announcements become notifications: once, in the transaction of their cause, and only for members."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from jobs.models import Job
from jobs.services import cancel_job, retry_job
from notifications.models import Delivery, DeliveryStatus, Notification
from notifications.tasks import deliver
from organizations.announcements import announce
from organizations.models import Membership, Organization, User
from tests.support.news import FINISHED, delivery_of, news, told

pytestmark = pytest.mark.django_db


def test_an_announcement_is_stored_for_its_reader(organization: Organization, member: User) -> None:
    notification = told(organization, member)
    assert notification.organization == organization
    assert (notification.kind, notification.parameters) == ("run_finished", FINISHED)
    assert notification.read_at is None


def test_x16_the_same_news_is_told_once_however_often_it_is_announced(
    organization: Organization, member: User, viewer: User
) -> None:
    told(organization, member)
    for _ in range(5):
        announce(news(organization, member, viewer))
    assert Notification.unscoped.filter(user=member).count() == 1
    assert Notification.unscoped.filter(user=viewer).count() == 1
    assert Delivery.unscoped.count() == Job.objects.filter(task=deliver.name).count() == 2


def test_another_key_is_other_news(organization: Organization, member: User) -> None:
    told(organization, member, key="run:1")
    told(organization, member, key="run:2")
    assert Notification.unscoped.filter(user=member).count() == 2


def test_d05_an_outsider_who_is_named_gets_nothing(organization: Organization, outsider: User) -> None:
    announce(news(organization, outsider))
    assert not Notification.unscoped.exists()
    assert not Job.objects.exists()


def test_g10_a_person_who_has_left_gets_nothing(organization: Organization, member: User) -> None:
    Membership.unscoped.filter(user=member).delete()
    announce(news(organization, member))
    assert not Notification.unscoped.exists()


def test_a_superuser_who_is_no_member_gets_no_news_of_a_customer(
    organization: Organization, superuser: User
) -> None:
    announce(news(organization, superuser))
    assert not Notification.unscoped.exists()


def test_a_person_whose_account_is_closed_gets_nothing(organization: Organization, member: User) -> None:
    User.objects.filter(pk=member.pk).update(is_active=False)
    announce(news(organization, member))
    assert not Notification.unscoped.exists()


def test_news_whose_cause_is_rolled_back_is_told_to_nobody(organization: Organization, member: User) -> None:
    with transaction.atomic():
        announce(news(organization, member))
        transaction.set_rollback(True)
    assert not Notification.unscoped.exists()
    assert not Delivery.unscoped.exists()
    assert not Job.objects.exists()


def test_f04_the_mail_job_carries_an_id_and_nothing_else(organization: Organization, member: User) -> None:
    delivery = delivery_of(told(organization, member))
    job = Job.objects.get()
    assert job.arguments == {"delivery_id": str(delivery.pk)}
    assert (job.queue, job.tenant_id) == ("emails", organization.pk)


def test_a_person_without_an_address_is_told_in_the_inbox_only(
    organization: Organization, member: User
) -> None:
    User.objects.filter(pk=member.pk).update(email="")
    told(organization, member)
    assert not Delivery.unscoped.exists()


def test_a_delivery_whose_job_was_cancelled_no_longer_waits(organization: Organization, member: User) -> None:
    notification = told(organization, member)
    assert cancel_job(job=Job.objects.get(), by=None)
    delivery = delivery_of(notification)
    assert (delivery.status, delivery.error_code) == (DeliveryStatus.FAILED, "cancelled")


def test_a_delivery_whose_job_is_retried_waits_again(organization: Organization, member: User) -> None:
    notification = told(organization, member)
    cancel_job(job=Job.objects.get(), by=None)
    assert retry_job(job=Job.objects.get(), by=None)
    assert delivery_of(notification).status == DeliveryStatus.PENDING


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a SQLite in memory refuses threads")
@pytest.mark.django_db(transaction=True)
def test_x16_the_same_news_announced_by_many_at_once_is_told_once(
    organization: Organization, member: User, viewer: User
) -> None:
    def announce_it() -> None:
        try:
            with transaction.atomic():
                announce(news(organization, viewer, member))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=6) as pool:
        for done in [pool.submit(announce_it) for _ in range(12)]:
            done.result()
    assert Notification.unscoped.count() == Delivery.unscoped.count() == Job.objects.count() == 2
