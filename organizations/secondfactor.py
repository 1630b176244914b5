"""The second factor that staff need: a code, a security key or a passkey, used in this very session."""

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest


def is_missing(request: HttpRequest) -> bool:
    """Whether the signed-in person has to show a second factor before they do what staff do."""
    if not settings.STAFF_SECOND_FACTOR:
        return False
    records = get_authentication_records(request, request.user)
    return all(record.get("method") != "mfa" for record in records)


def way_to_it(request: HttpRequest) -> str:
    """The name of the page on which the person shows the factor, or sets one up first."""
    return "mfa_reauthenticate" if is_mfa_enabled(request.user) else "mfa_index"
