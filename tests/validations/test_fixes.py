"""Proposed fixes: classed, accepted, taken back, and written into a corrected file that is checked as a new run."""

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization, User
from tests import factories
from tests.support.jobs import drain
from validations import fixes, rebuilding, services
from validations.fixes import Decisions
from validations.models import Finding, FixDecision, LogEntry, RunStatus, ValidationRun
from validations.veil import OPEN

HEADER = "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient"
ROW = "10000000{n};1234567890{n};{day};51234;00103;{amount};1632084-12345 Roy;TREM80010112 Tremblay Marie"


def line(n: int, day: str = "2026-11-03", amount: str = "47,05") -> str:
    return ROW.format(n=n, day=day, amount=amount)


FILE = [line(1, amount="12.50"), line(2, amount="13.50"), line(3, day="25/10/2026"), f" {line(4)}", line(5)]


@pytest.fixture
def run(organization: Organization, member: User) -> ValidationRun:
    """A checked file with two decimal points, a date unlike its column, and a space before an invoice."""
    content = "\r\n".join([HEADER, *FILE]).encode("cp1252")
    sent = factories.sent_run(organization, member, content, upload=factories.upload(content, "mars.csv"))
    drain()
    sent.refresh_from_db()
    return sent


def accept(
    run: ValidationRun, by: User, *codes: str, finding: Finding | None = None, is_accepted: bool = True
) -> int:
    return services.decide_fixes(run=run, by=by, codes=codes, is_accepted=is_accepted, finding=finding)


def points(run: ValidationRun) -> list[Finding]:
    return list(fixes.proposed(run).filter(code="money-format").order_by("line"))


def test_the_rules_tell_how_many_cells_they_would_change_the_safe_ones_first(run: ValidationRun) -> None:
    found = fixes.fix_counts(run)
    assert found == {"money-format": 2, "date-format": 1, "value-normalized": 1}
    assert all(rule.is_safe for rule in fixes.fixes_by_rule(run, Decisions.of(run), OPEN))


def test_nothing_is_changed_unless_somebody_accepts_it(run: ValidationRun) -> None:
    table = list(rebuilding.table_of(run))
    assert list(rebuilding.table_of(run, fixes.changes_of(run, Decisions.of(run)))) == table


def test_a_rule_is_accepted_with_one_decision(run: ValidationRun, member: User) -> None:
    assert accept(run, member, "money-format") == 2
    rows = list(rebuilding.table_of(run, fixes.changes_of(run, Decisions.of(run))))
    assert [row[5] for row in rows[1:3]] == ["12,50", "13,50"]
    assert rows[3][2] == "25/10/2026"


def test_a_decision_about_one_finding_stands_above_the_one_about_its_rule(
    run: ValidationRun, member: User
) -> None:
    accept(run, member, "money-format")
    accept(run, member, "money-format", finding=points(run)[0], is_accepted=False)
    decisions = Decisions.of(run)
    rows = list(rebuilding.table_of(run, fixes.changes_of(run, decisions)))
    assert [row[5] for row in rows[1:3]] == ["12.50", "13,50"]
    assert fixes.accepted_count(run, decisions) == 1


def test_one_finding_is_accepted_alone_and_taken_back(run: ValidationRun, member: User) -> None:
    accept(run, member, "money-format", finding=points(run)[1])
    assert fixes.accepted_count(run, Decisions.of(run)) == 1
    accept(run, member, "money-format", finding=points(run)[1], is_accepted=False)
    assert fixes.accepted_count(run, Decisions.of(run)) == 0


def test_taking_a_rule_back_takes_back_its_findings_too(run: ValidationRun, member: User) -> None:
    accept(run, member, "money-format", finding=points(run)[0])
    accept(run, member, "money-format", is_accepted=False)
    assert not Decisions.of(run)


def test_cells_read_in_another_form_are_written_in_the_plain_one(run: ValidationRun, member: User) -> None:
    accept(run, member, "value-normalized")
    rows = list(rebuilding.table_of(run, fixes.changes_of(run, Decisions.of(run))))
    assert [row[0] for row in rows[1:]] == [f"10000000{n}" for n in range(1, 6)]


def test_every_decision_stands_in_the_log_of_the_run_without_a_cell(run: ValidationRun, member: User) -> None:
    accept(run, member, "money-format")
    accept(run, member, "money-format", is_accepted=False)
    entries = LogEntry.unscoped.filter(run=run, code__startswith="fixes-").order_by("id")
    assert [(entry.code, entry.params) for entry in entries] == [
        ("fixes-accepted", {"rule": "money-format", "count": 2, "user_id": member.pk}),
        ("fixes-undone", {"rule": "money-format", "count": 2, "user_id": member.pk}),
    ]


def test_a_rule_without_fixes_cannot_be_accepted(run: ValidationRun, member: User) -> None:
    assert accept(run, member, "required", "made-up") == 0
    assert not FixDecision.unscoped.exists()


