"""The border between organizations, at every address of the site.

The whole list of addresses is walked. One that this table does not know fails the first test, so that nobody adds
a page without saying how it is kept from outsiders.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from notifications.models import Notification
from organizations.models import ApiKey, Invitation, Membership, Organization, Role, User
from tests import factories
from tests.conftest import signed_in
from tests.support.news import told
from validations.models import Export, Profile, RunBatch, ValidationRun

# Stands in everything that the foreign organization has, and in no page of anybody else.
MARK = "zqxwforeign"
MADE_UP_SLUG = "no-such-place"

# Shows nothing of any organization.
OPEN = "open"
# Shows what the person who asks has, and takes no id.
OWN = "own"
# Takes the address of an organization, a run in it, a notice, or a run by its id alone.
ORGANIZATION = "organization"
RUN = "run"
ROLE = "role"
KEY = "key"
MEMBER = "member"
INVITATION = "invitation"
# A security key of one person.
FACTOR = "factor"
NOTICE = "notice"
# Takes the address of an organization and files that were sent together, or those by their id alone.
BATCH = "batch"
API_BATCH = "api batch"
API_RUN = "api run"
API_ORGANIZATION = "api organization"
# Takes the file of a run beside the run.
EXPORT = "export"
API_EXPORT = "api export"
# Takes the address of an organization as a field; a test below sends it.
API_UPLOAD = "api upload"

# For staff with the right, by session or by a key of their own; tests/jobs/test_api.py (E03, E10) goes through them.
OPERATORS = "operators"

# Address -> what it takes and the method it answers.
KNOWN: dict[str, tuple[str, str]] = {
    "organizations:home": (OWN, "get"),
    "account_login": (OPEN, "get"),
    "account_logout": (OPEN, "post"),
    "account_signup": (OPEN, "get"),
    "account_inactive": (OPEN, "get"),
    "account_reauthenticate": (OWN, "get"),
    "account_change_password": (OWN, "get"),
    "account_reset_password": (OPEN, "get"),
    "account_reset_password_done": (OPEN, "get"),
    # Opened by the link of a letter; tests/organizations/test_accounts.py goes through it.
    "account_reset_password_from_key": (OPEN, "link"),
    "account_reset_password_from_key_done": (OPEN, "get"),
    "usersessions_list": (OWN, "get"),
    "mfa_index": (OWN, "get"),
    "mfa_authenticate": (OPEN, "get"),
    "mfa_reauthenticate": (OWN, "get"),
    "mfa_activate_totp": (OWN, "get"),
    "mfa_deactivate_totp": (OWN, "get"),
    "mfa_view_recovery_codes": (OWN, "get"),
    "mfa_generate_recovery_codes": (OWN, "get"),
    "mfa_download_recovery_codes": (OWN, "get"),
    "mfa_list_webauthn": (OWN, "get"),
    "mfa_add_webauthn": (OWN, "get"),
    "mfa_reauthenticate_webauthn": (OWN, "get"),
    "mfa_login_webauthn": (OPEN, "get"),
    "mfa_remove_webauthn": (FACTOR, "get"),
    "mfa_edit_webauthn": (FACTOR, "get"),
    # Opened by the link of a letter; tests/organizations/test_members.py goes through it.
    "organizations:invitation": (OPEN, "link"),
    "organizations:preferences": (OWN, "get"),
    "organizations:language": (OPEN, "post"),
    "organization:general": (ORGANIZATION, "get"),
    "organization:activity": (ORGANIZATION, "get"),
    "organization:activity-csv": (ORGANIZATION, "get"),
    "organization:members": (ORGANIZATION, "get"),
    "organization:member-change": (MEMBER, "post"),
    "organization:member-remove": (MEMBER, "post"),
    "organization:invitation-again": (INVITATION, "post"),
    "organization:invitation-revoke": (INVITATION, "post"),
    "organization:keys": (ORGANIZATION, "get"),
    "organization:key-revoke": (KEY, "post"),
    "organization:roles": (ORGANIZATION, "get"),
    "organization:role-new": (ORGANIZATION, "get"),
    "organization:role-seed": (ORGANIZATION, "get"),
    "organization:role-detail": (ROLE, "get"),
    "organization:role-delete": (ROLE, "post"),
    "validations:run-list": (ORGANIZATION, "get"),
    "validations:run-list-events": (ORGANIZATION, "get"),
    "validations:run-list-progress": (ORGANIZATION, "get"),
    "validations:upload": (ORGANIZATION, "get"),
    "validations:rules": (ORGANIZATION, "get"),
    "validations:profile-template": (ORGANIZATION, "get"),
    "validations:batch-detail": (BATCH, "get"),
    "validations:batch-events": (BATCH, "get"),
    "validations:batch-progress": (BATCH, "get"),
    "validations:batch-cancel": (BATCH, "post"),
    "validations:run-detail": (RUN, "get"),
    "validations:run-events": (RUN, "get"),
    "validations:run-progress": (RUN, "get"),
    "validations:run-findings-csv": (RUN, "get"),
    "validations:run-export": (RUN, "post"),
    "validations:export-detail": (EXPORT, "get"),
    "validations:export-events": (EXPORT, "get"),
    "validations:export-progress": (EXPORT, "get"),
    "validations:export-file": (EXPORT, "get"),
    "validations:export-cancel": (EXPORT, "post"),
    "validations:run-compare": (RUN, "get"),
    "validations:run-fixes": (RUN, "get"),
    "validations:run-decide": (RUN, "post"),
    "validations:run-check-corrected": (RUN, "post"),
    "validations:run-cancel": (RUN, "post"),
    "validations:run-retry": (RUN, "post"),
    "validations:run-again": (RUN, "post"),
    "validations:run-replaces": (RUN, "post"),
    "validations:run-delete": (RUN, "post"),
    "notifications:inbox": (OWN, "get"),
    "notifications:read-all": (OWN, "post"),
    # An endless answer; tests/notifications/test_live.py reads it.
    "notifications:events": (OWN, "stream"),
    "notifications:unread": (OWN, "get"),
    "notifications:open": (NOTICE, "get"),
    "notifications:read": (NOTICE, "post"),
    "api:openapi-json": (OPEN, "get"),
    "api:openapi-view": (OPEN, "get"),
    "api:api-root": (OPEN, "get"),
    "api:create_validation": (API_UPLOAD, "post"),
    "api:create_batch": (API_UPLOAD, "post"),
    "api:get_batch": (API_BATCH, "get"),
    "api:get_validation": (API_RUN, "get"),
    "api:list_findings": (API_RUN, "get"),
    "api:create_export": (API_RUN, "post"),
    "api:get_export": (API_EXPORT, "get"),
    "api:get_export_file": (API_EXPORT, "get"),
    "api:list_roles": (API_ORGANIZATION, "get"),
    "api:preview_seeding": (API_ORGANIZATION, "get"),
    "api:start_seeding": (API_ORGANIZATION, "post"),
    "api:get_seeding": (API_ORGANIZATION, "get"),
    "api:queue_stats": (OPERATORS, "get"),
    "api:queue_health": (OPERATORS, "get"),
    "api:queue_info": (OPERATORS, "get"),
    "api:analysis_totals": (OPERATORS, "get"),
    "api:analysis_tasks": (OPERATORS, "get"),
    "api:analysis_queues": (OPERATORS, "get"),
    "api:analysis_course": (OPERATORS, "get"),
    "api:analysis_workers": (OPERATORS, "get"),
    "api:analysis_failures": (OPERATORS, "get"),
    "api:analysis_errors": (OPERATORS, "get"),
    "api:analysis_slow": (OPERATORS, "get"),
    "api:get_job": (OPERATORS, "get"),
    "api:cancel_job": (OPERATORS, "delete"),
    "api:health_of_queues": (OPEN, "get"),
}
# All of these are for staff; tests/config/test_admin.py and test_dashboard.py (E03, E04) go through them.
STAFF = "admin:"
# Pages of the admin that everybody reaches: the way in.
STAFF_DOORS = {"admin:login", "admin:logout"}

# What the member of these tests may not do, whatever it is done to.
NOT_FOR_MEMBERS = {
    "validations:run-delete",
    "organization:role-detail",
    "organization:role-delete",
    "organization:key-revoke",
    "organization:member-change",
    "organization:member-remove",
    "organization:invitation-again",
    "organization:invitation-revoke",
}

ACTORS = ("anonymous", "stranger", "viewer", "member", "owner", "program")


def names_and_routes(resolver: Any = None, space: str = "", before: str = "") -> Iterator[tuple[str, str]]:
    """Name and route of every address, as `app:name` and the pattern from the root."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from names_and_routes(entry, inner, route)
        else:
            assert isinstance(entry, URLPattern)
            yield f"{space}{entry.name or ''}", route


