"""Open pages are woken when there is something to read, and Redis learns nothing but an id."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from redis import Redis
from redis.client import PubSub

from jobs import live
from notifications.services import mark_read
from organizations.announcements import announce
from organizations.models import Organization, User
from tests.support.news import news, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wake_ups(redis_server: str) -> Iterator[PubSub]:
    """What pages hear."""
    live._publisher.cache_clear()
    with (
        Redis.from_url(redis_server) as client,
        client.pubsub(ignore_subscribe_messages=True) as subscription,
    ):
        subscription.subscribe(live.CHANNEL)
        # The answer to the subscription: from here on nothing is missed.
        subscription.get_message(ignore_subscribe_messages=False, timeout=5)
        yield subscription


def heard(wake_ups: PubSub) -> list[str]:
    """The topics of people that came in, until there is a pause."""
    topics: list[str] = []
    while message := wake_ups.get_message(timeout=0.3):
        topics += message["data"].decode().split("\n")
    return [topic for topic in topics if not topic.startswith("job:")]


def test_f04_pages_are_woken_after_the_commit_by_an_id_only(
    organization: Organization, member: User, wake_ups: PubSub
) -> None:
    with transaction.atomic():
        announce(news(organization, member))
        assert heard(wake_ups) == []
    assert heard(wake_ups) == [f"user:{member.pk}"]


def test_reading_a_notice_wakes_the_readers_other_pages_once(
    organization: Organization, member: User, wake_ups: PubSub
) -> None:
    notification = told(organization, member)
    assert heard(wake_ups) == [f"user:{member.pk}"]
    assert mark_read(user_id=member.pk, notification_id=notification.pk)
    assert not mark_read(user_id=member.pk, notification_id=notification.pk)
    assert heard(wake_ups) == [f"user:{member.pk}"]
