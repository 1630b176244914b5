"""Tenants, their members and what each member may do."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrganizationsConfig(AppConfig):
    name = "organizations"
    verbose_name = _("Organizations")

    def ready(self) -> None:
        """The platform's pages can name the organizations; a new one gets its roles."""
        from jobs import tenants  # noqa: PLC0415 -- apps.py is read before the models are
        from organizations import accounttrail, signals  # noqa: F401, PLC0415 -- as above; connects
        from organizations.directory import OrganizationDirectory  # noqa: PLC0415 -- as above

        tenants.use(OrganizationDirectory())