def test_the_corrected_file_is_checked_as_a_run_that_repeats_this_one(
    run: ValidationRun, member: User
) -> None:
    accept(run, member, "money-format", "date-format", "value-normalized")
    corrected = services.check_corrected(run=run, by=member)
    drain()
    corrected.refresh_from_db()
    assert (corrected.status, corrected.repeats_id) == (RunStatus.COMPLETED, run.pk)
    assert corrected.file_name == "mars (corrected).csv"
    assert len(corrected.sha256) == 64
    assert corrected.size_bytes > 0
    assert fixes.fix_counts(corrected) == {}
    expected = [
        HEADER,
        line(1, amount="12,50"),
        line(2, amount="13,50"),
        line(3, day="2026-10-25"),
        line(4),
        line(5),
    ]
    assert [";".join(row) for row in rebuilding.table_of(corrected)] == expected
    assert (corrected.reading["encoding"], corrected.reading["delimiter"]) == (
        run.reading["encoding"],
        run.reading["delimiter"],
    )


def test_what_is_decided_after_the_click_is_not_in_the_corrected_file(
    run: ValidationRun, member: User
) -> None:
    accept(run, member, "money-format")
    corrected = services.check_corrected(run=run, by=member)
    accept(run, member, "money-format", is_accepted=False)
    drain()
    corrected.refresh_from_db()
    assert "money-format" not in fixes.fix_counts(corrected)


def test_without_an_accepted_fix_there_is_no_corrected_file(run: ValidationRun, member: User) -> None:
    with pytest.raises(services.NothingAcceptedError):
        services.check_corrected(run=run, by=member)
    assert ValidationRun.unscoped.count() == 1


def test_a_corrected_file_whose_run_is_gone_cannot_be_checked(run: ValidationRun, member: User) -> None:
    accept(run, member, "money-format")
    corrected = services.check_corrected(run=run, by=member)
    run.delete()
    drain(raising=False)
    corrected.refresh_from_db()
    assert (corrected.status, corrected.error_code) == (RunStatus.FAILED, "file-gone")


def address(run: ValidationRun, name: str) -> str:
    return reverse(f"validations:{name}", args=[run.organization.slug, run.pk])


def test_a_member_accepts_and_checks_by_two_clicks(member_client: Client, run: ValidationRun) -> None:
    page = member_client.get(address(run, "run-fixes")).content.decode()
    assert "Accept all safe fixes" in page
    answer = member_client.post(
        address(run, "run-decide"), {"code": "safe", "decision": "accept"}, follow=True
    )
    assert "4 fixes accepted" in answer.content.decode()
    answer = member_client.post(address(run, "run-check-corrected"))
    corrected = ValidationRun.unscoped.get(repeats=run)
    assert answer["Location"] == reverse("validations:run-detail", args=["erables", corrected.pk])
    waiting = member_client.get(answer["Location"]).content.decode()
    assert "This is the corrected file of an earlier run" in waiting
    assert str(run.pk) in waiting


def test_the_row_says_that_its_fix_is_accepted(member_client: Client, run: ValidationRun) -> None:
    finding = points(run)[0]
    back = f"{address(run, 'run-detail')}?code=money-format&severity=warning"
    fields = {"finding": finding.pk, "decision": "accept", "next": back}
    answer = member_client.post(address(run, "run-decide"), fields)
    assert answer["Location"] == back
    assert member_client.get(back).content.decode().count("Fix accepted") == 1


@pytest.mark.parametrize(
    "target", ["//evil.example/o/", "https://evil.example/o/", "/admin/", "javascript:alert(1)"]
)
def test_after_a_decision_nobody_is_led_away(member_client: Client, run: ValidationRun, target: str) -> None:
    fields = {"code": "money-format", "decision": "accept", "next": target}
    assert member_client.post(address(run, "run-decide"), fields)["Location"] == address(run, "run-fixes")


def test_a_viewer_sees_the_fixes_and_changes_nothing(viewer_client: Client, run: ValidationRun) -> None:
    page = viewer_client.get(address(run, "run-fixes")).content.decode()
    assert "12.50" in page
    assert "Accept all" not in page
    for name in ("run-decide", "run-check-corrected"):
        fields = {"code": "money-format", "decision": "accept"}
        assert viewer_client.post(address(run, name), fields).status_code == 403
    assert not FixDecision.unscoped.exists()


def test_d01_outsiders_get_404_and_decide_nothing(outsider_client: Client, run: ValidationRun) -> None:
    assert outsider_client.get(address(run, "run-fixes")).status_code == 404
    for name in ("run-decide", "run-check-corrected"):
        fields = {"code": "money-format", "decision": "accept"}
        assert outsider_client.post(address(run, name), fields).status_code == 404
    assert not FixDecision.unscoped.exists()


def test_d01_a_finding_of_another_run_cannot_be_decided(
    member_client: Client, run: ValidationRun, other_organization: Organization
) -> None:
    foreign = Finding.unscoped.filter(result=factories.completed_run(other_organization).result_id).get()
    for wanted in (str(foreign.pk), "9" * 30, "1 OR 1=1", "-1"):
        answer = member_client.post(address(run, "run-decide"), {"finding": wanted, "decision": "accept"})
        assert answer.status_code == 404, wanted
    assert not FixDecision.unscoped.exists()
