"""The roles of people who look after jobs."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from jobs import roles

pytestmark = pytest.mark.django_db


def sync() -> None:
    roles.sync_roles(apps.get_app_config("jobs"), using="default")


def permissions(group: str) -> set[str]:
    rows = Group.objects.get(name=group).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def test_the_groups_are_there_after_a_migration_with_the_permissions_of_the_table() -> None:
    for name, wanted in roles.ROLES.items():
        assert permissions(name) == wanted


def test_each_role_may_do_what_the_one_below_it_may() -> None:
    viewer, operator, administrator = roles.ROLES.values()
    assert viewer < operator < administrator
    assert all(name.startswith("jobs.view_") for name in viewer)


def test_what_somebody_took_away_or_added_is_set_right_and_other_apps_are_left_alone() -> None:
    group = Group.objects.get(name=roles.OPERATOR)
    foreign = Permission.objects.get(codename="view_group")
    group.permissions.set([foreign, Permission.objects.get(codename="bulk_job")])
    sync()
    assert permissions(roles.OPERATOR) == roles.ROLES[roles.OPERATOR] | {"auth.view_group"}


def test_a_second_sync_changes_nothing() -> None:
    before = {group.pk: set(group.permissions.all()) for group in Group.objects.all()}
    sync()
    assert {group.pk: set(group.permissions.all()) for group in Group.objects.all()} == before


def test_every_permission_that_steers_belongs_to_a_role() -> None:
    own = Permission.objects.filter(content_type__app_label="jobs").exclude(
        codename__regex="^(add|change|delete|view)_"
    )
    assert {f"jobs.{row.codename}" for row in own} <= roles.ROLES[roles.ADMINISTRATOR]