def of_kind(*kinds: str) -> list[str]:
    return [name for name, (kind, _method) in KNOWN.items() if kind in kinds]


@dataclass(frozen=True)
class Foreign:
    """What belongs to the other organization."""

    organization: Organization
    run: ValidationRun
    notice: Notification
    export: Export
    batch: RunBatch
    key: ApiKey
    factor: Authenticator
    member: Membership
    invitation: Invitation


@pytest.fixture
def foreign(db: None) -> Foreign:
    place = factories.organization(name=f"Clinic {MARK}", slug=MARK)
    person = factories.member(place, "owner", email=f"{MARK}@example.com", full_name=MARK)
    run = factories.completed_run(place, person, file_name=f"{MARK}.csv")
    Profile.objects.create(
        organization=place, name=MARK, title_en=MARK, title_fr=MARK, descriptor=factories.profile().descriptor
    )
    Role.unscoped.create(organization=place, key=MARK, title=MARK)
    factories.api_key(place, person, MARK)
    batch = RunBatch.unscoped.create(organization=place, created_by=person, key=MARK)
    ValidationRun.unscoped.filter(pk=run.pk).update(batch=batch)
    key = ApiKey.unscoped.get(name=MARK)
    factor = Authenticator.objects.create(user=person, type="webauthn", data={"name": MARK, "credential": {}})
    invitation = factories.invitation(place, person, f"{MARK}@invited.example")
    member = Membership.unscoped.get(user=person)
    export = factories.made_export(run, person)
    return Foreign(place, run, told(place, person), export, batch, key, factor, member, invitation)


