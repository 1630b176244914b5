"""Who belongs to an organization: invited, joined, given another role, removed."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.models import ActionKind, AuditEntry, Job
from organizations import letters
from organizations.models import Invitation, Membership, Organization, Role, User
from organizations.roles import Permission, RoleKey
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain

NEW = "new@example.com"
ACCOUNT = {
    "full_name": "Nadia Roy",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
}


@pytest.fixture
def page(organization: Organization) -> str:
    return reverse("organization:members", args=[organization.slug])


def link_of(invitation: Invitation) -> str:
    return reverse("organizations:invitation", args=[letters.token_of(invitation)])


def refused(response: Any) -> bool:
    return response.status_code == 404 and "This invitation cannot be used" in response.content.decode()


def memberships(organization: Organization) -> dict[str, str]:
    return dict(Membership.objects.for_organization(organization).values_list("user__email", "role"))


def test_somebody_is_invited_by_letter_makes_an_account_and_belongs(
    organization: Organization, manager: User, page: str, mailoutbox: list[Any], settings: Any
) -> None:
    settings.SITE_URL = "https://bordereau.example"
    sent = {"email": "New@Example.com", "role": RoleKey.BILLING_CLERK}
    assert signed_in(manager).post(page, sent).status_code == 302
    drain()
    (letter,) = mailoutbox
    (address,) = re.findall(r"https?://\S+", letter.body)
    assert address.startswith("https://bordereau.example/invitation/")
    assert organization.name in letter.subject
    # The secret of the link is stored nowhere.
    token = address.rstrip("/").rsplit("/", 1)[1]
    assert token not in str(
        [*Job.objects.values(), *Invitation.unscoped.values(), *AuditEntry.objects.values()]
    )
    client = Client()
    path = address.removeprefix("https://bordereau.example")
    assert NEW in client.get(path).content.decode()
    assert client.post(path, ACCOUNT)["Location"] == "/"
    assert memberships(organization)[NEW] == RoleKey.BILLING_CLERK
    assert client.get(reverse("validations:run-list", args=["erables"])).status_code == 200
    kinds = list(AuditEntry.objects.filter(tenant_id=organization.pk).values_list("action", flat=True))
    assert kinds[:3] == [ActionKind.SIGN_IN, ActionKind.JOIN, ActionKind.INVITE]


def test_somebody_with_an_account_joins_with_it(
    organization: Organization, owner: User, outsider: User
) -> None:
    path = link_of(factories.invitation(organization, owner, outsider.email))
    assert "Sign in with it" in Client().get(path).content.decode()
    client = signed_in(outsider)
    assert client.post(path)["Location"] == "/"
    assert memberships(organization)[outsider.email] == RoleKey.MEMBER


def test_d08_a_link_is_good_once(organization: Organization, owner: User) -> None:
    path = link_of(factories.invitation(organization, owner))
    assert Client().post(path, ACCOUNT).status_code == 302
    assert refused(Client().get(path))
    assert refused(Client().post(path, ACCOUNT))


def test_d08_a_link_is_for_its_address_alone(organization: Organization, owner: User, outsider: User) -> None:
    factories.user(email=NEW)
    path = link_of(factories.invitation(organization, owner))
    client = signed_in(outsider)
    assert "for another address" in client.get(path).content.decode()
    client.post(path)
    assert set(memberships(organization)) == {owner.email}
    # That press signed the wrong person out.
    assert client.get("/preferences/").status_code == 302


@pytest.mark.parametrize(
    "end", ["over", "revoked", "inviter lowered", "inviter left", "role gone", "role grew"]
)
def test_d08_a_link_that_is_meant_no_more_is_refused_and_does_not_say_why(
    organization: Organization, manager: User, page: str, end: str
) -> None:
    Role.unscoped.create(
        organization=organization, key="night", title="Night", permissions=[Permission.VIEW_RUNS]
    )
    invitation = factories.invitation(organization, manager, role="night")
    match end:
        case "over":
            Invitation.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "revoked":
            address = reverse("organization:invitation-revoke", args=["erables", invitation.pk])
            signed_in(manager).post(address)
        case "inviter lowered":
            Membership.unscoped.filter(user=manager).update(role=RoleKey.VIEWER)
        case "inviter left":
            Membership.unscoped.filter(user=manager).delete()
        case "role gone":
            Role.unscoped.all().delete()
        case _:
            Role.unscoped.update(permissions=[Permission.CHANGE_ROLES])
    pages = [
        Client().get(path) for path in (link_of(invitation), "/invitation/made-up/", "/invitation/a:b:c/")
    ]
    assert all(map(refused, pages))
    tokens = r'name="csrfmiddlewaretoken" value="\w+"|/invitation/[^"/]+/'
    assert len({re.sub(tokens, "", answer.content.decode()) for answer in pages}) == 1
    assert refused(Client().post(link_of(invitation), ACCOUNT))
    assert not User.objects.filter(email=NEW).exists()


@pytest.mark.parametrize(
    "wrong",
    [{"password1": "short", "password2": "short"}, {"password2": "another"}, {"full_name": ""}],
)
def test_an_account_with_a_bad_password_or_no_name_is_not_made(
    organization: Organization, owner: User, wrong: dict[str, str]
) -> None:
    path = link_of(factories.invitation(organization, owner))
    assert Client().post(path, ACCOUNT | wrong).status_code == 422
    assert not User.objects.filter(email=NEW).exists()


def test_nobody_is_invited_twice_nor_with_more_rights_than_whoever_invites(
    organization: Organization, manager: User, member: User, page: str
) -> None:
    client = signed_in(manager)
    for sent in (
        {"email": member.email, "role": RoleKey.MEMBER},
        {"email": NEW, "role": RoleKey.OWNER},
        {"email": NEW, "role": "no-such"},
        {"email": "no address", "role": RoleKey.MEMBER},
    ):
        assert client.post(page, sent).status_code == 422, sent
    assert not Invitation.unscoped.exists()
    for _ in range(2):
        client.post(page, {"email": NEW, "role": RoleKey.MEMBER})
    assert Invitation.unscoped.filter(revoked_at=None).count() == 1


def act(by: User, name: str, of: User, **sent: str) -> None:
    membership = Membership.unscoped.get(user=of)
    signed_in(by).post(reverse(f"organization:{name}", args=["erables", membership.pk]), sent)


def test_a_member_gets_another_role_and_is_removed_at_once(
    organization: Organization, manager: User, member: User
) -> None:
    open_page = signed_in(member)
    act(manager, "member-change", member, role=RoleKey.VIEWER)
    assert open_page.get(reverse("validations:upload", args=["erables"])).status_code == 403
    act(manager, "member-remove", member)
    # D07, A13: read at the time of the request.
    assert open_page.get(reverse("validations:run-list", args=["erables"])).status_code == 404
    kinds = set(AuditEntry.objects.values_list("action", flat=True))
    assert {ActionKind.CHANGE_MEMBER, ActionKind.REMOVE_MEMBER} <= kinds


def test_the_last_owner_stays(organization: Organization, owner: User) -> None:
    act(owner, "member-change", owner, role=RoleKey.VIEWER)
    act(owner, "member-remove", owner)
    assert memberships(organization) == {owner.email: RoleKey.OWNER}
    factories.member(organization, RoleKey.OWNER)
    act(owner, "member-remove", owner)
    assert owner.email not in memberships(organization)


def test_a_manager_decides_nothing_about_an_owner(
    organization: Organization, manager: User, owner: User
) -> None:
    factories.member(organization, RoleKey.OWNER)
    act(manager, "member-change", owner, role=RoleKey.VIEWER)
    act(manager, "member-remove", owner)
    act(manager, "member-change", manager, role=RoleKey.OWNER)
    assert memberships(organization)[owner.email] == RoleKey.OWNER
    assert memberships(organization)[manager.email] == RoleKey.MANAGER
