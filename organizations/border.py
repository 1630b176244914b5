"""The border at which a job enters an organization: what it works on has to belong to the one that the job names."""

from jobs import audit
from jobs.context import RunningJob
from jobs.errors import PermanentError
from jobs.models import ActionKind


def check_border(job: RunningJob, organization_id: int | None, kind: str, target: object) -> None:
    """Pass when the row belongs to the organization of the job; None is news of the site itself.

    Somebody who writes ids into Redis or rows into the database must not make a worker carry one customer's rows to
    another. The try is audited, and an alert tells staff (`jobs.alerts.rules.crossed_border`).

    Raises: PermanentError.
    """
    if job.tenant_id == organization_id:
        return
    details = {"job": str(job.id), "task": job.task, "belongs_to": organization_id}
    audit.record(None, ActionKind.CROSSED_BORDER, kind, target, tenant_id=job.tenant_id, details=details)
    raise PermanentError("wrong-organization")
