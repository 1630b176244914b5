"""The ways in which people are told: one file each, and nothing else to edit.

A module in this package makes one object that fits `Channel` and registers it.
"""

from typing import Protocol

from jobs.registry import Registry
from notifications.models import Notification


class Channel(Protocol):
    """One way to tell one person one thing."""

    name: str
    # True: it gets a `Delivery` row and a job of its own. False: it is done where the news is announced.
    leaves_site: bool

    def is_noop(self, notification: Notification) -> bool:
        """Whether this channel has nothing to do for this reader, so that no delivery is made."""
        ...

    def deliver(self, notification: Notification, message_id: str) -> None:
        """Tell it; a repeat after a crash bears the same `message_id`, so that a receiver can drop it.

        Raises: DeliveryError when it may work later, UndeliverableError when it never will.
        """
        ...


channels: Registry[Channel] = Registry("channel")


def load() -> None:
    """Import every channel of this package; one that cannot be loaded does not stop the others."""
    channels.discover(__name__)