@pytest.fixture
def clients(organization: Organization, viewer: User, member: User, owner: User) -> dict[str, Client]:
    key = factories.api_key(organization, member, "Program")
    return {
        "anonymous": Client(),
        "stranger": signed_in(factories.user()),
        "viewer": signed_in(viewer),
        "member": signed_in(member),
        "owner": signed_in(owner),
        "program": Client(headers={"Authorization": f"Bearer {key}"}),
    }


def addresses(name: str, own: Organization, foreign: Foreign) -> list[tuple[str, str]]:
    """Addresses of foreign things, each beside that of a thing that never was."""
    kind, _method = KNOWN[name]
    pairs: list[tuple[list[Any], list[Any]]]
    rest = ["quebec-medical"] if name == "validations:profile-template" else []
    if kind == FACTOR:
        pairs = [([foreign.factor.pk], [10**9])]
    elif kind in (KEY, MEMBER, INVITATION):
        things = {KEY: foreign.key.pk, MEMBER: foreign.member.pk, INVITATION: foreign.invitation.pk}
        thing_id, none = things[kind], uuid4() if kind == INVITATION else 10**9
        pairs = [
            ([foreign.organization.slug, thing_id], [MADE_UP_SLUG, thing_id]),
            ([own.slug, thing_id], [own.slug, none]),
        ]
    elif kind == ROLE:
        pairs = [
            ([foreign.organization.slug, MARK], [MADE_UP_SLUG, MARK]),
            ([own.slug, MARK], [own.slug, "made-up"]),
        ]
    elif kind in (ORGANIZATION, API_ORGANIZATION):
        pairs = [([foreign.organization.slug, *rest], [MADE_UP_SLUG, *rest])]
    elif kind in (RUN, EXPORT, BATCH):
        run, made_up = str(foreign.batch.pk if kind == BATCH else foreign.run.pk), str(uuid4())
        more = [str(foreign.export.pk)] if kind == EXPORT else []
        pairs = [
            ([own.slug, run, *more], [own.slug, made_up, *more]),
            ([foreign.organization.slug, run, *more], [MADE_UP_SLUG, made_up, *more]),
            ([foreign.organization.slug, made_up, *more], [MADE_UP_SLUG, run, *more]),
        ]
    elif kind == API_EXPORT:
        pairs = [([str(foreign.run.pk), str(foreign.export.pk)], [str(uuid4()), str(uuid4())])]
    else:
        thing = {NOTICE: foreign.notice, API_BATCH: foreign.batch}.get(kind, foreign.run)
        pairs = [([str(thing.pk)], [str(uuid4())])]
    return [(reverse(name, args=one), reverse(name, args=other)) for one, other in pairs]


