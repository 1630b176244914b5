"""The background work of organizations."""

from typing import Any

from jobs.context import RunningJob
from jobs.tasks import task
from organizations import letters, seeding
from organizations.border import check_border
from organizations.models import Invitation, Organization, User


# Without Redis it runs where it was asked for: a new organization's people must not wait for it.
@task(queue="roles", timeout_seconds=30, attempts=3, without_redis="run")
def seed_roles(
    job: RunningJob, *, organization_id: int, force: bool = False, by_id: int | None = None
) -> dict[str, Any] | None:
    """Give an organization its default roles, or bring them up to date."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        job.log("The organization is gone: nothing to seed.")
        return None
    check_border(job, organization.pk, "organization", organization.slug)
    job.progress(0, 1)
    by = User.objects.filter(pk=by_id).first() if by_id else None
    seeded = seeding.seed(organization, force=force, by=by)
    job.progress(1, 1)
    mode = "direct" if job.is_direct else "queued"
    job.log("Roles are seeded.", mode=mode, organization=organization.pk, written=seeded.count)
    return {"mode": mode, **seeded.as_result()}


@task(queue="emails", timeout_seconds=60, attempts=5)
def send_invitation(job: RunningJob, invitation_id: str, language: str) -> None:
    """Send somebody the link by which they accept an invitation."""
    invitation = Invitation.unscoped.filter(pk=invitation_id).first()
    if invitation is not None:
        check_border(job, invitation.organization_id, "invitation", invitation_id)
        letters.send_invitation(invitation_id, language)


@task(queue="emails", timeout_seconds=60, attempts=5)
def send_password_reset(job: RunningJob, user_id: int, language: str) -> None:
    """Send somebody the link by which they choose a new password."""
    letters.send_password_reset(user_id, language)
