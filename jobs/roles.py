"""The three roles of people who look after the jobs, kept as groups: after each migration they are as told here.

A person gets a role by being staff and a member of its group. Permissions of other apps that somebody gave to one of
these groups stay; those of this app follow the table.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions

VIEWER = "Job viewer"
OPERATOR = "Job operator"
ADMINISTRATOR = "Job administrator"

_SEE = frozenset(
    {
        "view_alert",
        "view_attempt",
        "view_batch",
        "view_bulkaction",
        "view_job",
        "view_jobevent",
        "view_operations",
        "view_operatoraction",
        "view_pause",
        "view_queue_dashboard",
        "view_ratelift",
        "view_schedule",
        "view_workerprocess",
    }
)
_OPERATE = _SEE | {
    "acknowledge_alert",
    "cancel_batch",
    "cancel_job",
    "discard_job",
    "pause_queue",
    "retry_job",
    "run_job_now",
    "view_job_arguments",
}
_ADMINISTER = _OPERATE | {
    "add_schedule",
    "bulk_job",
    "change_queue_dashboard",
    "change_schedule",
    "delete_schedule",
    "edit_retry_job",
    "lift_rate_limit",
    "pause_schedule",
    "run_schedule",
}
# Group -> codenames of this app's permissions.
ROLES: dict[str, frozenset[str]] = {VIEWER: _SEE, OPERATOR: _OPERATE, ADMINISTRATOR: _ADMINISTER}


def sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """The groups exist and have the permissions of the table; a receiver of `post_migrate`."""
    from django.contrib.auth.models import Group, Permission  # noqa: PLC0415 -- read before the models are

    # Django's own receiver makes the permissions, and may come after this one.
    create_permissions(sender, verbosity=0, using=using)
    ours = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    by_codename = {permission.codename: permission for permission in ours}
    for name, codenames in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        held = set(group.permissions.filter(content_type__app_label=sender.label))
        wanted = {by_codename[codename] for codename in codenames}
        if held != wanted:
            group.permissions.remove(*(held - wanted))
            group.permissions.add(*(wanted - held))
