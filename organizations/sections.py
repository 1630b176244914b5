"""The pages about one organization itself: people, roles, keys, activity; each is one line here and a view."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from organizations.models import Organization
from organizations.roles import Permission


@dataclass(frozen=True, slots=True)
class Section:
    """One page of the organization's settings; its address is named `organization:<key>`."""

    key: str
    title: str | Promise
    permission: str


SECTIONS: tuple[Section, ...] = (
    Section("general", _("General"), Permission.CHANGE_ORGANIZATION),
    Section("members", _("People"), Permission.VIEW_MEMBERS),
    Section("roles", _("Roles"), Permission.VIEW_ROLES),
    Section("keys", _("API keys"), Permission.VIEW_KEYS),
    Section("activity", _("Activity"), Permission.VIEW_AUDIT),
)


def sections_for(request: HttpRequest, organization: Organization) -> list[Section]:
    """The sections that the person may open."""
    allowed = request.user.get_all_permissions(organization)
    return [section for section in SECTIONS if section.permission in allowed]
