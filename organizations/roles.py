"""What each role may do: the single table of role templates.

A permission is named as Django names it, `app.action_model`. `user.has_perm(name, obj)` is answered by
`organizations.backends.MembershipBackend` from the membership in the organization that the object belongs to.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

VIEW = frozenset(
    {"validations.view_validationrun", "validations.view_finding", "notifications.view_notification"}
)
WORK = VIEW | {
    "validations.add_validationrun",
    "validations.change_validationrun",
    "validations.export_finding",
}
MANAGE = WORK | {
    "validations.delete_validationrun",
    "organizations.view_membership",
    "organizations.change_membership",
    "organizations.view_apikey",
    "organizations.change_apikey",
}
OWN = MANAGE | {"organizations.change_organization"}


class Role(models.TextChoices):
    """The role of a member in one organization."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


PERMISSIONS: dict[str, frozenset[str]] = {
    Role.OWNER: OWN,
    Role.MANAGER: MANAGE,
    Role.MEMBER: WORK,
    Role.VIEWER: VIEW,
}
