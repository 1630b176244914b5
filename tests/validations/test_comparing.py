"""Two runs side by side: fixed, new, still there."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import comparing
from validations.models import Comparison, Finding, ValidationRun

HEADER = "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient"
ROW = (
    "{invoice};1234567890{n};2026-11-03;{place};00103;{amount};1632084-12345 Roy;TREM80010112 Tremblay Marie"
)


def line(n: int, *, invoice: str = "100000001", place: str = "51234", amount: str = "47,05") -> str:
    return ROW.format(n=n, invoice=invoice, place=place, amount=amount)


def checked(organization: Organization, member: User, *rows: str, name: str = "mars.csv") -> ValidationRun:
    content = "\r\n".join([HEADER, *rows]).encode()
    run = factories.sent_run(organization, member, content, upload=factories.upload(content, name))
    drain()
    run.refresh_from_db()
    return run


@pytest.fixture
def before(organization: Organization, member: User) -> ValidationRun:
    run = checked(
        organization, member, line(1, place="x"), line(2, amount="abc"), line(3, invoice=""), line(4)
    )
    ValidationRun.unscoped.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(days=1))
    run.refresh_from_db()
    return run


@pytest.fixture
def after(before: ValidationRun, organization: Organization, member: User) -> ValidationRun:
    """The amount was fixed, a place is wrong that was right, and the rows stand in another order."""
    return checked(organization, member, line(4, place="y"), line(3, invoice=""), line(2), line(1, place="x"))


def changes(run: ValidationRun, earlier: ValidationRun) -> tuple[comparing.RuleChange, ...]:
    return comparing.changes_of(comparing.comparison_of(run, earlier))


def sums(run: ValidationRun, earlier: ValidationRun) -> dict[str, tuple[int, int, int]]:
    return {c.code: (c.fixed, c.new, c.still) for c in changes(run, earlier)}


def test_each_finding_is_fixed_new_or_still_there(before: ValidationRun, after: ValidationRun) -> None:
    found = sums(after, before)
    assert found["money-format"] == (1, 0, 0)
    assert found["required"] == (0, 0, 1)
    assert found["constraint-error"] == (0, 1, 1)


def test_the_sums_agree_with_the_findings_of_both_runs(before: ValidationRun, after: ValidationRun) -> None:
    found = changes(after, before)
    now, then = (Finding.unscoped.filter(result=run.result_id).count() for run in (after, before))
    assert sum(change.new + change.still for change in found) == now
    assert sum(change.fixed + change.still for change in found) == then


def test_the_lists_hold_the_findings_that_were_counted(before: ValidationRun, after: ValidationRun) -> None:
    compared = comparing.comparison_of(after, before)
    for change in changes(after, before):
        for kind in comparing.KINDS:
            page = comparing.compared_page(compared, change, kind, page=1, per_page=25)
            assert len(page.items) == getattr(change, kind), (change.code, kind)
    places = next(c for c in changes(after, before) if c.code == "constraint-error")
    new = comparing.compared_page(compared, places, "new", page=1, per_page=25)
    assert [finding.value for finding in new.items] == ["y"]


def test_the_worker_counts_against_the_run_before(before: ValidationRun, after: ValidationRun) -> None:
    kept = Comparison.unscoped.get(run=after)
    assert kept.earlier_id == before.pk


def test_the_run_before_is_the_repeated_one_else_of_the_same_name_else_of_the_same_columns(
    before: ValidationRun, organization: Organization, member: User
) -> None:
    other = checked(organization, member, line(1), name="avril.csv")
    again = checked(organization, member, line(1), name="mars.csv")
    assert comparing.previous_run(other) == before
    assert comparing.previous_run(again) == before
    ValidationRun.unscoped.filter(pk=again.pk).update(repeats=other)
    again.refresh_from_db()
    assert comparing.previous_run(again) == other


def test_a_file_of_another_kind_is_compared_with_nothing(
    before: ValidationRun, organization: Organization, member: User
) -> None:
    content = b"Facture;Montant\r\n100000001;1,00\r\n"
    run = factories.sent_run(organization, member, content, upload=factories.upload(content, "autre.csv"))
    drain()
    run.refresh_from_db()
    assert comparing.previous_run(run) is None


def test_runs_from_before_findings_had_keys_are_not_compared(
    member_client: Client, before: ValidationRun, after: ValidationRun
) -> None:
    Finding.unscoped.filter(result=before.result_id).update(key=None)
    assert not comparing.is_comparable(before)
    assert "cannot be compared" in shown(member_client, after)


def shown(client: Client, run: ValidationRun, **query: str) -> str:
    address = reverse("validations:run-compare", args=[run.organization.slug, run.pk])
    response = client.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_counts_by_rule_and_lists_what_is_new(
    member_client: Client, before: ValidationRun, after: ValidationRun
) -> None:
    page = shown(member_client, after)
    assert "What has changed" in page
    listed = page[page.index('id="list"') :]
    assert ">y<" in listed
    assert ">x<" not in listed
    assert ">abc<" in shown(member_client, after, kind="fixed", code="money-format", severity="error")


def test_the_page_of_the_run_says_what_has_changed(
    member_client: Client, before: ValidationRun, after: ValidationRun
) -> None:
    fixed = sum(change.fixed for change in changes(after, before))
    page = member_client.get(reverse("validations:run-detail", args=["erables", after.pk])).content.decode()
    assert f"{fixed} fixed" in page
    assert "See what has changed" in page


def test_a_first_run_says_that_there_is_nothing_to_compare_with(
    member_client: Client, before: ValidationRun
) -> None:
    assert "Nothing to compare with yet" in shown(member_client, before)


def test_d05_runs_of_another_organization_are_never_compared(
    member_client: Client, after: ValidationRun, other_organization: Organization, outsider: User
) -> None:
    foreign = checked(other_organization, outsider, line(1))
    ValidationRun.unscoped.filter(pk=foreign.pk).update(created_at=timezone.now() - timedelta(days=2))
    address = reverse("validations:run-compare", args=["erables", after.pk])
    for wanted in (str(foreign.pk), str(uuid.uuid4()), "x", str(after.pk)):
        assert member_client.get(address, {"with": wanted}).status_code == 404, wanted
    assert str(foreign.pk) not in shown(member_client, after)


def test_b08_nonsense_in_the_address_is_as_if_it_were_not_there(
    member_client: Client, after: ValidationRun
) -> None:
    shown(member_client, after, kind="password", code="' OR 1=1 --", severity="%", page="-1")
    shown(member_client, after, page="9" * 40)
