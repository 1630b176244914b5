"""Asking for roles to be seeded: one job for each organization, in a worker, or in the caller without Redis."""

from collections.abc import Iterable

from jobs import batches
from jobs.models import Batch, Job
from jobs.tasks import enqueue_many
from organizations.models import Organization
from organizations.tasks import seed_roles

# Jobs of one transaction when every organization is seeded.
CHUNK = 500
BATCH_NAME = "organizations.seed_roles"


def request_seeding(organization: Organization, *, force: bool = False, by_id: int | None = None) -> Job:
    """The job that seeds the organization; without Redis it has run in the caller, after the commit."""
    key = f"seed:{force}"
    task = seed_roles.using(tenant_id=organization.pk, idempotency_key=key)
    return task.enqueue(organization_id=organization.pk, force=force, by_id=by_id)


def request_seeding_of_all(
    organizations: Iterable[int] | None = None, *, force: bool = False, by_id: int | None = None
) -> Batch:
    """The batch of one job for each of the organizations (by their numbers), or for every one there is."""
    if organizations is None:
        organizations = Organization.objects.order_by("pk").values_list("pk", flat=True)
    ids = list(organizations)
    batch = batches.open_batch(BATCH_NAME)
    for start in range(0, len(ids), CHUNK):
        enqueue_many(
            seed_roles.using(tenant_id=number, batch=batch).plan(
                organization_id=number, force=force, by_id=by_id
            )
            for number in ids[start : start + CHUNK]
        )
    batches.seal_batch(batch)
    return batch


def seeding_of(organization: Organization) -> Job | None:
    """The newest job that seeds the organization's roles."""
    return Job.objects.filter(task=seed_roles.name, tenant_id=organization.pk).order_by("-created_at").first()
