"""Two organizations and the people of the demo: every role, an outsider, and staff."""

import secrets
from dataclasses import dataclass

from django.db import transaction

from organizations.models import Language, Membership, Organization, User
from organizations.roles import RoleKey

CLINIC = ("Clinique des Érables", "erables")
AGENCY = ("Agence Boréale", "boreale")


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One person of the demo; `.example` is a domain that nobody can own."""

    email: str
    full_name: str
    language: str
    # Organization and role; staff of the site belong to none.
    organization: tuple[str, str] | None
    role: str = ""

    @property
    def place(self) -> str:
        """Who the person is, for a list of sign-ins."""
        return f"{self.role} of {self.organization[0]}" if self.organization else "staff of the site"


# The first one sends the sample of `manage.py demo`.
PEOPLE = (
    DemoPerson("member@erables.example", "Maude Tremblay", Language.ENGLISH, CLINIC, RoleKey.MEMBER),
    DemoPerson("owner@erables.example", "Colette Gagnon", Language.FRENCH, CLINIC, RoleKey.OWNER),
    DemoPerson("viewer@erables.example", "Yves Lavoie", Language.FRENCH, CLINIC, RoleKey.VIEWER),
    DemoPerson("owner@boreale.example", "Ingrid Nadeau", Language.ENGLISH, AGENCY, RoleKey.OWNER),
    DemoPerson("staff@bordereau.example", "Sacha Roy", Language.ENGLISH, None),
)


def new_password() -> str:
    """A password that nobody can guess and anybody can type."""
    return secrets.token_hex(6)


@transaction.atomic
def seed_demo(password: str) -> tuple[DemoPerson, ...]:
    """Everybody of the demo, each able to sign in with that password; done twice, it changes nothing more."""
    for person in PEOPLE:
        user = _user(person, password)
        if person.organization is not None:
            name, slug = person.organization
            organization, _made = Organization.objects.get_or_create(slug=slug, defaults={"name": name})
            Membership.unscoped.get_or_create(
                organization=organization, user=user, defaults={"role": person.role}
            )
    return PEOPLE


def _user(person: DemoPerson, password: str) -> User:
    """The person's account; a password that still fits is left alone, so that open sessions stay."""
    is_staff = person.organization is None
    user, _made = User.objects.get_or_create(
        email=person.email,
        defaults={
            "full_name": person.full_name,
            "language": person.language,
            "is_staff": is_staff,
            "is_superuser": is_staff,
        },
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user
