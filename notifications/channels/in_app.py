"""The inbox: the stored notification is the message; the open pages of its reader are woken up."""

from functools import partial

from django.db import transaction

from jobs import live
from notifications.channels import channels
from notifications.models import Notification


def topic_of(user_id: int) -> str:
    """The topic on which a person's open pages listen; it holds an id and nothing else."""
    return f"user:{user_id}"


class InAppChannel:
    """Makes the badge of the reader's open pages count the new notice."""

    name = "in_app"
    leaves_site = False

    def is_noop(self, notification: Notification) -> bool:
        """Never: everyone has an inbox."""
        return False

    def deliver(self, notification: Notification, message_id: str) -> None:
        """Wake the reader's pages up once the notice can be read, that is after the commit."""
        wake_pages_of(notification.user_id)


def wake_pages_of(user_id: int) -> None:
    """Let the reader's open pages ask again, after the commit of the current transaction."""
    transaction.on_commit(partial(live.publish, topic_of(user_id)))


channels.register(InAppChannel.name, InAppChannel())
