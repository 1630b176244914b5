"""Letters about accounts; their links are made where they are sent, so that no secret waits in a queue or a row."""

from uuid import UUID

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from organizations.models import Invitation, User

_SALT = "organizations.invitation"


def send_password_reset(user_id: int, language: str) -> None:
    """Send the link by which the person chooses a new password; nothing to somebody who is gone.

    Raises: OSError and smtplib.SMTPException when the mail server does not take it.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
    with translation.override(user.language or language):
        _send(user.email, "account/email/password_reset_key", password_reset_url=f"{settings.SITE_URL}{path}")


def send_invitation(invitation_id: str, language: str) -> None:
    """Send the link by which somebody accepts an invitation; nothing for one that was taken back.

    Raises: OSError and smtplib.SMTPException when the mail server does not take it.
    """
    rows = Invitation.unscoped.select_related("organization", "invited_by")
    invitation = rows.filter(pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if invitation is None:
        return
    path = reverse("organizations:invitation", args=[token_of(invitation)])
    with translation.override(language):
        _send(
            invitation.email,
            "organizations/email/invitation",
            organization=invitation.organization,
            who=invitation.invited_by,
            address=f"{settings.SITE_URL}{path}",
        )


def token_of(invitation: Invitation) -> str:
    """What the link of the letter carries."""
    return signing.dumps(str(invitation.pk), salt=_SALT)


def read_token(token: str) -> UUID | None:
    """The id of the invitation that the link is for; None for a link that this site did not make."""
    try:
        return UUID(signing.loads(token, salt=_SALT))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        return None


def _send(to: str, template: str, **context: object) -> None:
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    text = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    # A letter that nobody asked for twice must not start a discussion with an absence notice.
    headers = {"Auto-Submitted": "auto-generated"}
    EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [to], headers=headers).send()
