"""What people do with their accounts, written into the audit trail."""

from typing import Any

from allauth.account.signals import password_changed, password_reset
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from jobs import audit
from jobs.models import ActionKind
from organizations.models import User

SIGN_IN_NOTED = "organizations.note_sign_in"


@receiver(user_logged_in, dispatch_uid=SIGN_IN_NOTED)
def note_sign_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """A sign-in: a line for each of the person's organizations, whose owners read it."""
    for tenant_id in _places(user):
        audit.record(user, ActionKind.SIGN_IN, "person", user.pk, tenant_id=tenant_id)


@receiver(user_logged_out, dispatch_uid="organizations.note_sign_out")
def note_sign_out(request: HttpRequest, user: User | None, **_kwargs: Any) -> None:
    """A sign-out."""
    if user is not None:
        audit.record(user, ActionKind.SIGN_OUT, "person", user.pk)


@receiver(user_login_failed, dispatch_uid="organizations.note_failed_sign_in")
def note_failed_sign_in(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any
) -> None:
    """A failed try, of whom if there is such an account; what was typed is not kept, it may be a password."""
    email = str(credentials.get("email") or credentials.get("username") or "").lower()
    user = User.objects.filter(email=email).first()
    for tenant_id in _places(user) if user else [None]:
        target = user.pk if user else ""
        audit.record(None, ActionKind.SIGN_IN_FAILED, "person", target, tenant_id=tenant_id)


@receiver(password_changed, dispatch_uid="organizations.note_password")
@receiver(password_reset, dispatch_uid="organizations.note_reset")
def note_password(user: User, **_kwargs: Any) -> None:
    """A new password, by the old one or by a letter."""
    audit.record(user, ActionKind.CHANGE_PASSWORD, "person", user.pk)


@receiver(authenticator_added, dispatch_uid="organizations.note_factor_added")
@receiver(authenticator_removed, dispatch_uid="organizations.note_factor_removed")
@receiver(authenticator_reset, dispatch_uid="organizations.note_factor_reset")
def note_factor(user: User, authenticator: Any, **_kwargs: Any) -> None:
    """A second factor that came, went, or was made anew."""
    audit.record(user, ActionKind.CHANGE_FACTOR, "person", user.pk, details={"type": authenticator.type})


def _places(user: User) -> list[int | None]:
    return list(user.memberships.values_list("organization_id", flat=True)) or [None]
