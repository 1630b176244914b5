"""The three roles of people who look after the jobs, kept as groups: after each migration they are as told here.

A person gets a role by being staff and a member of its group. Permissions of other apps that somebody gave to one of
these groups stay; those of this app follow the table.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions

# What code asks for; the rest of the table is asked for by Django's own pages.
ACKNOWLEDGE_ALERT = "jobs.acknowledge_alert"
ADD_SCHEDULE = "jobs.add_schedule"
BULK_JOB = "jobs.bulk_job"
CANCEL_BATCH = "jobs.cancel_batch"
CANCEL_JOB = "jobs.cancel_job"
CHANGE_QUEUE_DASHBOARD = "jobs.change_queue_dashboard"
CHANGE_SCHEDULE = "jobs.change_schedule"
DELETE_SCHEDULE = "jobs.delete_schedule"
DISCARD_JOB = "jobs.discard_job"
EDIT_RETRY_JOB = "jobs.edit_retry_job"
LIFT_RATE_LIMIT = "jobs.lift_rate_limit"
PAUSE_QUEUE = "jobs.pause_queue"
PAUSE_SCHEDULE = "jobs.pause_schedule"
RETRY_JOB = "jobs.retry_job"
RUN_JOB_NOW = "jobs.run_job_now"
RUN_SCHEDULE = "jobs.run_schedule"
VIEW_JOB = "jobs.view_job"
VIEW_JOB_ARGUMENTS = "jobs.view_job_arguments"
VIEW_OPERATIONS = "jobs.view_operations"
VIEW_AUDITENTRY = "jobs.view_auditentry"
VIEW_QUEUE_DASHBOARD = "jobs.view_queue_dashboard"

VIEWER = "Job viewer"
OPERATOR = "Job operator"
ADMINISTRATOR = "Job administrator"

_SEE = frozenset(
    {
        "jobs.view_alert",
        "jobs.view_attempt",
        "jobs.view_batch",
        "jobs.view_bulkaction",
        VIEW_JOB,
        "jobs.view_jobevent",
        VIEW_OPERATIONS,
        VIEW_AUDITENTRY,
        "jobs.view_pause",
        VIEW_QUEUE_DASHBOARD,
        "jobs.view_ratelift",
        "jobs.view_schedule",
        "jobs.view_workerprocess",
    }
)
_OPERATE = _SEE | {
    ACKNOWLEDGE_ALERT,
    CANCEL_BATCH,
    CANCEL_JOB,
    DISCARD_JOB,
    PAUSE_QUEUE,
    RETRY_JOB,
    RUN_JOB_NOW,
    VIEW_JOB_ARGUMENTS,
}
_ADMINISTER = _OPERATE | {
    ADD_SCHEDULE,
    BULK_JOB,
    CHANGE_QUEUE_DASHBOARD,
    CHANGE_SCHEDULE,
    DELETE_SCHEDULE,
    EDIT_RETRY_JOB,
    LIFT_RATE_LIMIT,
    PAUSE_SCHEDULE,
    RUN_SCHEDULE,
}
# Group -> permissions of this app.
ROLES: dict[str, frozenset[str]] = {VIEWER: _SEE, OPERATOR: _OPERATE, ADMINISTRATOR: _ADMINISTER}


def sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """The groups exist and have the permissions of the table; a receiver of `post_migrate`."""
    from django.contrib.auth.models import Group, Permission  # noqa: PLC0415 -- read before the models are

    # Django's own receiver makes the permissions, and may come after this one.
    create_permissions(sender, verbosity=0, using=using)
    ours = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    by_name = {f"{sender.label}.{permission.codename}": permission for permission in ours}
    for name, permissions in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        held = set(group.permissions.filter(content_type__app_label=sender.label))
        wanted = {by_name[permission] for permission in permissions}
        if held != wanted:
            group.permissions.remove(*(held - wanted))
            group.permissions.add(*(wanted - held))
