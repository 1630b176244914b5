"""The people of the demo: every role, once."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from organizations.demo import PEOPLE, new_password, seed_demo
from organizations.models import Membership, Organization, User

pytestmark = pytest.mark.django_db


def test_everybody_of_the_demo_can_sign_in() -> None:
    people = seed_demo("a demo password")
    assert all(Client().login(username=person.email, password="a demo password") for person in people)


def test_seeding_twice_makes_nobody_twice_and_ends_no_session() -> None:
    seed_demo("a demo password")
    hashes = dict(User.objects.values_list("email", "password"))
    seed_demo("a demo password")
    assert dict(User.objects.values_list("email", "password")) == hashes
    assert (Organization.objects.count(), Membership.unscoped.count()) == (2, 4)


def test_a_new_password_replaces_the_old_one() -> None:
    seed_demo("the first password")
    seed_demo("the second password")
    assert not Client().login(username=PEOPLE[0].email, password="the first password")


def test_only_the_staff_of_the_site_are_staff() -> None:
    seed_demo("a demo password")
    staff = User.objects.filter(is_staff=True)
    assert [user.email for user in staff] == ["staff@bordereau.example"]
    assert not Membership.unscoped.filter(user__in=staff).exists()


def test_the_command_tells_a_password_that_nobody_could_know_before() -> None:
    out = StringIO()
    call_command("seed_demo", stdout=out)
    password = out.getvalue().split()[1]
    assert Client().login(username=PEOPLE[0].email, password=password)
    assert new_password() != new_password()
