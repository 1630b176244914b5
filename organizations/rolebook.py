"""What an organization decides about its roles, with the rules that keep it from locking itself out."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _

from jobs import audit
from jobs.models import ActionKind
from organizations.models import Membership, Organization, Role
from organizations.roles import TEMPLATES, Permission, RoleKey

# Parts of the addresses that lie beside those of the roles.
_RESERVED = frozenset({"new", "seed", *RoleKey.values})


class RoleRefusedError(Exception):
    """The change would break a rule; its message is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class RoleLine:
    """One role as pages and the API show it; `row` is None while the role waits to be seeded."""

    key: str
    title: str
    summary: str | Promise
    permissions: frozenset[str]
    row: Role | None
    members: int

    @property
    def is_fixed(self) -> bool:
        """Whether nobody may change it: somebody must always be able to change everything else."""
        return self.key == RoleKey.OWNER

    @property
    def state(self) -> str:
        """Where its permissions come from: `waiting`, `own`, `changed` or `template`."""
        if self.row is None:
            return "waiting"
        if self.row.is_own:
            return "own"
        return "changed" if self.row.is_changed else "template"


def lines(organization: Organization) -> list[RoleLine]:
    """Every role of the organization, the templates first and in their order."""
    rows = {role.key: role for role in Role.objects.for_organization(organization).order_by("pk")}
    counts = dict(
        Membership.objects.for_organization(organization)
        .values_list("role")
        .annotate(count=Count("pk"))
        .order_by()
    )
    keys = [*TEMPLATES, *(key for key in rows if key not in TEMPLATES)]
    return [_line(key, rows.get(key), counts.get(key, 0)) for key in keys]


def line_of(organization: Organization, key: str) -> RoleLine | None:
    """The organization's role of that key."""
    return next((line for line in lines(organization) if line.key == key), None)


def change(
    organization: Organization, key: str, permissions: Collection[str], *, by: HttpRequest, title: str = ""
) -> None:
    """Let the role allow exactly this; a title is kept for a role of the organization's own.

    Raises: RoleRefusedError for the owner's role, for a role that is not there, and for rights that the person
    who decides does not have.
    """
    line = line_of(organization, key)
    if line is None or line.row is None:
        raise RoleRefusedError(
            _("This role is not there yet. Wait until the roles are made, then try again.")
        )
    if line.is_fixed:
        raise RoleRefusedError(
            _("The owner’s role cannot be changed: somebody must be able to do everything.")
        )
    wanted = _known(permissions)
    _check_own(organization, by, wanted ^ line.permissions)
    role = line.row
    role.permissions = sorted(wanted)
    role.title = title if role.is_own else ""
    with transaction.atomic():
        role.save()
        _note(organization, key, by, added=wanted - line.permissions, removed=line.permissions - wanted)


def add(organization: Organization, title: str, permissions: Collection[str], *, by: HttpRequest) -> Role:
    """A role of the organization's own.

    Raises: RoleRefusedError when it has one of that name, and for rights that the person does not have.
    """
    key = slugify(title)[:40]
    wanted = _known(permissions)
    _check_own(organization, by, wanted)
    taken = _("There is a role of this name. Choose another one.")
    if not key or key in _RESERVED:
        raise RoleRefusedError(taken)
    try:
        with transaction.atomic():
            role: Role = Role.unscoped.create(
                organization=organization, key=key, title=title, permissions=sorted(wanted)
            )
            _note(organization, key, by, added=wanted, removed=frozenset())
    except IntegrityError:
        raise RoleRefusedError(taken) from None
    return role


def remove(organization: Organization, key: str, *, by: HttpRequest) -> None:
    """Delete a role of the organization's own.

    Raises: RoleRefusedError while somebody has it, and for a template's role.
    """
    line = line_of(organization, key)
    if line is None or line.row is None or not line.row.is_own:
        raise RoleRefusedError(_("Only a role that you made yourself can be deleted."))
    with transaction.atomic():
        # Nobody is given the role while it goes: who does so asks for the same row.
        Role.objects.for_organization(organization).select_for_update().get(pk=line.row.pk)
        if Membership.objects.for_organization(organization).filter(role=key).exists():
            raise RoleRefusedError(_("People still have this role. Give them another one first."))
        line.row.delete()
        _note(organization, key, by, added=frozenset(), removed=line.permissions)


def _line(key: str, row: Role | None, members: int) -> RoleLine:
    template = TEMPLATES.get(key)
    allowed = frozenset(row.permissions) if row else template.permissions if template else frozenset()
    title = str(row or (template.title if template else key))
    summary = template.summary if template and not (row and row.is_own) else ""
    return RoleLine(key, title, summary, allowed, row, members)


def _known(permissions: Collection[str]) -> frozenset[str]:
    """Those of the names that are permissions; nothing else is ever stored."""
    return frozenset(permissions) & frozenset(Permission.values)


def _check_own(organization: Organization, by: HttpRequest, touched: Collection[str]) -> None:
    """Nobody gives or takes what they do not have themselves: else a role would be the way to more rights."""
    if not set(touched) <= by.user.get_all_permissions(organization):
        raise RoleRefusedError(_("You can only give and take rights that you have yourself."))


def _note(
    organization: Organization, key: str, by: HttpRequest, *, added: Collection[str], removed: Collection[str]
) -> None:
    audit.record(
        by,
        ActionKind.CHANGE_ROLE,
        "role",
        key,
        tenant_id=organization.pk,
        details={"added": sorted(added), "removed": sorted(removed)},
    )
