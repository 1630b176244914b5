"""Default roles: made, brought up to date, restored, and seeded where there is no Redis."""

import hashlib
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from jobs.models import Batch, Job, JobStatus
from organizations import seeding, seedjobs
from organizations.models import Organization, Role, User
from organizations.roles import TEMPLATES, TEMPLATES_VERSION, Permission, RoleKey, RoleTemplate
from organizations.seeding import What
from organizations.tasks import seed_roles
from tests import factories
from tests.support.jobs import assert_enqueued, drain

# What the templates of TEMPLATES_VERSION hold: raise the version when you change them, then this digest.
DIGESTS = {1: "9d76d307b4ad6d57"}


def run(**options: Any) -> str:
    out = StringIO()
    call_command("seed_roles", stdout=out, **options)
    return out.getvalue()


def roles_of(organization: Organization) -> dict[str, list[str]]:
    return dict(Role.objects.for_organization(organization).values_list("key", "permissions"))


def as_templates() -> dict[str, list[str]]:
    return {template.key: sorted(template.permissions) for template in TEMPLATES.values()}


def with_template(monkeypatch: pytest.MonkeyPatch, key: str, permissions: frozenset[str]) -> None:
    """A deployment with newer templates, of which one is another."""
    old = TEMPLATES[key]
    monkeypatch.setitem(TEMPLATES, key, RoleTemplate(old.key, old.title, old.summary, permissions))
    monkeypatch.setattr(seeding, "TEMPLATES_VERSION", TEMPLATES_VERSION + 1)


def test_the_templates_and_their_version_go_together() -> None:
    digest = hashlib.sha256(json.dumps(as_templates(), sort_keys=True).encode()).hexdigest()[:16]
    assert DIGESTS.get(TEMPLATES_VERSION) == digest, "raise TEMPLATES_VERSION, then note the new digest here"


def test_a_new_organization_asks_for_its_roles_and_gets_them(db: None) -> None:
    place = Organization.objects.create(name="New", slug="new")
    job = assert_enqueued(seed_roles, organization_id=place.pk)
    assert (job.queue, job.timeout_seconds, job.tenant_id) == ("roles", 30, place.pk)
    drain()
    assert roles_of(place) == as_templates()
    job.refresh_from_db()
    assert job.result is not None
    assert (job.result["version"], set(job.result["create"])) == (TEMPLATES_VERSION, set(TEMPLATES))


def test_no_roles_are_asked_for_where_the_organization_was_not_made_after_all(db: None) -> None:
    with transaction.atomic():
        Organization.objects.create(name="New", slug="new")
        transaction.set_rollback(True)
    assert not Job.objects.exists()


def test_an_organization_that_changes_is_not_seeded_again(organization: Organization) -> None:
    organization.name = "Other"
    organization.save()
    assert not Job.objects.exists()


def test_an_owner_can_work_before_the_roles_are_seeded(organization: Organization, owner: User) -> None:
    assert owner.has_perm(Permission.CHANGE_ORGANIZATION, organization)
    assert not Role.objects.for_organization(organization).exists()


def test_the_role_of_the_organization_goes_before_the_template(
    organization: Organization, member: User
) -> None:
    seeding.seed(organization)
    Role.objects.for_organization(organization).filter(key=RoleKey.MEMBER).update(permissions=[])
    assert not member.has_perm(Permission.SEND_FILES, organization)
    assert member.get_all_permissions(organization) == set()


