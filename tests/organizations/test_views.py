"""The way in, the way home, and what people decide about themselves."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation

from organizations.models import Membership, Organization, User
from tests import factories
from tests.conftest import signed_in

SIGN_IN = "/sign-in/"
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "http:evil.example",
]


def test_people_sign_in_by_address_in_any_case(client: Client, member: User) -> None:
    response = client.post(SIGN_IN, {"login": member.email.upper(), "password": factories.PASSWORD})
    assert response["Location"] == reverse("organizations:home")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Client, member: User) -> None:
    texts = []
    for email in (member.email, "nobody@example.com"):
        response = client.post(SIGN_IN, {"login": email, "password": "wrong"})
        texts.append("The e-mail address or the password is not right." in response.content.decode())
    assert texts == [True, True]


def test_password_managers_find_their_fields(client: Client, db: None) -> None:
    page = client.get(SIGN_IN).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page


@pytest.mark.parametrize("address", ELSEWHERE)
def test_e06_sign_in_leads_to_no_other_site(client: Client, member: User, address: str) -> None:
    response = client.post(SIGN_IN, {"login": member.email, "password": factories.PASSWORD, "next": address})
    assert response["Location"] == reverse("organizations:home")


def test_sign_in_leads_back_to_where_the_person_was_going(client: Client, member: User) -> None:
    data = {"login": member.email, "password": factories.PASSWORD, "next": "/preferences/"}
    assert client.post(SIGN_IN, data)["Location"] == "/preferences/"


def test_e06_pages_may_not_be_framed(client: Client, db: None) -> None:
    assert client.get(SIGN_IN)["X-Frame-Options"] == "DENY"


def test_signing_out_takes_a_post(member_client: Client) -> None:
    assert member_client.get("/sign-out/").status_code == 200
    assert member_client.get("/preferences/").status_code == 200
    assert member_client.post("/sign-out/")["Location"] == SIGN_IN
    assert member_client.get("/preferences/").status_code == 302


def test_home_leads_to_the_runs_of_the_organization(
    member_client: Client, organization: Organization
) -> None:
    assert member_client.get("/")["Location"] == f"/o/{organization.slug}/"


def test_home_remembers_the_organization_last_looked_at(
    member: User, organization: Organization, other_organization: Organization
) -> None:
    Membership.unscoped.create(organization=other_organization, user=member, role="member")
    client = signed_in(member)
    client.get(f"/o/{other_organization.slug}/")
    assert client.get("/")["Location"] == f"/o/{other_organization.slug}/"
    Membership.unscoped.filter(organization=other_organization, user=member).delete()
    assert client.get("/")["Location"] == f"/o/{organization.slug}/"


def test_pages_of_no_organization_lead_back_to_the_last_one(
    member_client: Client, organization: Organization
) -> None:
    runs = f'href="/o/{organization.slug}/"'
    assert runs not in member_client.get("/preferences/").content.decode()
    member_client.get(f"/o/{organization.slug}/")
    assert runs in member_client.get("/preferences/").content.decode()


def test_a_person_without_an_organization_is_told_whom_to_ask(db: None) -> None:
    page = signed_in(factories.user(email="lone@example.com")).get("/").content.decode()
    assert "You are not in an organization yet" in page
    assert "lone@example.com" in page


def test_members_of_several_organizations_can_switch(
    member: User, organization: Organization, other_organization: Organization
) -> None:
    Membership.unscoped.create(organization=other_organization, user=member, role="viewer")
    page = signed_in(member).get(f"/o/{organization.slug}/").content.decode()
    assert f'href="/o/{other_organization.slug}/"' in page


def test_preferences_are_kept_and_answered_in_the_language_chosen(
    member: User, member_client: Client
) -> None:
    data = {"full_name": "Marie Gagné", "language": "fr", "time_zone": "Europe/Paris"}
    response = member_client.post("/preferences/", data, follow=True)
    member.refresh_from_db()
    assert (member.full_name, member.language, member.time_zone) == ("Marie Gagné", "fr", "Europe/Paris")
    assert "Vos préférences sont enregistrées." in response.content.decode()


def test_a_made_up_time_zone_is_refused(member: User, member_client: Client) -> None:
    response = member_client.post(
        "/preferences/", {"full_name": "", "language": "", "time_zone": "Mars/Olympus"}
    )
    member.refresh_from_db()
    assert response.status_code == 422
    assert member.time_zone == ""


def test_preferences_change_nobodys_rights(member: User, member_client: Client) -> None:
    member_client.post(
        "/preferences/", {"full_name": "x", "is_staff": "on", "is_superuser": "on", "email": "a@b.c"}
    )
    member.refresh_from_db()
    assert not member.is_staff
    assert member.email == "member@erables.example"


def test_the_language_switch_keeps_the_page_and_its_filters(member: User, member_client: Client) -> None:
    address = "/o/erables/?status=failed&q=mars"
    response = member_client.post("/language/", {"language": "fr", "next": address})
    member.refresh_from_db()
    assert response["Location"] == address
    assert member.language == "fr"
    assert '<html lang="fr">' in member_client.get(address).content.decode()


def test_visitors_keep_their_language_in_the_browser(client: Client, db: None) -> None:
    client.post("/language/", {"language": "fr", "next": SIGN_IN})
    assert '<html lang="fr">' in client.get(SIGN_IN).content.decode()


@pytest.mark.parametrize("address", ELSEWHERE)
def test_e06_the_language_switch_leads_to_no_other_site(client: Client, db: None, address: str) -> None:
    response = client.post("/language/", {"language": "fr", "next": address})
    assert response["Location"] == reverse("organizations:home")


def test_an_unknown_language_changes_nothing(member: User, member_client: Client) -> None:
    member_client.post("/language/", {"language": "../xx", "next": "/"})
    member.refresh_from_db()
    assert member.language == ""


def test_the_language_switch_takes_a_post(client: Client, db: None) -> None:
    assert client.get("/language/").status_code == 405


@pytest.mark.parametrize(
    ("language", "title"), [("en", "This page does not exist"), ("fr", "Cette page n’existe pas")]
)
def test_a_page_that_does_not_exist_says_so_in_the_readers_language(
    client: Client, db: None, language: str, title: str
) -> None:
    response = client.get("/o/nobody/", headers={"Accept-Language": language}, follow=True)
    assert response.status_code == 200
    response = client.get("/nowhere/", headers={"Accept-Language": language})
    assert response.status_code == 404
    assert title in response.content.decode()


def test_the_page_for_our_own_errors_needs_no_database_and_no_request() -> None:
    with translation.override("fr"):
        assert "Un problème est survenu de notre côté" in render_to_string("500.html")