@dataclass(frozen=True)
class Seen:
    """What somebody could tell two answers apart by; the queries stand for the time that an answer takes."""

    status: int
    headers: str
    text: str
    queries: int


def body(name: str, method: str) -> dict[str, str]:
    """What is sent along, where an address reads it before it looks who asks for what."""
    sent = {
        ("api:create_export", "post"): {"format": "report-pdf"},
        ("api:start_seeding", "post"): {},
        ("api:get_seeding", "post"): {},
    }
    if (name, method) not in sent:
        return {}
    return {"data": json.dumps(sent[name, method]), "content_type": "application/json"}


def seen(client: Client, method: str, address: str, **sent: str) -> Seen:
    """An answer without what differs from request to request."""
    with CaptureQueriesContext(connection) as queries:
        response = getattr(client, method)(address, **sent)
    text = "" if response.streaming else response.content.decode()
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text).replace(address, "(address)")
    # Another one for each request.
    del response.headers["X-Request-ID"]
    headers = str(dict(response.headers)).replace(address, "(address)")
    headers = headers.replace(quote(address, safe=""), "(address)")
    return Seen(response.status_code, headers, text, len(queries))


def test_d01_every_address_of_the_site_is_known_to_these_tests() -> None:
    found = {name for name, _route in names_and_routes() if not name.startswith(STAFF)}
    assert found - set(KNOWN) == set(), "say in KNOWN how the border is kept at these addresses"
    assert set(KNOWN) - found == set(), "these addresses are no more"


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "name",
    of_kind(
        ORGANIZATION,
        ROLE,
        KEY,
        FACTOR,
        RUN,
        NOTICE,
        EXPORT,
        BATCH,
        API_ORGANIZATION,
        API_RUN,
        API_EXPORT,
        API_BATCH,
    ),
)
def test_d01_what_is_foreign_answers_like_what_never_was(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, name: str, method: str
) -> None:
    for actor, client in clients.items():
        pairs = addresses(name, organization, foreign)
        # The first request of a browser may write its session; it counts for none of the two.
        seen(client, method, pairs[0][1], **body(name, method))
        for theirs, nobodys in pairs:
            expected = seen(client, method, nobodys, **body(name, method))
            assert seen(client, method, theirs, **body(name, method)) == expected, (actor, theirs)
            assert expected.status in (302, 401, 403, 404, 405), actor
            assert MARK not in expected.text, actor


@pytest.mark.parametrize(
    "name", of_kind(ORGANIZATION, ROLE, KEY, MEMBER, INVITATION, RUN, NOTICE, EXPORT, BATCH)
)
def test_d01_people_of_another_organization_get_404_and_change_nothing(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, name: str
) -> None:
    method = KNOWN[name][1]
    for actor in ("stranger", "member", "owner"):
        for theirs, _nobodys in addresses(name, organization, foreign):
            expected = (
                403
                if actor == "member"
                and name in NOT_FOR_MEMBERS
                and theirs.startswith(f"/o/{organization.slug}/")
                else 404
            )
            if actor == "stranger":
                expected = 404
            assert getattr(clients[actor], method)(theirs).status_code == expected, (actor, theirs)
    assert ValidationRun.unscoped.filter(pk=foreign.run.pk, status=foreign.run.status).exists()
    assert Notification.unscoped.filter(pk=foreign.notice.pk, read_at=None).exists()
    assert ApiKey.unscoped.filter(pk=foreign.key.pk, revoked_at=None).exists()
    assert Membership.unscoped.filter(pk=foreign.member.pk, role=foreign.member.role).exists()
    assert Invitation.unscoped.filter(pk=foreign.invitation.pk, revoked_at=None).exists()


