"""What jobs work on, and the names of tenants."""

import pytest
from django.db.models import Model

from jobs import subjects, tenants
from jobs.models import Job
from organizations.models import Organization
from tests import factories
from tests.support.probe import tasks


def test_a_job_leads_to_the_rows_that_its_app_names(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "_finders", {})

    @subjects.works_on(tasks.note.name)
    def find(job: Job) -> list[Model]:
        return [organization] if job.arguments["path"] == "x" else []

    assert list(subjects.subjects_of(tasks.note.enqueue(path="x"))) == [organization]
    assert list(subjects.subjects_of(tasks.note.enqueue(path="y"))) == []
    assert list(subjects.subjects_of(tasks.empty.enqueue())) == []


def test_arguments_that_do_not_fit_lead_nowhere(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "_finders", {})

    @subjects.works_on("a.task")
    def find(job: Job) -> list[Model]:
        return [job.arguments["missing"]]

    assert list(subjects.subjects_of(Job(task="a.task"))) == []


def test_a_validation_job_leads_to_its_run(organization: Organization) -> None:
    run = factories.sent_run(organization, factories.member(organization))
    assert run.job is not None
    assert list(subjects.subjects_of(run.job)) == [run]


def test_tenants_are_named_and_found_by_name_address_and_number(organization: Organization) -> None:
    assert tenants.names([organization.pk, None, 99_999]) == {
        organization.pk: organization.name,
        99_999: "99999",
    }
    for text in ("RABLES", "erables", str(organization.pk)):
        assert organization.pk in tenants.find(text), text
    assert tenants.find("nobody") == []
    assert (organization.pk, organization.name) in tenants.choices()
