"""Default roles: every organization gets a copy of each template, and keeps what it has changed itself.

Seeding is safe to repeat: what is already as it should be is not written.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest

from jobs import audit
from jobs.models import ActionKind
from organizations.models import Organization, Role
from organizations.roles import TEMPLATES, TEMPLATES_VERSION, Permission, RoleTemplate


class What(StrEnum):
    """What seeding does to one role."""

    CREATE = "create"
    # The template has changed, and the organization had left its copy as it was.
    UPDATE = "update"
    # The organization's own change is undone.
    RESTORE = "restore"
    # The organization has changed it: left alone.
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Change:
    """What seeding would do to one role, and which permissions come and go by it."""

    what: What
    template: RoleTemplate
    role: Role | None = None
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    @property
    def added_labels(self) -> list[str]:
        """What the role gains, in words."""
        return [str(one.label) for one in Permission if one.value in self.added]

    @property
    def removed_labels(self) -> list[str]:
        """What the role loses, in words."""
        return [str(one.label) for one in Permission if one.value in self.removed]


@dataclass(frozen=True, slots=True)
class Seeded:
    """What seeding did to one organization's roles."""

    done: dict[What, list[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of roles that were written."""
        return sum(len(keys) for what, keys in self.done.items() if what != What.KEEP)

    def as_result(self) -> dict[str, object]:
        """The keys of the roles by what was done to them, for the job's result."""
        return {"version": TEMPLATES_VERSION, **{str(what): keys for what, keys in self.done.items()}}


def preview(organization: Organization, *, force: bool = False) -> list[Change]:
    """What `seed` would do now, in the order of the templates; nothing where every role is as its template."""
    rows = {role.key: role for role in Role.objects.for_organization(organization)}
    changes = (_change(template, rows.get(template.key), force=force) for template in TEMPLATES.values())
    return [change for change in changes if change is not None]


def seed(
    organization: Organization, *, force: bool = False, by: HttpRequest | AbstractBaseUser | None = None
) -> Seeded:
    """Bring the organization's roles up to the templates; `force` undoes its own changes to them too.

    Roles that the organization made itself are never touched.
    """
    with transaction.atomic():
        # One at a time for each organization: two at once would both see the roles missing.
        Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
        changes = preview(organization, force=force)
        _write(organization, changes)
        done: dict[What, list[str]] = {}
        for change in changes:
            done.setdefault(change.what, []).append(change.template.key)
        seeded = Seeded(done)
        if seeded.count:
            audit.record(
                by,
                ActionKind.SEED_ROLES,
                "organization",
                organization.slug,
                tenant_id=organization.pk,
                count=seeded.count,
                details=seeded.as_result(),
            )
    return seeded


def _change(template: RoleTemplate, role: Role | None, *, force: bool) -> Change | None:
    wanted = template.permissions
    if role is None:
        return Change(What.CREATE, template, added=wanted)
    if role.is_own:
        # It had the key before the template came; with force too it stays what the organization made.
        return Change(What.KEEP, template, role)
    now = set(role.permissions)
    added, removed = frozenset(wanted - now), frozenset(now - wanted)
    if role.is_changed and not force:
        return Change(What.KEEP, template, role, added, removed)
    if role.template_version == TEMPLATES_VERSION and not (added or removed):
        return None
    what = What.RESTORE if role.is_changed else What.UPDATE
    return Change(what, template, role, added, removed)


def _write(organization: Organization, changes: Collection[Change]) -> None:
    new = [
        Role(organization=organization, key=change.template.key, **_as_given(change.template))
        for change in changes
        if change.what == What.CREATE
    ]
    Role.unscoped.bulk_create(new)
    for change in changes:
        if change.what in (What.UPDATE, What.RESTORE) and change.role is not None:
            for name, value in _as_given(change.template).items():
                setattr(change.role, name, value)
            change.role.save()


def _as_given(template: RoleTemplate) -> dict[str, object]:
    permissions = sorted(template.permissions)
    return {"permissions": permissions, "given": permissions, "template_version": TEMPLATES_VERSION}
