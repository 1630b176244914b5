"""The pages, the API and the rules of an organization's roles."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import ActionKind, AuditEntry
from organizations import rolebook, seeding
from organizations.models import Membership, Organization, Role, User
from organizations.roles import TEMPLATES, Permission, RoleKey
from organizations.tasks import seed_roles
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import assert_enqueued, drain


@pytest.fixture
def seeded(organization: Organization) -> Organization:
    seeding.seed(organization)
    return organization


@pytest.fixture
def boss(owner: User) -> Client:
    return signed_in(owner)


def address(name: str, *args: str) -> str:
    return reverse(f"organization:{name}", args=["erables", *args])


def role(organization: Organization, key: str) -> Role:
    return Role.objects.for_organization(organization).get(key=key)


def test_the_page_shows_every_role_also_before_it_is_seeded(boss: Client, organization: Organization) -> None:
    page = boss.get(address("roles")).content.decode()
    assert page.count("Being made") == len(TEMPLATES)
    seeding.seed(organization)
    page = boss.get(address("roles")).content.decode()
    assert "Being made" not in page
    assert page.count("As the template") == len(TEMPLATES)


def test_a_viewer_sees_no_roles_and_a_manager_cannot_change_them(
    seeded: Organization, viewer: User, manager: User
) -> None:
    assert signed_in(viewer).get(address("roles")).status_code == 403
    page = signed_in(manager).get(address("roles"))
    assert page.status_code == 200
    assert address("role-new") not in page.content.decode()
    for name, args in (("role-new", ()), ("role-detail", ("member",)), ("role-seed", ())):
        assert signed_in(manager).get(address(name, *args)).status_code == 403
        assert signed_in(manager).post(address(name, *args)).status_code == 403


def test_an_owner_changes_a_role_and_everybody_with_it_is_bound_at_once(
    seeded: Organization, boss: Client, member: User
) -> None:
    response = boss.post(address("role-detail", "member"), {"permissions": [Permission.VIEW_RUNS]})
    assert response.status_code == 302
    assert member.get_all_permissions(seeded) == {Permission.VIEW_RUNS}
    assert role(seeded, "member").is_changed
    line = AuditEntry.objects.get(action=ActionKind.CHANGE_ROLE)
    assert (line.target, line.tenant_id, line.by_name) == ("member", seeded.pk, "owner@erables.example")
    assert Permission.SEND_FILES in line.details["removed"]


def test_d04_a_made_up_permission_and_further_fields_are_never_stored(
    seeded: Organization, boss: Client
) -> None:
    sent = {"permissions": [Permission.VIEW_RUNS, "auth.delete_user"], "key": "owner", "given": "[]"}
    assert boss.post(address("role-detail", "member"), sent).status_code == 422
    assert not role(seeded, "member").is_changed


def test_the_owners_role_is_fixed(seeded: Organization, boss: Client) -> None:
    assert boss.post(address("role-detail", "owner"), {"permissions": []}).status_code == 422
    assert "cannot be changed" in boss.get(address("role-detail", "owner")).content.decode()
    assert not role(seeded, "owner").is_changed


def test_a_role_of_its_own_is_made_given_and_deleted_when_nobody_has_it(
    seeded: Organization, boss: Client, viewer: User
) -> None:
    sent = {"title": "Équipe de nuit", "permissions": [Permission.VIEW_RUNS, Permission.SEND_FILES]}
    assert boss.post(address("role-new"), sent).status_code == 302
    own = role(seeded, "equipe-de-nuit")
    Membership.unscoped.filter(user=viewer).update(role=own.key)
    assert viewer.has_perm(Permission.SEND_FILES, seeded)
    assert not viewer.has_perm(Permission.VIEW_FINDINGS, seeded)
    boss.post(address("role-delete", own.key))
    assert Role.unscoped.filter(pk=own.pk).exists(), "somebody has it"
    Membership.unscoped.filter(user=viewer).update(role=RoleKey.VIEWER)
    boss.post(address("role-delete", own.key))
    assert not Role.unscoped.filter(pk=own.pk).exists()


@pytest.mark.parametrize("title", ["Owner", "new", "Night", "!!!", ""])
def test_a_name_that_is_taken_or_is_none_is_refused(seeded: Organization, boss: Client, title: str) -> None:
    Role.unscoped.create(organization=seeded, key="night", title="Night")
    before = Role.unscoped.count()
    assert boss.post(address("role-new"), {"title": title}).status_code == 422
    assert Role.unscoped.count() == before


def test_a_templates_role_cannot_be_deleted(seeded: Organization, boss: Client) -> None:
    boss.post(address("role-delete", "viewer"))
    assert role(seeded, "viewer").pk


def test_nobody_gives_rights_that_they_do_not_have(seeded: Organization, rf: Any) -> None:
    Role.unscoped.create(
        organization=seeded, key="keeper", title="Keeper", permissions=[Permission.CHANGE_ROLES]
    )
    request = rf.post("/")
    request.user = factories.member(seeded, "keeper")
    with pytest.raises(rolebook.RoleRefusedError, match="yourself"):
        rolebook.change(seeded, "keeper", [Permission.CHANGE_ROLES, Permission.VIEW_PATIENTS], by=request)
    with pytest.raises(rolebook.RoleRefusedError, match="yourself"):
        rolebook.add(seeded, "Mine", [Permission.CHANGE_KEYS], by=request)


def test_the_page_previews_what_seeding_undoes_and_asks_for_it(seeded: Organization, boss: Client) -> None:
    boss.post(address("role-detail", "viewer"), {"permissions": []})
    page = boss.get(address("role-seed")).content.decode()
    assert "Nothing to do" in page
    assert "Gains: See findings" in page
    boss.post(address("role-seed"), {"force": "1"})
    assert_enqueued(seed_roles, organization_id=seeded.pk, force=True)
    drain()
    assert not role(seeded, "viewer").is_changed
    seeded_by = AuditEntry.objects.filter(action=ActionKind.SEED_ROLES).values_list("by_name", flat=True)
    assert "owner@erables.example" in seeded_by


def test_the_api_tells_the_roles_previews_and_seeds(organization: Organization, owner: User) -> None:
    client = Client(headers={"Authorization": f"Bearer {factories.api_key(organization, owner, 'Program')}"})
    base = "/api/organizations/erables/roles"
    assert {line["state"] for line in client.get(base).json()["roles"]} == {"waiting"}
    assert {change["what"] for change in client.get(f"{base}/preview").json()} == {"create"}
    assert client.get(f"{base}/seeding").status_code == 404
    answer = client.post(f"{base}/seeding", json.dumps({}), content_type="application/json")
    assert (answer.status_code, answer.json()["status"], answer.json()["mode"]) == (202, "queued", None)
    drain()
    told = client.get(f"{base}/seeding").json()
    assert (told["status"], told["percent"], told["mode"]) == ("succeeded", 100, "direct")
    assert {line["state"] for line in client.get(base).json()["roles"]} == {"template"}


def test_a_key_of_one_organization_reads_no_other_ones_roles(
    organization: Organization, other_organization: Organization, owner: User
) -> None:
    Membership.unscoped.create(organization=other_organization, user=owner, role=RoleKey.OWNER)
    client = Client(headers={"Authorization": f"Bearer {factories.api_key(organization, owner, 'Program')}"})
    assert client.get("/api/organizations/boreale/roles").status_code == 404
    assert signed_in(owner).get("/api/organizations/boreale/roles").status_code == 200
