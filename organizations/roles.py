"""The role templates: what each role may do until an organization decides otherwise.

A permission is named as Django names it, `app.action_model`. Every organization has a copy of each template as a
`Role`, made by `organizations.seeding`, and may change it or add its own. `user.has_perm(name, obj)` is answered by
`organizations.backends.MembershipBackend` from the role in the organization that the object belongs to.
"""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# Raised with every change of the templates; a test keeps the two together. Organizations are brought up to date by
# `manage.py seed_roles --all`.
TEMPLATES_VERSION = 1


class Permission(TextChoices):
    """Everything that a role can allow, in the order in which a form shows it."""

    VIEW_RUNS = "validations.view_validationrun", _("See the files that were sent and what became of them")
    VIEW_FINDINGS = "validations.view_finding", _("See findings")
    VIEW_PATIENTS = "validations.view_patient", _("See patient data, which is masked otherwise")
    SEND_FILES = "validations.add_validationrun", _("Send files")
    CHANGE_RUNS = "validations.change_validationrun", _("Cancel, retry and check again; accept corrections")
    EXPORT_FINDINGS = "validations.export_finding", _("Download findings, reports and corrected files")
    DELETE_RUNS = "validations.delete_validationrun", _("Delete runs with their findings")
    VIEW_NOTICES = "notifications.view_notification", _("Get notices")
    VIEW_MEMBERS = "organizations.view_membership", _("See who belongs to the organization")
    CHANGE_MEMBERS = "organizations.change_membership", _("Invite and remove people, and choose their roles")
    VIEW_ROLES = "organizations.view_role", _("See what each role may do")
    CHANGE_ROLES = "organizations.change_role", _("Change what each role may do")
    VIEW_KEYS = "organizations.view_apikey", _("See API keys")
    CHANGE_KEYS = "organizations.change_apikey", _("Issue and revoke API keys")
    VIEW_AUDIT = "jobs.view_auditentry", _("Read and export the audit trail")
    CHANGE_ORGANIZATION = "organizations.change_organization", _("Change the organization's settings")


_P = Permission
_VIEW = frozenset({_P.VIEW_RUNS, _P.VIEW_FINDINGS, _P.VIEW_NOTICES})
_WORK = _VIEW | {_P.VIEW_PATIENTS, _P.SEND_FILES, _P.CHANGE_RUNS, _P.EXPORT_FINDINGS}
_BILL = _WORK | {_P.DELETE_RUNS}
_MANAGE = _BILL | {
    _P.VIEW_MEMBERS,
    _P.CHANGE_MEMBERS,
    _P.VIEW_ROLES,
    _P.VIEW_KEYS,
    _P.CHANGE_KEYS,
    _P.VIEW_AUDIT,
}
_OWN = _MANAGE | {_P.CHANGE_ROLES, _P.CHANGE_ORGANIZATION}
_AUDIT = _VIEW | {_P.VIEW_MEMBERS, _P.VIEW_ROLES, _P.VIEW_KEYS, _P.VIEW_AUDIT}


@dataclass(frozen=True, slots=True)
class RoleTemplate:
    """A role as every organization gets it."""

    key: str
    title: str | Promise
    summary: str | Promise
    permissions: frozenset[str]


class RoleKey(TextChoices):
    """The keys of the templates, which code and tests name."""

    OWNER = "owner", pgettext_lazy("role", "Owner")
    MANAGER = "manager", pgettext_lazy("role", "Manager")
    BILLING_CLERK = "billing-clerk", pgettext_lazy("role", "Billing clerk")
    MEMBER = "member", pgettext_lazy("role", "Member")
    VIEWER = "viewer", pgettext_lazy("role", "Viewer")
    AUDITOR = "auditor", pgettext_lazy("role", "Auditor")


def _template(key: RoleKey, summary: str | Promise, permissions: frozenset[Permission]) -> RoleTemplate:
    return RoleTemplate(key.value, key.label, summary, frozenset(str(one) for one in permissions))


TEMPLATES: dict[str, RoleTemplate] = {
    template.key: template
    for template in (
        _template(RoleKey.OWNER, _("Everything, roles and settings included."), _OWN),
        _template(RoleKey.MANAGER, _("Runs the office: files, people, keys and the audit trail."), _MANAGE),
        _template(RoleKey.BILLING_CLERK, _("Sends, corrects and deletes files."), _BILL),
        _template(RoleKey.MEMBER, _("Sends and corrects files."), _WORK),
        _template(RoleKey.VIEWER, _("Looks at runs and findings; patient data is masked."), _VIEW),
        _template(
            RoleKey.AUDITOR, _("Looks at everything and changes nothing; patient data is masked."), _AUDIT
        ),
    )
}
