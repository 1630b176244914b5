"""Who may sign in, and what a member may do in which organization."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.db.models import JSONField, Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from organizations.models import Membership, Organization, Role
from organizations.roles import TEMPLATES


class EmailBackend(ModelBackend):
    """Sign-in by e-mail address in any case; model permissions for staff."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The person, or None; Django's own backend spends the same time on unknown addresses."""
        email = username if username is not None else kwargs.pop("email", None)
        return super().authenticate(request, username=(email or "").lower(), password=password, **kwargs)


class MembershipBackend(BaseBackend):
    """Rights on an organization's rows, read from the membership and its role at the time of the question."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        """Whether the person's role in the object's organization includes the permission."""
        if obj is None or user_obj.is_anonymous:
            return False
        return perm in self.get_all_permissions(user_obj, obj)

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """Everything that the person may do in the object's organization; nothing where there is none."""
        organization_id = obj.pk if isinstance(obj, Organization) else getattr(obj, "organization_id", None)
        if organization_id is None or user_obj.is_anonymous:
            return set()
        memberships = with_permissions(Membership.objects.for_organization(organization_id))
        membership = memberships.filter(user=user_obj, user__is_active=True).first()
        return set(permissions_of(membership)) if membership else set()


def with_permissions(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """The memberships with `allowed`, what their role may do; None where the role is not seeded yet."""
    roles = Role.unscoped.filter(organization=OuterRef("organization"), key=OuterRef("role"))
    allowed = Subquery(roles.values("permissions")[:1], output_field=JSONField())
    return memberships.annotate(allowed=allowed)


def permissions_of(membership: Membership) -> Collection[str]:
    """What a membership that `with_permissions` loaded allows.

    A role that waits to be seeded counts as its template, so that a new organization's owner can work at once.
    """
    allowed: Collection[str] | None = membership.allowed  # type: ignore[attr-defined]  # annotated
    if allowed is None and membership.role in TEMPLATES:
        return TEMPLATES[membership.role].permissions
    return allowed or ()


def members_with(organization_id: int, perm: str, user_ids: Collection[int] | None = None) -> list[int]:
    """The active members of the organization who have the permission now, of those people or of all."""
    memberships = Membership.objects.for_organization(organization_id).filter(user__is_active=True)
    if user_ids is not None:
        memberships = memberships.filter(user__in=user_ids)
    return [one.user_id for one in with_permissions(memberships) if perm in permissions_of(one)]


def organizations_where(user_id: int, perm: str) -> list[int]:
    """The organizations in which the person has the permission now."""
    memberships = Membership.unscoped.filter(user=user_id, user__is_active=True)
    return [one.organization_id for one in with_permissions(memberships) if perm in permissions_of(one)]
