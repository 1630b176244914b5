"""People who work in the admin, each with exactly the rights that a test names."""

from django.contrib.auth.models import Permission
from django.test import Client

from organizations.models import User
from tests import factories
from tests.conftest import signed_in


def staff(*permissions: str) -> User:
    """A staff member with these permissions and no other."""
    person = factories.user(is_staff=True)
    for name in permissions:
        app, codename = name.split(".")
        person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return person


def staff_client(*permissions: str) -> Client:
    """A browser in which such a staff member is signed in."""
    return signed_in(staff(*permissions))


def all_permissions(*prefixes: str) -> list[str]:
    """Every permission whose name begins with one of the words."""
    found = Permission.objects.select_related("content_type")
    return [
        f"{row.content_type.app_label}.{row.codename}"
        for row in found
        if row.codename.startswith(tuple(prefixes))
    ]
