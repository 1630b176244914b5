"""API keys: what they open, for how long and how often."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs.failfast import connection
from jobs.models import ActionKind, AuditEntry
from organizations import keys, limits
from organizations.limits import RateLimitedError
from organizations.models import ApiKey, Membership, Organization, User
from organizations.roles import Permission, RoleKey
from tests import factories
from tests.conftest import signed_in
from validations.models import ValidationRun

RUNS = "/api/validations"


def program(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def send(client: Client) -> int:
    return int(client.post(RUNS, {"file": factories.upload()}).status_code)


@pytest.fixture
def page(organization: Organization) -> str:
    return reverse("organization:keys", args=[organization.slug])


def test_e10_a_key_does_what_it_is_for_and_nothing_else(organization: Organization, owner: User) -> None:
    reader = program(factories.api_key(organization, owner, scopes=[Permission.VIEW_RUNS]))
    sender = program(factories.api_key(organization, owner, scopes=[Permission.SEND_FILES]))
    assert send(reader) == 403
    assert not ValidationRun.unscoped.exists()
    assert send(sender) == 202
    run = ValidationRun.unscoped.get()
    assert reader.get(f"{RUNS}/{run.pk}").status_code == 200
    assert sender.get(f"{RUNS}/{run.pk}").status_code == 404
    assert reader.get(f"{RUNS}/{run.pk}/findings").status_code == 404


def test_e10_a_key_never_does_more_than_its_person_may_now(organization: Organization, owner: User) -> None:
    sender = program(factories.api_key(organization, owner, scopes=[Permission.SEND_FILES]))
    Membership.unscoped.filter(user=owner).update(role=RoleKey.VIEWER)
    assert send(sender) == 403
    Membership.unscoped.filter(user=owner).delete()
    assert send(sender) == 403
    assert not ValidationRun.unscoped.exists()


def test_e10_a_superuser_s_key_is_held_to_its_scopes(organization: Organization, superuser: User) -> None:
    Membership.unscoped.create(organization=organization, user=superuser, role=RoleKey.OWNER)
    assert send(program(factories.api_key(organization, superuser, scopes=[Permission.VIEW_RUNS]))) == 403


def test_e10_a_key_without_the_right_to_see_patients_reads_masked_findings(
    organization: Organization, owner: User
) -> None:
    run = factories.completed_run(organization, owner)
    run.result.findings.update(value="TREM65010112")  # type: ignore[union-attr]
    for scopes, shown in (([], "•••"), ([Permission.VIEW_PATIENTS], "TREM65010112")):
        key = factories.api_key(organization, owner, scopes=[Permission.VIEW_FINDINGS, *scopes])
        answer = program(key).get(f"{RUNS}/{run.pk}/findings").json()
        assert {item["value"] for item in answer["items"]} == {shown}


def test_e10_a_key_that_is_over_opens_nothing(organization: Organization, member: User) -> None:
    secret = factories.api_key(organization, member, days=1)
    assert send(program(secret)) == 202
    ApiKey.unscoped.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert send(program(secret)) == 401


@pytest.mark.parametrize("place", ["?key=", "?api_key=", "?token=", "?Authorization=Bearer "])
def test_e10_a_key_in_the_address_opens_nothing(organization: Organization, member: User, place: str) -> None:
    secret = factories.api_key(organization, member)
    assert Client().get(f"{RUNS}/{factories.run(organization).pk}{place}{secret}").status_code == 401


def test_a_key_is_issued_shown_once_and_revoked_on_its_page(
    organization: Organization, manager: User, page: str
) -> None:
    client = signed_in(manager)
    sent = {"name": "Front desk", "scopes": [Permission.SEND_FILES], "days": "90"}
    shown = client.post(page, sent)
    secret = shown.content.decode().split('class="secret">')[1].split("<")[0]
    assert "no-store" in shown["Cache-Control"]
    row = ApiKey.unscoped.get()
    assert (row.user, row.scopes, row.digest) == (manager, [Permission.SEND_FILES], keys.digest_of(secret))
    assert row.expires_at is not None
    assert timedelta(days=89) < row.expires_at - timezone.now() <= timedelta(days=90)
    assert secret not in client.get(page).content.decode()
    assert send(program(secret)) == 202
    row.refresh_from_db()
    assert row.last_used_from == "127.0.0.1"
    client.post(reverse("organization:key-revoke", args=[organization.slug, row.pk]))
    assert send(program(secret)) == 401
    lines = AuditEntry.objects.filter(tenant_id=organization.pk).order_by("id")
    kept = [(line.action, line.target, line.by_name) for line in lines if "key" in line.action]
    assert kept == [
        (ActionKind.ISSUE_KEY, row.prefix, manager.email),
        (ActionKind.REVOKE_KEY, row.prefix, manager.email),
    ]
    assert secret not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    "wrong", [{"scopes": []}, {"scopes": ["auth.delete_user"]}, {"name": ""}, {"days": "9999"}, {"days": "x"}]
)
def test_d04_a_key_with_made_up_scopes_or_no_end_that_is_offered_is_refused(
    manager: User, page: str, wrong: dict[str, Any]
) -> None:
    sent = {"name": "Mine", "scopes": [Permission.SEND_FILES], "days": "90"} | wrong
    assert signed_in(manager).post(page, sent).status_code == 422
    assert not ApiKey.unscoped.exists()


def test_a_key_that_asks_too_often_is_told_when_to_come_again(
    organization: Organization, member: User, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    # Other tests had keys of the same numbers.
    connection().flushdb()
    client, other = (program(factories.api_key(organization, member)) for _ in range(2))
    address = f"{RUNS}/{factories.run(organization).pk}"
    # A minute may end between two of these.
    answers = [client.get(address) for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 2
    assert refused[0].json()["code"] == "rate-limited"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60
    assert other.get(address).status_code == 200


def test_x06_without_redis_each_process_counts_for_itself(no_redis: None) -> None:
    name = f"test:{timezone.now().timestamp()}"
    refused = 0
    for _ in range(8):
        try:
            limits.check(name, 3)
        except RateLimitedError:
            refused += 1
    # A minute may end between two of these.
    assert refused >= 2


def test_f20_what_redis_counts_by_holds_no_name(organization: Organization, member: User) -> None:
    secret = factories.api_key(organization, member)
    program(secret).get(f"{RUNS}/{factories.run(organization).pk}")
    found = [str(name) for name in connection().keys("rate:*")]
    assert any(f"rate:key:{ApiKey.unscoped.get().pk}:" in name for name in found)
    assert not any(member.email in name or secret in name for name in found)
