"""Staff's own rules: saved, tried, switched on, and in the check."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry as StaffAction
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from tests.support.staff import staff_client
from validations import ownrules, trials
from validations.engine import texts
from validations.models import Finding, StaffRule, ValidationRun
from validations.sentences import message_of, title_of

ADD, CHANGE, VIEW = (f"validations.{verb}_staffrule" for verb in ("add", "change", "view"))
RUNS, RECORDS = "validations.view_validationrun", "validations.view_billingrecord"
LIST = "admin:validations_staffrule_changelist"
FIELDS = {
    "name": "dear", "profile_name": "quebec-medical", "severity": "warning", "title_en": "Dear line",
    "title_fr": "Ligne chère", "message_en": "{amount:money} is much.", "message_fr": "{amount:money}, c'est beaucoup.",
    "explanation_en": "Why", "explanation_fr": "Pourquoi", "fix_en": "Look", "fix_fr": "Regardez",
    "sql": "SELECT row, 'amount' AS field, amount_cents AS amount FROM typed WHERE amount_cents > 2000",
}  # fmt: skip
FILE = (
    "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient;Note\r\n"
    "123456789;12345678901;2026-11-03;50137;15804;22,75;1632084-12345 Roy;TREM80010112 Tremblay Marie;a\r\n"
    "123456780;12345678902;2026-11-03;50137;15804;12,75;1632084-12345 Roy;MARK80010113 Marqué Jean;b\r\n"
).encode()


def rule(**fields: Any) -> StaffRule:
    return StaffRule.objects.create(**FIELDS | fields)


def checked(organization: Organization, member: User) -> ValidationRun:
    run = factories.sent_run(organization, member, FILE)
    drain()
    run.refresh_from_db()
    return run


def found(run: ValidationRun) -> list[Finding]:
    return list(Finding.unscoped.filter(result_id=run.result_id, code="own-dear"))


def save(client: Client, **fields: str) -> Any:
    return client.post(reverse("admin:validations_staffrule_add"), FIELDS | {"organization": ""} | fields)


def test_a_rule_is_saved_off_with_its_author(db: None) -> None:
    save(staff_client(ADD, VIEW, CHANGE))
    made = StaffRule.objects.get()
    assert (made.version, made.is_on, made.tried_at) == (1, False, None)
    assert made.created_by is not None
    assert StaffAction.objects.filter(object_id=str(made.pk)).exists()


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT row FROM typed", "must select a column “field”"),
        ("SELECT row, 'x' AS field, patient AS who FROM typed", "“who” is a text"),
        ("SELECT row, 'x' AS field FROM typed WHERE nothing = 1", "does not run"),
        ("DROP TABLE typed", "Only a SELECT"),
    ],
)
def test_a_query_that_is_no_rule_is_refused_in_words(db: None, sql: str, text: str) -> None:
    response = save(staff_client(ADD, VIEW, CHANGE), sql=sql)
    assert text in response.content.decode()
    assert not StaffRule.objects.exists()


def test_a_changed_rule_is_a_new_version_that_has_to_be_tried(db: None) -> None:
    first = rule(is_on=True, tried_at="2026-01-01T00:00Z", trial={"found": 1})
    client = staff_client(VIEW, CHANGE)
    client.post(
        reverse("admin:validations_staffrule_change", args=[first.pk]), FIELDS | {"severity": "error"}
    )
    new, old = StaffRule.objects.filter(name="dear")
    assert (new.version, new.severity, new.is_on, new.tried_at) == (2, "error", False, None)
    assert (old.version, old.severity, old.is_on) == (1, "warning", True)


def press(client: Client, action: str, row: StaffRule) -> Any:
    data = {"action": action, "_selected_action": str(row.pk), "index": "0"}
    return client.post(reverse(LIST), data, follow=True)


def test_a_rule_is_switched_on_only_after_it_was_tried(db: None) -> None:
    made = rule()
    client = staff_client(VIEW, CHANGE)
    press(client, "switch_rules_on", made)
    assert not StaffRule.objects.get().is_on
    ownrules.note_trial(made, {"found": 0, "error": "failed"})
    press(client, "switch_rules_on", made)
    assert not StaffRule.objects.get().is_on
    ownrules.note_trial(made, {"found": 0})
    press(client, "switch_rules_on", made)
    assert StaffRule.objects.get().is_on
    assert StaffAction.objects.filter(change_message="switch_rules_on").count() == 1


def test_switching_a_version_on_switches_the_other_one_off(db: None) -> None:
    old, new = rule(is_on=True), rule(version=2, tried_at="2026-01-01T00:00Z", trial={"found": 1})
    assert ownrules.switch_on(new)
    assert not StaffRule.objects.get(pk=old.pk).is_on
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffRule.objects.filter(pk=old.pk).update(is_on=True)


def test_e04_people_without_the_right_neither_switch_nor_try(db: None) -> None:
    made = rule(tried_at="2026-01-01T00:00Z", trial={"found": 1})
    assert press(staff_client(VIEW), "switch_rules_on", made).status_code == 403
    address = reverse("admin:validations_staffrule_try", args=[made.pk])
    for client in (staff_client(VIEW, RUNS), staff_client(VIEW, CHANGE)):
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403
    assert save(staff_client(VIEW)).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_is_on_is_checked_with_the_others_and_the_run_keeps_its_version(
    organization: Organization, member: User
) -> None:
    made = rule(is_on=True)
    run = checked(organization, member)
    (finding,) = found(run)
    assert (finding.line, finding.severity, finding.value) == (2, "warning", "22,75")
    assert (title_of("own-dear", "fr"), message_of(finding, "en")) == ("Ligne chère", "$22.75 is much.")
    assert [kept.pk for kept in run.own_rules.all()] == [made.pk]


@pytest.mark.django_db(transaction=True)
def test_an_old_finding_keeps_the_words_of_its_version(organization: Organization, member: User) -> None:
    rule(is_on=True)
    (finding,) = found(checked(organization, member))
    rule(version=2, title_en="Very dear", message_en="Too much.")
    assert message_of(finding, "en") == "$22.75 is much."
    assert texts.title("own-dear", "en") == "Very dear"


@pytest.mark.django_db(transaction=True)
def test_rules_that_are_off_of_another_profile_or_organization_are_not_checked(
    organization: Organization, other_organization: Organization, member: User
) -> None:
    rule()
    rule(name="other-profile", is_on=True, profile_name="invoice-lines")
    rule(name="other-place", is_on=True, organization=other_organization)
    run = checked(organization, member)
    assert not Finding.unscoped.filter(result_id=run.result_id, code__startswith="own-").exists()
    assert not run.own_rules.exists()


@pytest.mark.django_db(transaction=True)
def test_a_trial_tells_what_the_rule_would_find_and_changes_nothing(
    organization: Organization, member: User
) -> None:
    run = checked(organization, member)
    before = Finding.unscoped.count()
    made = rule()
    trial = trials.try_rule(made, run)
    assert (trial.rows, trial.found, trial.failed) == (2, 1, False)
    (example,) = trial.examples
    assert (example.line, example.value, example.params["amount"]) == (2, "22,75", 2275)
    made.refresh_from_db()
    assert made.trial == {
        "run": str(run.pk), "file": "lines.csv", "rows": 2, "rows_total": 2, "found": 1, "lines": [2]
    }  # fmt: skip
    assert Finding.unscoped.count() == before


@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_trial_shows_cells_to_those_who_may_see_records(
    organization: Organization, member: User
) -> None:
    run = checked(organization, member)
    made = rule(sql="SELECT row, 'patient' AS field, 1 AS amount FROM typed WHERE patient LIKE 'MARK%'")
    address = reverse("admin:validations_staffrule_try", args=[made.pk])
    blind = staff_client(VIEW, CHANGE, RUNS).post(address, {"run": str(run.pk)}).content.decode()
    seeing = staff_client(VIEW, CHANGE, RUNS, RECORDS).post(address, {"run": str(run.pk)}).content.decode()
    assert "1 finding" in blind
    assert "Marqué" not in blind
    assert "MARK80010113 Marqué Jean" in seeing
    assert StaffAction.objects.filter(change_message="try_rule").count() == 2
    assert "Marqué" not in str(StaffRule.objects.get().trial)


@pytest.mark.django_db(transaction=True)
def test_a_rule_of_one_organization_is_tried_on_its_runs_only(
    organization: Organization, other_organization: Organization, member: User
) -> None:
    run = checked(organization, member)
    made = rule(organization=other_organization)
    address = reverse("admin:validations_staffrule_try", args=[made.pk])
    client = staff_client(VIEW, CHANGE, RUNS)
    assert "Choose one of the runs" in client.post(address, {"run": str(run.pk)}).content.decode()
    assert StaffRule.objects.get().tried_at is None


def test_the_page_of_a_rule_lists_what_it_may_read(superuser: User) -> None:
    page = signed_in(superuser).get(reverse("admin:validations_staffrule_change", args=[rule().pk]))
    assert "amount_cents" in page.content.decode()
