"""D03: every role against every action, as `tests/permission_table.py` says."""

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from jobs import roles as operators
from organizations import seeding
from organizations.models import ApiKey, Membership, Organization, Role, User
from organizations.seedjobs import request_seeding
from tests import factories
from tests.conftest import end, signed_in
from tests.permission_table import ACTIONS, DOCUMENT, GROUPS, ROLES, STAFF, document
from tests.support.news import told
from tests.test_border import FACTOR, KNOWN, OPEN, OPERATORS, OWN
from validations.models import RunBatch, RunStatus, ValidationRun

CELLS = [
    pytest.param(address, role, role in action.roles, id=f"{address.split()[0]}-{address.split()[1]}-{role}")
    for action in ACTIONS
    for address in action.addresses
    for role in ROLES
]
# What a person sends with a form or a program as JSON, where an action reads it before it looks who asks.
JSON_BODIES = {"api:create_export": {"format": "report-json"}, "api:start_seeding": {}}


@pytest.fixture
def place(organization: Organization, django_capture_on_commit_callbacks: Any) -> Organization:
    """The organization with its roles."""
    seeding.seed(organization)
    request_seeding(organization)
    Role.unscoped.create(organization=organization, key="night", title="Night")
    factories.api_key(organization, factories.member(organization))
    return organization


def own_address(name: str, place: Organization, person: User) -> str:
    """The address of something of the organization."""
    parts = KNOWN[name][0]
    run = factories.completed_run(place, person)
    batch = RunBatch.unscoped.create(organization=place, created_by=person, key=str(uuid4()))
    ValidationRun.unscoped.filter(pk=run.pk).update(batch=batch, status=RunStatus.COMPLETED)
    export = factories.made_export(run, person)
    arguments: dict[str, list[Any]] = {
        "organization": [place.slug],
        "role": [place.slug, "night"],
        "member": [place.slug, Membership.unscoped.filter(organization=place).latest("pk").pk],
        "invitation": [place.slug, factories.invitation(place, person).pk],
        "key": [place.slug, ApiKey.unscoped.get(organization=place).pk],
        "run": [place.slug, run.pk],
        "notice": [told(place, person).pk],
        "batch": [place.slug, batch.pk],
        "api batch": [batch.pk],
        "api run": [run.pk],
        "api organization": [place.slug],
        "api upload": [],
        "export": [place.slug, run.pk, export.pk],
        "api export": [run.pk, export.pk],
    }
    rest = ["quebec-medical"] if name == "validations:profile-template" else []
    return reverse(name, args=[*arguments[parts], *rest])


FORMS = {
    "validations:run-decide": {"decision": "accept", "code": "required"},
    "validations:run-export": {"format": "report-json"},
}


def sent(name: str) -> dict[str, Any]:
    """What goes along with the request, in the form that the address takes."""
    if name in FORMS:
        return {"data": FORMS[name]}
    if name in JSON_BODIES:
        return {"data": json.dumps(JSON_BODIES[name]), "content_type": "application/json"}
    if name == "api:create_batch":
        return {"data": {"files": factories.upload()}}
    return {"data": {"file": factories.upload()}} if name == "api:create_validation" else {}


@pytest.mark.parametrize(("action", "role", "may"), CELLS)
def test_d03_each_role_does_what_the_table_says_and_nothing_else(
    place: Organization,
    action: str,
    role: str,
    may: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    method, name = action.split()
    person = factories.member(place, role)
    address = own_address(name, place, person)
    client = signed_in(person)
    response = getattr(client, "get" if method == "stream" else method)(address, **sent(name))
    status = response.status_code
    end(response)
    if may:
        # A form that was sent empty, or a run that is in no state for it, is an answer to somebody who may.
        assert status in (200, 202, 302, 400, 409, 422), status
    else:
        # The API hides a run from those who may not do that to it.
        assert status in ((403, 404) if name.startswith("api:") else (403,)), status


def test_d03_every_action_of_the_site_stands_in_the_table_once() -> None:
    listed = {address.split()[1] for action in ACTIONS for address in action.addresses}
    wanted = {name for name, (kind, _method) in KNOWN.items() if kind not in (OPEN, OWN, OPERATORS, FACTOR)}
    twice = Counter(address for action in ACTIONS for address in action.addresses)
    assert max(twice.values()) == 1, twice.most_common(1)
    assert wanted - listed == set(), "say in tests/permission_table.py who may do this"
    assert listed - wanted == set(), "these addresses are no more"


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.django_db
def test_d03_each_group_of_staff_has_the_rights_of_the_table_and_no_other(group: str) -> None:
    person = factories.user(is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    wanted = {
        permission for table in STAFF for permission, groups in table.permissions.items() if group in groups
    }
    assert person.get_all_permissions() == wanted
    assert set(operators.ROLES) == set(GROUPS)


@pytest.mark.django_db
def test_d03_a_person_without_a_role_may_nothing(place: Organization) -> None:
    person = factories.member(place, "no-such-role")
    assert person.get_all_permissions(place) == set()
    assert signed_in(person).get(reverse("validations:run-list", args=[place.slug])).status_code == 403
    assert Client().get(reverse("validations:run-list", args=[place.slug])).status_code == 302


def test_the_document_shows_the_table() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m tests.permission_table --write"
