"""What follows from a new organization."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from organizations import seedjobs
from organizations.models import Organization


@receiver(post_save, sender=Organization, dispatch_uid="organizations.seed_new")
def seed_new(instance: Organization, *, created: bool, raw: bool = False, **_kwargs: Any) -> None:
    """Ask for the default roles of a new organization, in the transaction that makes it."""
    if created and not raw:
        seedjobs.request_seeding(instance)
