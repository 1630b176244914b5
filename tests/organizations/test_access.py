"""How a request enters an organization, and how long an answer that goes on may do so."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations.access import while_signed_in
from organizations.models import User
from tests.conftest import signed_in


def request_of(client: Client) -> HttpRequest:
    """The request of an open page."""
    request: HttpRequest = client.get(reverse("organizations:preferences")).wsgi_request
    assert request.user.is_authenticated
    return request


def test_an_open_answer_goes_on_while_its_reader_is_signed_in(member: User) -> None:
    assert while_signed_in(request_of(signed_in(member)), lambda: "more")() == "more"


@pytest.mark.parametrize("end", ["sign-out", "closed account", "new password", "expired session"])
def test_d07_an_open_answer_ends_with_the_session_of_its_reader(end: str, member: User) -> None:
    client = signed_in(member)
    load = while_signed_in(request_of(client), lambda: "more")
    match end:
        case "sign-out":
            client.post(reverse("account_logout"))
        case "closed account":
            User.objects.update(is_active=False)
        case "new password":
            member.set_password("another correct horse")
            member.save()
        case _:
            Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    with pytest.raises(PermissionDenied):
        load()
