"""People, organizations and API keys in the admin."""

from typing import Any

import pytest
from django.urls import reverse

from organizations import keys
from organizations.models import ApiKey, Organization, User
from organizations.roles import Permission, RoleKey
from tests import factories
from tests.conftest import signed_in
from tests.support.staff import staff, staff_client

KEYS = "admin:organizations_apikey_changelist"
KEY_RIGHTS = [f"organizations.{verb}_apikey" for verb in ("view", "add", "change")]


def issue(by: User, organization: Organization | None, person: User) -> str:
    data: dict[str, Any] = {
        "organization": organization.pk if organization else "",
        "user": person.pk,
        "name": "Nightly",
    }
    data |= {"scopes": [Permission.SEND_FILES], "days": "90"}
    return signed_in(by).post(reverse("admin:organizations_apikey_add"), data).content.decode()


def test_a_new_key_is_shown_once_and_stored_as_a_digest(
    superuser: User, organization: Organization, member: User
) -> None:
    body = issue(superuser, organization, member)
    row = ApiKey.unscoped.get()
    key = body.split('class="bd-key">')[1].split("<")[0]
    assert keys.digest_of(key) == row.digest
    page = reverse("admin:organizations_apikey_change", args=[row.pk])
    for address in (page, reverse(KEYS)):
        later = signed_in(superuser).get(address).content.decode()
        assert key not in later
        assert row.digest not in later


def test_the_page_with_the_key_is_kept_nowhere(
    superuser: User, organization: Organization, member: User
) -> None:
    data: dict[str, Any] = {
        "organization": organization.pk,
        "user": member.pk,
        "name": "Nightly",
        "days": "90",
    }
    data |= {"scopes": [Permission.SEND_FILES]}
    response = signed_in(superuser).post(reverse("admin:organizations_apikey_add"), data)
    assert "no-store" in response["Cache-Control"]


def test_a_key_acts_in_the_name_of_a_member_only(
    superuser: User, organization: Organization, outsider: User
) -> None:
    assert "Choose a member of this organization" in issue(superuser, organization, outsider)
    assert not ApiKey.unscoped.exists()


def test_revoking_asks_first_and_ends_a_key_once(organization: Organization, member: User) -> None:
    _key = factories.api_key(organization, member, "Nightly")
    row = ApiKey.unscoped.get()
    client = staff_client(*KEY_RIGHTS)
    data = {"action": "revoke", "_selected_action": row.pk, "index": "0"}
    client.post(reverse(KEYS), data)
    assert ApiKey.unscoped.get().revoked_at is None
    client.post(reverse(KEYS), data | {"confirmed": "yes"})
    revoked_at = ApiKey.unscoped.get().revoked_at
    assert revoked_at is not None
    client.post(reverse(KEYS), data | {"confirmed": "yes"})
    assert ApiKey.unscoped.get().revoked_at == revoked_at


def test_organizations_are_suspended_and_never_deleted(superuser: User, organization: Organization) -> None:
    client = signed_in(superuser)
    address = reverse("admin:organizations_organization_changelist")
    data = {"action": "suspend", "_selected_action": organization.pk, "index": "0", "confirmed": "yes"}
    client.post(address, data)
    assert Organization.objects.exclude(suspended_at=None).exists()
    client.post(address, data | {"action": "unsuspend"})
    assert not Organization.objects.exclude(suspended_at=None).exists()
    assert (
        client.post(reverse("admin:organizations_organization_delete", args=[organization.pk])).status_code
        == 403
    )


def test_a_new_person_gets_an_address_in_small_letters_and_no_rights(superuser: User) -> None:
    data = {
        "email": "New.Person@Example.com", "full_name": "New", "usable_password": "true",
        "password1": factories.PASSWORD, "password2": factories.PASSWORD,
    }  # fmt: skip
    signed_in(superuser).post(reverse("admin:organizations_user_add"), data)
    person = User.objects.get(email="new.person@example.com")
    assert person.check_password(factories.PASSWORD)
    assert not person.is_staff


@pytest.mark.parametrize("text", ["member@", "MEMBER@erables"])
def test_people_are_found_by_the_beginning_of_their_address(member: User, viewer: User, text: str) -> None:
    response = staff_client("organizations.view_user").get(
        reverse("admin:organizations_user_changelist"), {"q": text}
    )
    assert list(response.context["cl"].result_list) == [member]


def test_the_page_of_an_organization_shows_its_members(
    superuser: User, organization: Organization, member: User
) -> None:
    address = reverse("admin:organizations_organization_change", args=[organization.pk])
    assert member.email in signed_in(superuser).get(address).content.decode()


def test_a_membership_changes_its_role_in_the_admin(superuser: User, member: User) -> None:
    membership = member.memberships.get()
    data = {"organization": membership.organization_id, "user": member.pk, "role": RoleKey.MANAGER}
    signed_in(superuser).post(reverse("admin:organizations_membership_change", args=[membership.pk]), data)
    membership.refresh_from_db()
    assert membership.role == RoleKey.MANAGER


@pytest.mark.parametrize(
    "lookup", ["digest__startswith", "user__password__startswith", "organization__members__email"]
)
def test_secrets_cannot_be_guessed_through_filters(superuser: User, lookup: str) -> None:
    client = signed_in(superuser)
    assert client.get(reverse(KEYS), {lookup: "a"}).status_code == 400
    assert (
        client.get(reverse("admin:organizations_user_changelist"), {"password__startswith": "a"}).status_code
        == 400
    )


def test_a_key_of_the_operators_is_issued_for_staff(superuser: User, owner: User) -> None:
    page = issue(superuser, None, superuser)
    assert ApiKey.unscoped.get().organization is None
    assert "operators" in page
    assert "Choose a person of staff" in issue(superuser, None, owner)
    assert ApiKey.unscoped.count() == 1


def test_staff_issue_a_key_of_the_operators_for_themselves_alone(superuser: User) -> None:
    person = staff(*KEY_RIGHTS)
    assert "Only a superuser" in issue(person, None, superuser)
    assert not ApiKey.unscoped.exists()
    issue(person, None, person)
    assert ApiKey.unscoped.get().user == person


def test_a_key_of_the_operators_is_listed_as_one(superuser: User) -> None:
    factories.api_key(None, superuser, "Monitor")
    assert "Operators" in signed_in(superuser).get(reverse(KEYS)).content.decode()
