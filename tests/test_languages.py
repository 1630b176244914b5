"""H03, D02: what a browser says of its language or remembers of an organization decides nothing that it should not."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Membership, Organization, User
from organizations.roles import RoleKey
from tests import factories
from tests.conftest import signed_in
from validations.models import ValidationRun

NONSENSE = [
    "x" * 10_000,
    "fr;q=abc, en;q=",
    ",".join(f"x{number}-y{number};q=0.{number}" for number in range(1000)),
    "../../etc/passwd",
    "fr\x00en",
    "é",
    "",
]


@pytest.mark.parametrize("said", NONSENSE)
def test_h03_a_language_that_is_none_falls_back_to_that_of_the_site(db: None, said: str) -> None:
    for address in ("/sign-in/", "/api/validations/0", "/no-such-page/"):
        response = Client(headers={"accept-language": said}).get(address)
        assert response.status_code in (200, 401, 404)
        assert response["Content-Language"] == "en"


def test_h03_french_is_understood_in_every_spelling(db: None) -> None:
    for said in ("fr", "fr-CA", "FR-ca;q=0.9, en;q=0.8", "de, fr;q=0.5"):
        assert Client(headers={"accept-language": said}).get("/sign-in/")["Content-Language"] == "fr"


@pytest.mark.parametrize("code", ["", "xx", "../fr", "f" * 10_000, "fr\x00"])
def test_h03_a_switch_to_no_language_changes_nothing(member: User, code: str) -> None:
    client = signed_in(member)
    assert client.post(reverse("organizations:language"), {"language": code, "next": "/"}).status_code == 302
    member.refresh_from_db()
    assert member.language == ""
    assert client.get("/preferences/")["Content-Language"] == "en"


def test_d02_a_page_of_one_organization_sends_into_that_one_whatever_was_opened_since(
    organization: Organization, other_organization: Organization, member: User
) -> None:
    Membership.unscoped.create(organization=other_organization, user=member, role=RoleKey.MEMBER)
    client = signed_in(member)
    here = reverse("validations:upload", args=[organization.slug])
    client.get(here)
    # Another tab opens the other one, which the session remembers.
    client.get(reverse("validations:run-list", args=[other_organization.slug]))
    assert client.session["organization"] == other_organization.slug
    sent = {"files": factories.upload(), "profile": "quebec-medical", "key": str(uuid4())}
    sent["organization"] = other_organization.slug
    assert client.post(here, sent).status_code == 302
    assert [run.organization for run in ValidationRun.unscoped.all()] == [organization]
