"""The shipped file formats as rows, brought up to date after every migration."""

from typing import Any

from django.db.models.signals import post_migrate
from django.dispatch import receiver

from validations.engine.profile import load_profile, shipped_profiles
from validations.models import Profile


def sync_shipped_profiles() -> int:
    """How many profiles got a new version because the shipped descriptor changed."""
    changed = 0
    for name in shipped_profiles():
        shipped = load_profile(name)
        descriptor = dict(shipped.descriptor)
        newest = Profile.objects.filter(organization=None, name=name).order_by("-version").first()
        if newest is not None and newest.descriptor == descriptor:
            continue
        Profile.objects.create(
            name=name,
            title_en=shipped.title.en,
            title_fr=shipped.title.fr,
            version=newest.version + 1 if newest else 1,
            descriptor=descriptor,
        )
        changed += 1
    return changed


@receiver(post_migrate)
def sync_after_migrations(sender: Any, **kwargs: Any) -> None:
    """The profiles are there as soon as their table is."""
    if sender.name == "validations":
        sync_shipped_profiles()
