"""What operators can do to jobs: one table of actions, each with its permission, and one way to take them.

Pages, bulk actions and the API all go through `perform`: it asks for the permission, does the thing in one transaction
with its line in the audit trail, and says in words why it could not. A refused try leaves a line too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs import audit, roles, services
from jobs.declarations import declared
from jobs.errors import IllegalTransitionError, RefusedError
from jobs.models import FINAL_STATUSES, ActionKind, HoldReason, Job, JobStatus

S = JobStatus
Text = str | Promise


class Act(Protocol):
    """A function of `jobs.services`: whether the job changed."""

    def __call__(self, *, job: Job, by: AbstractBaseUser | None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Control:
    """One action on one job."""

    kind: ActionKind
    permission: str
    label: Text
    # What happens, before it does.
    explanation: Text
    # Whether the job changed; None for actions that ask for more than a press, and have pages of their own.
    act: Act | None
    # Why it cannot be done to the job as it is; empty when it can.
    obstacle: Callable[[Job], Text]
    # The statuses in which it may make sense: what a bulk action looks through.
    statuses: frozenset[JobStatus]
    is_dangerous: bool = False

    def may(self, user: Any) -> bool:
        """Whether the person may do it at all."""
        return bool(user.has_perm(self.permission))


def _why_not_cancel(job: Job) -> Text:
    if job.is_final:
        return _("It has ended already.")
    return _("It was asked to stop already.") if job.cancel_requested_at else ""


def _why_not_retry(job: Job) -> Text:
    if job.status == S.SUCCEEDED:
        return _("It succeeded: there is nothing to repeat.")
    return "" if job.is_final else _("It has not ended yet.")


def _why_not_edit(job: Job) -> Text:
    if not job.is_final:
        return _("It has not ended yet.")
    return "" if declared(job.task) else _("This version of the program does not know this task.")


def _why_not_discard(job: Job) -> Text:
    return "" if job.status == S.FAILED else _("Only a failed job can be discarded.")


def _why_not_run_now(job: Job) -> Text:
    if job.status in (S.SCHEDULED, S.RETRYING):
        return ""
    if job.is_final:
        return _("It has ended already.")
    if job.status == S.RUNNING:
        return _("It runs already.")
    if job.status == S.BLOCKED:
        return _("It waits for other jobs.")
    if job.hold_reason == HoldReason.PAUSED:
        return _("Its queue or organization is paused: resume that first.")
    return _("It is due already, and starts as soon as it can.")


CONTROLS: dict[str, Control] = {
    control.kind: control
    for control in (
        Control(
            ActionKind.RETRY,
            roles.RETRY_JOB,
            _("Retry"),
            _("Ended jobs are queued again, with as many attempts as their queue gives. Their history stays."),
            services.retry_job,
            _why_not_retry,
            frozenset({S.FAILED, S.CANCELLED}),
        ),
        Control(
            ActionKind.RETRY_EDITED,
            roles.EDIT_RETRY_JOB,
            _("Retry with other arguments"),
            _("A new job of the same task is queued with the arguments that you enter; this one stays as it is."),
            None,
            _why_not_edit,
            frozenset(FINAL_STATUSES),
        ),
        Control(
            ActionKind.RUN_NOW,
            roles.RUN_JOB_NOW,
            _("Run now"),
            _("Jobs that wait for their time are queued at once."),
            services.run_now,
            _why_not_run_now,
            frozenset({S.SCHEDULED, S.RETRYING}),
        ),
        Control(
            ActionKind.CANCEL,
            roles.CANCEL_JOB,
            _("Cancel"),
            _("Waiting jobs end at once; running ones are asked to stop, and are ended if they do not. "
              "What they did so far is not undone."),
            services.cancel_job,
            _why_not_cancel,
            frozenset(JobStatus) - FINAL_STATUSES,
            is_dangerous=True,
        ),
        Control(
            ActionKind.DISCARD,
            roles.DISCARD_JOB,
            _("Discard"),
            _("Failed jobs count as dealt with: they are cancelled, and no longer among the failures."),
            services.discard_job,
            _why_not_discard,
            frozenset({S.FAILED}),
            is_dangerous=True,
        ),
    )
}  # fmt: skip


def require(request: HttpRequest, control: Control, target: object = "") -> None:
    """Return if the person may do this.

    Raises: PermissionDenied, after the try was written down.
    """
    if not control.may(request.user):
        audit.refuse(request, control.kind, "job", target)


def perform(request: HttpRequest, control: Control, job: Job, *, reason: str = "") -> bool:
    """Whether the job changed; then the act and its line in the audit trail were committed together.

    Raises: PermissionDenied, after the try was written down; RefusedError, in words, when the job's state or the
    app whose job it is does not allow it.
    """
    require(request, control, job.pk)
    return carry_out(audit.person_of(request), control, job, source=request, reason=reason)


def carry_out(
    by: AbstractBaseUser | None, control: Control, job: Job, *, source: audit.Actor, reason: str = ""
) -> bool:
    """`perform` for a caller who has asked for the permission."""
    with transaction.atomic():
        changed = act(by, control, job)
        if changed:
            details = {"task": job.task, "from": job.status}
            audit.record(
                source, control.kind, "job", job.pk, tenant_id=job.tenant_id, reason=reason, details=details
            )
    return changed


def act(by: AbstractBaseUser | None, control: Control, job: Job) -> bool:
    """Whether the job changed; without a line of its own, for bulk actions, which write one for all.

    Raises: RefusedError, in words.
    """
    if control.act is None:
        raise RefusedError(_("This action has a page of its own."))
    if obstacle := control.obstacle(job):
        raise RefusedError(obstacle)
    try:
        return control.act(job=job, by=by)
    except IllegalTransitionError:
        # It moved on between the look and the act, or another job has its key by now.
        now = Job.objects.filter(pk=job.pk).first()
        obstacle = control.obstacle(now) if now else _("It is gone.")
        raise RefusedError(obstacle or _("Another job with the same key is active.")) from None


def retry_edited(
    request: HttpRequest,
    job: Job,
    arguments: Mapping[str, Any],
    *,
    new_id: UUID,
    changed: Sequence[str],
    reason: str,
) -> Job:
    """The new job with the other arguments; pressing twice gives the same one.

    `new_id` was chosen when the form was shown, `changed` names the arguments that are other ones now.

    Raises: PermissionDenied, after the try was written down; RefusedError, in words.
    """
    edited = CONTROLS[ActionKind.RETRY_EDITED]
    require(request, edited, job.pk)
    if obstacle := edited.obstacle(job):
        raise RefusedError(obstacle)
    details = {"task": job.task, "new_job": str(new_id), "changed": list(changed)}
    try:
        with transaction.atomic():
            new = services.retry_edited(
                job=job, arguments=arguments, new_id=new_id, by=audit.person_of(request)
            )
            audit.record(
                request, edited.kind, "job", job.pk, tenant_id=job.tenant_id, reason=reason, details=details
            )
    except IntegrityError:
        # Pressed twice: the first press made it.
        if earlier := Job.objects.filter(pk=new_id, retry_of=job).first():
            return earlier
        raise
    return new
