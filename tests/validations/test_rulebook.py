"""The page that explains each rule."""

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.validations.test_staffrules import FIELDS
from validations.engine import texts
from validations.engine.examples import EXAMPLES
from validations.models import Profile, StaffRule
from validations.rulebook import address_for_run


def address(organization: Organization, profile: str = "quebec-medical") -> str:
    return f"{reverse('validations:rules', args=[organization.slug])}?profile={profile}"


def test_every_code_has_an_example_in_both_languages() -> None:
    assert set(EXAMPLES) == set(texts.known_codes())
    for example in EXAMPLES.values():
        assert all([example.wrong.en, example.wrong.fr, example.right.en, example.right.fr])


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_rule_is_explained_under_an_anchor_of_its_own(
    organization: Organization, viewer_client: Client, language: str
) -> None:
    viewer_client.cookies["language"] = language
    page = viewer_client.get(address(organization), headers={"accept-language": language}).content.decode()
    for code in texts.known_codes():
        assert page.count(f'id="{code}"') == 1


def test_severity_and_numbers_are_those_of_the_organizations_own_profile(
    organization: Organization, viewer_client: Client
) -> None:
    descriptor = dict(factories.profile().descriptor)
    numbers = [{"value": 9900, "from": "2026-01-01", "source": "Letter 12"}]
    descriptor["rules"] = {"money-range": {"severity": "warning", "maximum_cents": numbers}, "paid": "off"}
    Profile.objects.create(
        organization=organization,
        name="quebec-medical",
        title_en="Ours",
        title_fr="Le nôtre",
        descriptor=descriptor,
    )
    chapters = viewer_client.get(address(organization)).context["chapters"]
    entries = {entry.code: entry for _heading, found in chapters for entry in found}
    assert (entries["money-range"].severity, entries["paid"].severity) == ("warning", "off")
    maximum = entries["money-range"].settings[1]
    assert (maximum.value, maximum.source) == ("$99.00 (2026-01-01 – …)", "Letter 12")


def test_own_rules_are_explained_to_their_organization_only(
    organization: Organization, other_organization: Organization, viewer_client: Client, outsider: User
) -> None:
    StaffRule.objects.create(**FIELDS, organization=organization, is_on=True)
    assert 'id="own-dear"' in viewer_client.get(address(organization)).content.decode()
    theirs = signed_in(outsider).get(address(other_organization)).content.decode()
    assert "own-dear" not in theirs


def test_d01_outsiders_and_unknown_profiles_get_404(
    organization: Organization, outsider_client: Client, viewer_client: Client
) -> None:
    assert outsider_client.get(address(organization)).status_code == 404
    assert viewer_client.get(address(organization, "made-up")).status_code == 404


def test_the_address_of_a_rule_leads_to_its_anchor(organization: Organization, viewer_client: Client) -> None:
    found = address_for_run(factories.run(organization), "annual")
    assert found == f"/o/{organization.slug}/rules/?profile=quebec-medical#annual"
    assert viewer_client.get(found.partition("#")[0]).status_code == 200