def test_seeding_twice_writes_nothing_the_second_time(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    assert seeding.seed(organization).count == len(TEMPLATES)
    before = list(Role.objects.for_organization(organization).values())
    # The lock on the organization, and the look at its roles, inside a savepoint.
    with django_assert_num_queries(4):
        assert seeding.seed(organization).done == {}
    assert list(Role.objects.for_organization(organization).values()) == before


def test_a_changed_role_is_kept_and_restored_by_force(organization: Organization) -> None:
    seeding.seed(organization)
    clerk = Role.objects.for_organization(organization).get(key=RoleKey.BILLING_CLERK)
    clerk.permissions = [Permission.VIEW_RUNS]
    clerk.save()
    assert seeding.seed(organization).done == {What.KEEP: [RoleKey.BILLING_CLERK]}
    assert roles_of(organization)[RoleKey.BILLING_CLERK] == [Permission.VIEW_RUNS]
    assert seeding.seed(organization, force=True).done == {What.RESTORE: [RoleKey.BILLING_CLERK]}
    assert roles_of(organization) == as_templates()


def test_a_role_of_its_own_is_never_touched(organization: Organization) -> None:
    for key in ("night-shift", RoleKey.VIEWER):
        Role.unscoped.create(organization=organization, key=key, title="Own", permissions=[])
    seeding.seed(organization, force=True)
    assert roles_of(organization) == as_templates() | {"night-shift": [], RoleKey.VIEWER: []}


def test_a_newer_template_reaches_unchanged_roles_and_is_previewed(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding.seed(organization)
    newer = (TEMPLATES[RoleKey.VIEWER].permissions | {Permission.VIEW_MEMBERS}) - {Permission.VIEW_FINDINGS}
    with_template(monkeypatch, RoleKey.VIEWER, newer)
    changes = {change.template.key: change for change in seeding.preview(organization)}
    viewer = changes[RoleKey.VIEWER]
    assert viewer.what == What.UPDATE
    assert (viewer.added, viewer.removed) == (
        frozenset({Permission.VIEW_MEMBERS}),
        frozenset({Permission.VIEW_FINDINGS}),
    )
    shown = run(organization=organization.slug, preview=True)
    assert "update viewer +organizations.view_membership -validations.view_finding" in shown
    assert RoleKey.VIEWER in seeding.seed(organization).done[What.UPDATE]
    assert roles_of(organization)[RoleKey.VIEWER] == sorted(newer)
    assert seeding.preview(organization) == []


def test_a_changed_role_keeps_its_change_when_the_template_becomes_newer(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeding.seed(organization)
    Role.objects.for_organization(organization).filter(key=RoleKey.VIEWER).update(permissions=[])
    with_template(monkeypatch, RoleKey.VIEWER, frozenset({Permission.VIEW_RUNS}))
    assert seeding.seed(organization).done[What.KEEP] == [RoleKey.VIEWER]
    assert roles_of(organization)[RoleKey.VIEWER] == []
    seeding.seed(organization, force=True)
    assert roles_of(organization)[RoleKey.VIEWER] == [Permission.VIEW_RUNS]


def test_the_command_asks_for_one_organization_or_for_all(organization: Organization) -> None:
    others = [factories.organization() for _ in range(3)]
    assert run(organization=organization.slug).startswith("queued: job ")
    assert run(organization=organization.slug).startswith("queued: job "), "the same key gives the same job"
    assert Job.objects.count() == 1
    assert "4 organizations: 4 queued, 0 direct" in run(all=True)
    drain()
    assert all(roles_of(place) == as_templates() for place in [organization, *others])
    assert Batch.objects.get().total == 4


def test_the_command_refuses_what_it_cannot_do(db: None) -> None:
    with pytest.raises(CommandError, match="no-such"):
        run(organization="no-such")
    with pytest.raises(CommandError):
        call_command("seed_roles")
    with pytest.raises(CommandError):
        call_command("seed_roles", "--all", "--organization", "erables")


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_caller_seeds_and_says_so(no_redis: None, caplog: Any) -> None:
    place = factories.organization()
    with caplog.at_level("INFO", logger="jobs.task"):
        assert run(organization=place.slug).startswith("direct: job ")
    assert "Roles are seeded. mode=direct" in caplog.text
    assert roles_of(place) == as_templates()
    factories.organization()
    assert "2 organizations: 0 queued, 2 direct" in run(all=True)
    assert Job.objects.filter(status=JobStatus.SUCCEEDED).count() == 3


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_direct_run_that_fails_says_so(
    no_redis: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = factories.organization()

    def broken(*_args: Any, **_named: Any) -> None:
        raise ValueError

    monkeypatch.setattr(seeding, "seed", broken)
    with pytest.raises(CommandError, match="did not end well"):
        run(organization=place.slug)


@pytest.mark.django_db(transaction=True)
def test_without_redis_a_new_organization_has_its_roles_at_once(no_redis: None) -> None:
    place = Organization.objects.create(name="New", slug="new")
    assert roles_of(place) == as_templates()


def test_an_organization_that_is_gone_ends_the_job_quietly(organization: Organization) -> None:
    job = seedjobs.request_seeding(organization)
    Organization.objects.all().delete()
    drain()
    job.refresh_from_db()
    assert job.status == JobStatus.SUCCEEDED
