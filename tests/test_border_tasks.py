"""D06: the border between organizations, at every task of the project.

A job says in whose name it runs. What it works on has to belong to that organization, whoever wrote the job's row or
its hint. Every declared task is walked; one that this table does not know fails the first test.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from jobs.alerts import rules
from jobs.declarations import TASKS, Declaration
from jobs.enqueueing import Options, Plan, enqueue
from jobs.models import ActionKind, AuditEntry, Job, JobStatus
from notifications.models import Delivery
from organizations.models import Organization, Role, User
from tests import factories
from tests.support.jobs import drain
from tests.support.news import told
from validations.models import Export, ExportStatus, ResultSet, RunBatch, RunStatus, ValidationRun

# Works on no row of an organization, or on rows of all of them by design (upkeep of the site).
SITE = "site"


def of_run(place: Organization, person: User) -> dict[str, Any]:
    return {"run_id": str(factories.run(place, person).pk)}


def of_export(place: Organization, person: User) -> dict[str, Any]:
    run = factories.completed_run(place, person)
    return {"export_id": str(factories.made_export(run, person, status=ExportStatus.WAITING).pk)}


def of_batch(place: Organization, person: User) -> dict[str, Any]:
    batch = RunBatch.unscoped.create(organization=place, created_by=person, key="key")
    factories.run(place, person, batch=batch, status=RunStatus.COMPLETED)
    return {"run_batch_id": str(batch.pk), "batch_id": str(uuid4())}


def of_results(place: Organization, person: User) -> dict[str, Any]:
    run = factories.completed_run(place, person)
    return {"result_ids": [run.result_id]}


def of_delivery(place: Organization, person: User) -> dict[str, Any]:
    delivery = Delivery.unscoped.get(notification=told(place, person), channel="email")
    # The one that was asked for with the news: this test sends the delivery by a job of its own.
    Job.objects.all().delete()
    return {"delivery_id": str(delivery.pk)}


def of_invitation(place: Organization, person: User) -> dict[str, Any]:
    return {"invitation_id": str(factories.invitation(place, person).pk), "language": "en"}


def of_organization(place: Organization, person: User) -> dict[str, Any]:
    return {"organization_id": place.pk}


# Task -> its arguments for something of an organization.
KNOWN: dict[str, Callable[[Organization, User], dict[str, Any]] | str] = {
    "jobs.prune": SITE,
    # What they act on was chosen by staff, whose rights are asked for again.
    "jobs.act_on_many": SITE,
    "jobs.cancel_jobs_of_batch": SITE,
    "notifications.deliver": of_delivery,
    "notifications.deliver_to_staff": of_delivery,
    "organizations.seed_roles": of_organization,
    "organizations.send_invitation": of_invitation,
    # A person is of no organization.
    "organizations.send_password_reset": SITE,
    "validations.validate_run": of_run,
    "validations.make_export": of_export,
    "validations.announce_batch": of_batch,
    "validations.delete_results": of_results,
    "validations.sweep_files": SITE,
}
CROSSING = [name for name, arguments in KNOWN.items() if arguments != SITE]


def asked(name: str, of: Organization, person: User, tenant_id: int | None) -> Job:
    """A job of the task for something of one organization, in the name of another."""
    make = KNOWN[name]
    assert callable(make)
    task: Declaration = TASKS[name]
    return enqueue(Plan(task, make(of, person), Options(tenant_id=tenant_id)))


def own_tasks() -> set[str]:
    return {task.name for task in TASKS.values() if not task.function.__module__.startswith("tests.")}


def test_d06_every_task_of_the_project_is_known_to_these_tests() -> None:
    assert own_tasks() - set(KNOWN) == set(), "say in KNOWN how the border is kept by these tasks"
    assert set(KNOWN) - own_tasks() == set(), "these tasks are no more"


@pytest.mark.parametrize("name", CROSSING)
def test_d06_a_job_in_the_name_of_another_organization_does_nothing_and_is_told(
    organization: Organization, other_organization: Organization, outsider: User, mailoutbox: Any, name: str
) -> None:
    job = asked(name, other_organization, outsider, organization.pk)
    before = state()
    drain(raising=False)
    job.refresh_from_db()
    assert (job.status, job.error_code, job.attempt) == (JobStatus.FAILED, "wrong-organization", 1)
    assert state() == before
    assert mailoutbox == []
    line = AuditEntry.objects.get(action=ActionKind.CROSSED_BORDER)
    assert (line.tenant_id, line.details["belongs_to"]) == (organization.pk, other_organization.pk)
    assert line.details["job"] == str(job.pk)
    assert [sighting.params for sighting in rules.crossed_border(rules.Scene())] == [{"jobs": 1}]


@pytest.mark.parametrize("name", [name for name in CROSSING if name != "notifications.deliver_to_staff"])
def test_d06_a_job_in_the_name_of_no_organization_does_nothing_either(
    other_organization: Organization, outsider: User, name: str
) -> None:
    job = asked(name, other_organization, outsider, None)
    before = state()
    drain(raising=False)
    job.refresh_from_db()
    assert (job.status, job.error_code) == (JobStatus.FAILED, "wrong-organization")
    assert state() == before


@pytest.mark.parametrize(
    "name", ["notifications.deliver", "organizations.seed_roles", "validations.delete_results"]
)
def test_d06_the_same_job_in_the_name_of_its_own_organization_is_done(
    organization: Organization, member: User, name: str
) -> None:
    job = asked(name, organization, member, organization.pk)
    before = state()
    drain()
    job.refresh_from_db()
    assert job.status == JobStatus.SUCCEEDED
    assert state() != before


def state() -> list[Any]:
    """What these tasks change."""
    return [
        sorted(ResultSet.unscoped.values_list("pk", flat=True)),
        sorted(Role.unscoped.values_list("organization_id", "key")),
        sorted(Delivery.unscoped.values_list("pk", "attempts", "status")),
        sorted(ValidationRun.unscoped.values_list("pk", "rows_done")),
        sorted(Export.unscoped.values_list("pk", "size_bytes")),
    ]
