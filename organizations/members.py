"""Who belongs to an organization and with which role, with the rules that keep it from losing its last owner."""

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from jobs import audit
from jobs.models import ActionKind
from organizations import rolebook
from organizations.invitations import check_role
from organizations.models import Membership, Organization
from organizations.roles import RoleKey


class MemberRefusedError(Exception):
    """The change would break a rule; its message is a sentence for a person."""


def change_role(membership: Membership, role: str, *, by: HttpRequest) -> None:
    """Give a member another role.

    Raises: MemberRefusedError for the last owner, and for a member with more rights than the person who decides;
    InvitationRefusedError for a role that they cannot give.
    """
    check_role(membership.organization, role, by)
    _check_person(membership, by)
    with transaction.atomic():
        _keep_an_owner(membership, is_leaving=role != RoleKey.OWNER)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        _note(membership, by, ActionKind.CHANGE_MEMBER, {"before": before, "after": role})


def remove(membership: Membership, *, by: HttpRequest) -> None:
    """Take a member out; their pages, keys and open streams end with it.

    Raises: MemberRefusedError, as above.
    """
    if membership.user_id != by.user.pk:
        _check_person(membership, by)
    with transaction.atomic():
        _keep_an_owner(membership, is_leaving=True)
        _note(membership, by, ActionKind.REMOVE_MEMBER, {"role": membership.role})
        membership.delete()


def _check_person(membership: Membership, by: HttpRequest) -> None:
    """Nobody decides about somebody who may more than they do."""
    line = rolebook.line_of(membership.organization, membership.role)
    if line is not None and not line.permissions <= by.user.get_all_permissions(membership.organization):
        raise MemberRefusedError(_("This person has rights that you do not have."))


def _keep_an_owner(membership: Membership, *, is_leaving: bool) -> None:
    if membership.role != RoleKey.OWNER or not is_leaving:
        return
    # One at a time: of two owners that leave at once, one has to stay.
    Organization.objects.select_for_update(no_key=True).get(pk=membership.organization_id)
    owners = Membership.objects.for_organization(membership.organization_id).filter(
        role=RoleKey.OWNER, user__is_active=True
    )
    if not owners.exclude(pk=membership.pk).exists():
        raise MemberRefusedError(_("This is the last owner. Make somebody else an owner first."))


def _note(membership: Membership, by: HttpRequest, action: ActionKind, details: dict[str, str]) -> None:
    tenant_id = membership.organization_id
    audit.record(by, action, "member", membership.user_id, tenant_id=tenant_id, details=details)
