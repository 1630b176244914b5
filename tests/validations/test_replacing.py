"""A corrected file takes the place of the one it corrects, and its lines do not count as billed."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import services
from validations.comparing import previous_run
from validations.models import Finding, RunStatus, ValidationRun
from validations.replacing import likely_replaced, replaced_by

HEADER = "Facture;ID RAMQ;Date de Service;Lieu;Code;Montant Preliminaire;Montant payé;Doctor Info;Patient\r\n"
LINE = "12345678{n};1234567890{n};2026-11-03;50137;{code};22,75;22,75;1632084-12345 Roy;TREM80010112 Tremblay\r\n"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def in_autumn(settings: Any) -> None:
    settings.DEFAULT_PROFILE = "quebec-medical"


def content(*records: int, extra: str = "") -> bytes:
    return (HEADER + "".join(LINE.format(n=n, code="15804") for n in records) + extra).encode()


def checked(place: Organization, by: User, text: bytes, **fields: Any) -> ValidationRun:
    run = factories.sent_run(place, by, text, **fields)
    drain()
    return ValidationRun.unscoped.select_related("profile", "organization", "replaces").get(pk=run.pk)


def billed(run: ValidationRun) -> int:
    return Finding.unscoped.filter(result_id=run.result_id, code="already-billed").count()


def latest() -> ValidationRun:
    drain()
    run = ValidationRun.unscoped.latest("created_at")
    assert run.status == RunStatus.COMPLETED
    return run


@pytest.fixture
def first(organization: Organization, member: User) -> ValidationRun:
    """A file that was accepted, and could still be better."""
    return checked(organization, member, content(1, 2, 3, 4))


def page_of(run: ValidationRun, client: Client) -> str:
    return client.get(
        reverse("validations:run-detail", args=[run.organization.slug, run.pk])
    ).content.decode()


def test_the_corrected_file_is_sent_from_the_page_of_the_run(
    organization: Organization, member: User, member_client: Client
) -> None:
    with_point = LINE.format(n=4, code="15804").replace("22,75", "22.75")
    first = checked(organization, member, content(1, 2, 3, extra=with_point))
    assert first.verdict == "accepted_with_warnings"
    link = re.search(r'href="([^"]+replaces=[^"]+)"', page_of(first, member_client))
    assert link
    form = member_client.get(link[1].replace("&amp;", "&")).content.decode()
    assert "replaces “" in form
    fields = {name: re.findall(f'name="{name}" value="([^"]+)"', form)[0] for name in ("key", "replaces")}
    fields["profile"] = "quebec-medical"
    address = reverse("validations:upload", args=[organization.slug])
    member_client.post(address, {**fields, "files": [factories.upload(content(1, 2, 3), "other.csv")]})
    run = latest()
    assert (run.replaces, billed(run), previous_run(run)) == (first, 0, first)
    assert "do not count as billed" in page_of(run, member_client)


def test_a_corrected_file_that_was_sent_like_any_other_is_told_and_checked_again_by_one_click(
    first: ValidationRun, organization: Organization, member: User, member_client: Client
) -> None:
    resent = checked(organization, member, content(1, 2, 3))
    assert (billed(resent), likely_replaced(resent)) == (3, first)
    assert "Is this the corrected version of" in page_of(resent, member_client)
    member_client.post(reverse("validations:run-replaces", args=[organization.slug, resent.pk]))
    again = latest()
    assert (again.repeats, again.replaces, billed(again)) == (resent, first, 0)
    assert replaced_by(again) == {first.pk, resent.pk}


def test_it_is_checked_from_its_table_where_the_file_is_no_longer_stored(
    first: ValidationRun, organization: Organization, member: User
) -> None:
    resent = checked(organization, member, content(1, 2, 3))
    resent.file.delete()
    services.check_as_replacement(run=resent, earlier=first, by=member)
    again = latest()
    assert (again.rows_total, billed(again), again.replaces) == (3, 0, first)


def test_a_file_that_shares_a_few_lines_with_an_earlier_one_is_no_corrected_version(
    first: ValidationRun, organization: Organization, member: User, member_client: Client
) -> None:
    run = checked(organization, member, content(4, 5, 6, 7))
    assert (billed(run), likely_replaced(run)) == (1, None)
    member_client.post(reverse("validations:run-replaces", args=[organization.slug, run.pk]))
    assert ValidationRun.unscoped.count() == 2


def test_a_file_that_is_corrected_once_more_from_its_first_page_replaces_the_first_correction_too(
    first: ValidationRun, organization: Organization, member: User
) -> None:
    second = checked(organization, member, content(1, 2, 3), replaces=first)
    third = checked(organization, member, content(1, 2), replaces=first)
    assert (billed(third), replaced_by(third)) == (0, {first.pk, second.pk})


def test_the_file_with_most_of_the_lines_is_asked_about_and_no_mixture(
    organization: Organization, member: User
) -> None:
    checked(organization, member, content(1))
    larger = checked(organization, member, content(2, 3, 4))
    assert likely_replaced(checked(organization, member, content(1, 2, 3, 4))) == larger
    checked(organization, member, content(5, 6))
    assert likely_replaced(checked(organization, member, content(1, 2, 5, 7, 8))) is None


def test_what_replaces_a_replacement_replaces_the_first_file_too(
    first: ValidationRun, organization: Organization, member: User
) -> None:
    second = checked(organization, member, content(1, 2, 3), replaces=first)
    third = checked(organization, member, content(1, 2), replaces=second)
    assert (billed(second), billed(third)) == (0, 0)
    assert replaced_by(third) == {first.pk, second.pk}


def test_a_program_names_the_validation_that_its_file_corrects(
    first: ValidationRun, organization: Organization, member: User, client: Client
) -> None:
    headers = {"Authorization": f"Bearer {factories.api_key(organization, member, 'Program')}"}
    data = {"file": factories.upload(content(1), "a.csv"), "replaces": str(first.pk)}
    assert client.post("/api/validations", data, headers=headers).status_code == 202
    assert (latest().replaces, billed(latest())) == (first, 0)


def test_d01_no_file_replaces_one_of_another_organization(
    first: ValidationRun, other_organization: Organization
) -> None:
    outsider = factories.member(other_organization)
    headers = {"Authorization": f"Bearer {factories.api_key(other_organization, outsider, 'Program')}"}
    data = {"file": factories.upload(content(1), "a.csv"), "replaces": str(first.pk)}
    assert Client().post("/api/validations", data, headers=headers).status_code == 404
    outside = Client()
    outside.force_login(outsider, backend="organizations.backends.EmailBackend")
    address = reverse("validations:upload", args=[other_organization.slug])
    form = outside.get(f"{address}?replaces={first.pk}").content.decode()
    assert "replaces “" not in form
    key = re.findall('name="key" value="([^"]+)"', form)[0]
    fields = {"key": key, "profile": "quebec-medical", "replaces": str(first.pk)}
    answer = outside.post(address, {**fields, "files": [factories.upload(content(1), "a.csv")]})
    assert answer.status_code == 422
    assert ValidationRun.unscoped.count() == 1


def test_one_corrected_file_replaces_one_file(
    first: ValidationRun, organization: Organization, member_client: Client
) -> None:
    address = reverse("validations:upload", args=[organization.slug])
    key = re.findall('name="key" value="([^"]+)"', member_client.get(address).content.decode())[0]
    files = [factories.upload(content(n), f"{n}.csv") for n in (1, 2)]
    fields = {"key": key, "profile": "quebec-medical", "replaces": str(first.pk)}
    answer = member_client.post(address, {**fields, "files": files})
    assert answer.status_code == 422
    assert "replaces one file" in answer.content.decode()
