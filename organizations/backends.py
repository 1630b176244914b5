"""Who may sign in, and what a member may do in which organization."""

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.db.models import Model
from django.http import HttpRequest

from organizations.models import Membership, Organization, User
from organizations.roles import PERMISSIONS


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
    """Rights on an organization's rows, read from the membership at the time of the question."""

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        """Whether the person's role in the object's organization includes the permission."""
        if obj is None or not user_obj.is_active or user_obj.is_anonymous:
            return False
        organization_id = obj.pk if isinstance(obj, Organization) else getattr(obj, "organization_id", None)
        if organization_id is None:
            return False
        return perm in PERMISSIONS.get(role_of(user_obj, organization_id), frozenset())


def role_of(user: User, organization_id: int) -> str:
    """The person's role in an organization, or an empty string where they are no member."""
    role = (
        Membership.objects.for_organization(organization_id)
        .filter(user=user)
        .values_list("role", flat=True)
        .first()
    )
    return str(role or "")
