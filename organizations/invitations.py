"""Inviting people: the only way to an account, and into an organization.

The link of a letter is signed and made where the letter is sent: no secret is stored or waits in a queue. What it
opens is read from the row at the time it is used, so that a lowered role, a revocation or a second use takes effect
at once.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from jobs import audit
from jobs.models import ActionKind
from organizations import letters, rolebook, tasks
from organizations.models import Invitation, Membership, Organization, User

GOOD_FOR = timedelta(days=7)


class InvitationRefusedError(Exception):
    """The invitation cannot be made or used; its message is a sentence for a person."""


def invite(*, organization: Organization, email: str, role: str, by: HttpRequest) -> Invitation:
    """A new invitation, whose letter is on its way; an earlier one to that address is revoked.

    Raises: InvitationRefusedError for a member, for a role that there is not, and for one with rights that the person
    who invites does not have.
    """
    email = User.objects.normalize_email(email).lower()
    members = Membership.objects.for_organization(organization)
    if members.filter(user__email=email).exists():
        raise InvitationRefusedError(_("This person belongs to your organization already."))
    check_role(organization, role, by)
    with transaction.atomic():
        pending(organization).filter(email=email).update(revoked_at=timezone.now())
        made: Invitation = Invitation.unscoped.create(
            organization=organization,
            email=email,
            role=role,
            invited_by_id=by.user.pk,
            expires_at=timezone.now() + GOOD_FOR,
        )
        _send(made)
        details = {"role": role}
        audit.record(by, ActionKind.INVITE, "invitation", made.pk, tenant_id=organization.pk, details=details)
    return made


def send_again(invitation: Invitation, *, by: HttpRequest) -> None:
    """Send the letter once more; the invitation is good for a week from now."""
    invitation.expires_at = timezone.now() + GOOD_FOR
    with transaction.atomic():
        invitation.save(update_fields=["expires_at"])
        _send(invitation)
        tenant_id = invitation.organization_id
        audit.record(by, ActionKind.INVITE, "invitation", invitation.pk, tenant_id=tenant_id)


def revoke(invitation: Invitation, *, by: HttpRequest) -> None:
    """Take the invitation back."""
    with transaction.atomic():
        Invitation.unscoped.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now())
        details = {"revoked": True}
        tenant_id = invitation.organization_id
        audit.record(by, ActionKind.INVITE, "invitation", invitation.pk, tenant_id=tenant_id, details=details)


def pending(organization: Organization) -> QuerySet[Invitation]:
    """The invitations that wait for an answer."""
    rows = Invitation.objects.for_organization(organization)
    return rows.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


def find(token: str) -> Invitation | None:
    """The invitation of a link that can be used now; None for every other one, whatever the reason."""
    pk = letters.read_token(token)
    if pk is None:
        return None
    rows = Invitation.unscoped.select_related("organization", "invited_by")
    found: Invitation | None = rows.filter(
        pk=pk, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    ).first()
    return found if found is not None and _is_still_meant(found) else None


def accept(invitation: Invitation, user: User) -> None:
    """Make the person a member with the role of the invitation, once.

    Raises: InvitationRefusedError when somebody was faster, or the person has another address.
    """
    refused = InvitationRefusedError(_("This invitation cannot be used."))
    if user.email != invitation.email:
        raise refused
    with transaction.atomic():
        rows = Invitation.unscoped.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
        if not rows.update(accepted_at=timezone.now()):
            raise refused
        membership, is_new = Membership.unscoped.get_or_create(
            organization=invitation.organization, user=user, defaults={"role": invitation.role}
        )
        details = {"role": membership.role, "new": is_new}
        tenant_id = invitation.organization_id
        audit.record(user, ActionKind.JOIN, "member", user.pk, tenant_id=tenant_id, details=details)


def check_role(organization: Organization, role: str, by: HttpRequest) -> None:
    """Pass for a role that the person may give.

    Raises: InvitationRefusedError.
    """
    line = rolebook.line_of(organization, role)
    if line is None:
        raise InvitationRefusedError(_("Choose a role from the list."))
    if not line.permissions <= by.user.get_all_permissions(organization):
        raise InvitationRefusedError(_("You can only give a role with rights that you have yourself."))


def _is_still_meant(invitation: Invitation) -> bool:
    """Whether whoever invited could do so now: a role that was lowered since invites nobody."""
    by, organization = invitation.invited_by, invitation.organization
    line = rolebook.line_of(organization, invitation.role)
    if by is None or not by.is_active or line is None:
        return False
    allowed = by.get_all_permissions(organization)
    return "organizations.change_membership" in allowed and line.permissions <= allowed


def _send(invitation: Invitation) -> None:
    task = tasks.send_invitation.using(tenant_id=invitation.organization_id)
    task.enqueue(invitation_id=str(invitation.pk), language=get_language() or settings.LANGUAGE_CODE)