@pytest.mark.parametrize("name", of_kind(API_ORGANIZATION, API_RUN, API_EXPORT, API_BATCH))
def test_d01_programs_and_people_get_404_for_what_is_foreign_in_the_api(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, name: str
) -> None:
    ((theirs, _nobodys),) = addresses(name, organization, foreign)
    method = KNOWN[name][1]
    found = {
        actor: getattr(client, method)(theirs, **body(name, method)).status_code
        for actor, client in clients.items()
    }
    assert found == dict.fromkeys(ACTORS, 404) | {"anonymous": 401}


@pytest.mark.parametrize("name", [name for name in of_kind(OWN, OPEN) if KNOWN[name][1] == "get"])
def test_d01_pages_without_an_id_show_nothing_foreign(
    clients: dict[str, Client], foreign: Foreign, name: str
) -> None:
    for actor, client in clients.items():
        response = client.get(reverse(name), follow=True)
        # Without a living worker the public health of the queues is 503, to everybody.
        down = 503 if name == "api:health_of_queues" else 200
        assert response.status_code in (200, 401, 403, 404, down), actor
        assert MARK not in response.content.decode(), actor


@pytest.mark.parametrize("name", ["run-list", "run-list-progress", "upload", "rules"])
def test_d01_pages_of_ones_own_organization_show_nothing_foreign(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, name: str
) -> None:
    address = reverse(f"validations:{name}", args=[organization.slug])
    for query in ({}, {"q": MARK}, {"replaces": str(foreign.run.pk)}, {"organization": MARK}):
        response = clients["owner"].get(address, query)
        assert response.status_code == 200
        shown = response.content.decode().replace(f'value="{MARK}"', "").replace(f"q={MARK}", "")
        assert MARK not in shown.replace(f"?organization={MARK}", ""), query


@pytest.mark.parametrize("profile", [MARK, "made-up"])
def test_d01_a_foreign_profile_in_a_form_is_refused_like_one_that_never_was(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, profile: str
) -> None:
    fields = {"profile": profile, "key": str(uuid4())}
    address = reverse("validations:upload", args=[organization.slug])
    response = clients["member"].post(address, {**fields, "files": factories.upload()})
    assert response.status_code == 422
    answered = clients["program"].post("/api/validations", {"file": factories.upload(), "profile": profile})
    assert (answered.status_code, answered.json()["code"]) == (422, "profile-unknown")
    assert ValidationRun.objects.for_organization(organization).count() == 0


@pytest.mark.parametrize("slug", [MARK, MADE_UP_SLUG])
def test_d01_an_upload_into_a_foreign_organization_stores_nothing(
    clients: dict[str, Client], organization: Organization, foreign: Foreign, slug: str
) -> None:
    before = ValidationRun.unscoped.count()
    for actor, client in clients.items():
        if actor != "program":
            address = f"/o/{slug}/upload/"
            response = client.post(address, {"files": factories.upload(), "profile": "quebec-medical"})
            assert response.status_code == (302 if actor == "anonymous" else 404), actor
            answered = client.post("/api/validations", {"file": factories.upload(), "organization": slug})
            assert answered.status_code == (401 if actor == "anonymous" else 404), actor
    assert ValidationRun.unscoped.count() == before


def test_d01_e03_no_address_for_staff_opens_for_anybody_else(
    clients: dict[str, Client], foreign: Foreign
) -> None:
    for address in staff_addresses(foreign):
        for actor, client in clients.items():
            response = client.get(address)
            assert response.status_code in (302, 403), (actor, address)
            assert MARK not in response.content.decode().replace(address, ""), (actor, address)


def staff_addresses(foreign: Foreign) -> list[str]:
    """Every address of the admin, with the foreign run's id where it takes one."""
    routes = {
        route for name, route in names_and_routes() if name.startswith(STAFF) and name not in STAFF_DOORS
    }
    return sorted("/" + with_arguments(route, str(foreign.run.pk)) for route in routes)


def with_arguments(route: str, text: str) -> str:
    """The route as an address: numbers are 0, everything else is the text."""
    plain = re.sub(r"\(\?P<app_label>[^)]*\)", "jobs", route)
    plain = re.sub(r"\(\?P<url>[^)]*\)", "nowhere", plain)
    plain = plain.replace("^", "").replace("$", "").replace("/?", "").replace("\\.", ".")
    plain = re.sub(r"<int:\w+>", "0", plain)
    return re.sub(r"<(?:\w+:)?\w+>", text, plain)
