"""What earlier runs hold, handed to the rules that look back at them."""

from typing import Any

import pytest

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import services
from validations.models import Finding, LogEntry, ResultSet, RunStatus, ValidationRun

HEADER = "Facture;ID RAMQ;Date de Service;Lieu;Code;Montant Preliminaire;Montant payé;Doctor Info;Patient\r\n"
LINE = (
    "123456789;12345678901;{day};50137;{code};22,75;{paid};1632084-12345 Roy;TREM80010112 Tremblay Marie\r\n"
)


@pytest.fixture(autouse=True)
def in_autumn(settings: Any) -> None:
    settings.DEFAULT_PROFILE = "quebec-medical"


def content(
    *, day: str = "2026-11-03", code: str = "15804", paid: str = "22,75", record: str = "12345678901"
) -> bytes:
    return (HEADER + LINE.format(day=day, code=code, paid=paid).replace("12345678901", record)).encode()


def checked(organization: Organization, member: User, text: bytes) -> ValidationRun:
    run = factories.sent_run(organization, member, text)
    drain()
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED
    return run


def codes(run: ValidationRun) -> set[str]:
    return set(Finding.unscoped.filter(result_id=run.result_id).values_list("code", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_line_sent_in_an_accepted_file_is_told_in_the_next_one(
    organization: Organization, member: User
) -> None:
    first = checked(organization, member, content())
    assert "already-billed" not in codes(first)
    second = checked(organization, member, content())
    found = Finding.unscoped.get(result_id=second.result_id, code="already-billed")
    assert (found.params["run_id"], found.params["earlier_line"]) == (str(first.pk), 2)
    assert LogEntry.unscoped.get(run=second, code="earlier-read").params == {"records": 1}


@pytest.mark.django_db(transaction=True)
def test_a_corrected_file_may_hold_the_lines_of_the_refused_one(
    organization: Organization, member: User
) -> None:
    refused = checked(organization, member, content() + b"x;12345678902;2026-11-03;;;1;1;;\r\n")
    assert refused.verdict == "refused"
    assert "already-billed" not in codes(checked(organization, member, content()))


@pytest.mark.django_db(transaction=True)
def test_running_a_file_again_does_not_bill_it_again(organization: Organization, member: User) -> None:
    run = factories.sent_run(organization, member, content())
    ValidationRun.unscoped.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    again = services.run_again(run=run, by=member, options={}, profile=run.profile)
    drain()
    assert "already-billed" not in codes(ValidationRun.unscoped.get(pk=again.pk))


@pytest.mark.django_db(transaction=True)
def test_d01_lines_of_another_organization_are_never_looked_at(
    organization: Organization, other_organization: Organization, member: User
) -> None:
    outsider = factories.member(other_organization)
    checked(other_organization, outsider, content())
    run = checked(organization, member, content())
    assert "already-billed" not in codes(run)
    assert not LogEntry.unscoped.filter(run=run, code="earlier-read").exists()


@pytest.mark.django_db(transaction=True)
def test_an_annual_act_of_an_earlier_file_counts(organization: Organization, member: User) -> None:
    checked(organization, member, content(code="15815", day="2026-10-20"))
    run = checked(organization, member, content(code="15815", record="12345678909"))
    assert {"annual"} <= codes(run)
    assert "already-billed" not in codes(run)


@pytest.mark.django_db(transaction=True)
def test_a_result_of_other_days_is_not_opened(organization: Organization, member: User) -> None:
    checked(organization, member, content(day="2026-10-20"))
    assert [str(day) for day in ResultSet.unscoped.values_list("first_day", "last_day")[0]] == [
        "2026-10-20"
    ] * 2
    run = checked(organization, member, content(record="12345678909"))
    assert not LogEntry.unscoped.filter(run=run, code="earlier-read").exists()
