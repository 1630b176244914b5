"""Where this site differs from allauth's own ways: no open sign-up, letters in the background, secrets encrypted."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy

from organizations import tasks


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Accounts are made by invitations alone, and mail leaves in the background."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": gettext_lazy(
            "The e-mail address or the password is not right. Check both and try again."
        ),
        "too_many_login_attempts": gettext_lazy(
            "Too many tries. Wait five minutes, then try again, or choose a new password."
        ),
        "incorrect_code": gettext_lazy("This code is not right, or was used already. Wait for the next one."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: who is invited makes the account on the invitation's page."""
        return False

    def send_password_reset_mail(self, user: AbstractBaseUser, email: str, context: dict[str, Any]) -> None:
        """Ask for the letter; the link is made by the worker, so that no secret waits in a queue."""
        key = f"reset:{user.pk}"
        task = tasks.send_password_reset.using(idempotency_key=key)
        task.enqueue(user_id=user.pk, language=get_language() or settings.LANGUAGE_CODE)

    def reauthenticate(self, user: AbstractBaseUser, password: str) -> bool:
        """Whether it is the person's password; tries count as those of a sign-in do."""
        found = self.authenticate(self.request, email=user.get_username(), password=password)
        return found is not None and found.pk == user.pk

    def forget_failed_tries(self, request: HttpRequest, email: str) -> None:
        """Let the account be tried again at once."""
        self._delete_login_attempts_cached_email(request, email=email.lower())

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the server saw; what a client says of itself is not believed."""
        return str(request.META.get("REMOTE_ADDR") or "unix")


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Secrets of second factors are of no use to whoever reads the database alone."""

    def get_totp_issuer(self) -> str:
        """The name that an authenticator app shows."""
        return "Bordereau"

    def encrypt(self, text: str) -> str:
        """The secret as it is stored."""
        return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The secret."""
        return _fernet(settings.SECRET_KEY).decrypt(encrypted_text.encode()).decode()


def _fernet(key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(sha256(f"second factor {key}".encode()).digest()))
