"""How an app tells people something without knowing who carries the news.

An app announces; `notifications` listens. Neither imports the other.
"""

from dataclasses import dataclass, field
from typing import Any

from jobs.signals import SettlingSignal


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing worth telling to some people of one organization, or to staff."""

    # What happened: run_finished, run_failed, … ; the templates of a message are found by it.
    kind: str
    # None: news of the site itself, for staff.
    organization_id: int | None
    user_ids: tuple[int, ...]
    # The same key is told once, however often it is announced.
    key: str
    # Where to read on, as a path on this site.
    path: str
    # What the sentences need: names, counts, codes; stored in the database only.
    parameters: dict[str, Any] = field(default_factory=dict)


# Sent with `announcement=`, inside the transaction of what it speaks of; an error in a receiver loses the news at
# most, and never what it speaks of.
announced = SettlingSignal()


def announce(announcement: Announcement) -> None:
    """Hand the news to whoever listens, inside the caller's transaction."""
    announced.send(sender=Announcement, announcement=announcement)
