"""The border between organizations: a query that names no organization is refused.

`Model.objects` hands out rows only through `for_organization`. Code that must look across the border (admin,
workers, upkeep) says so by using `Model.unscoped`, which a reviewer can search for.
"""

from typing import TYPE_CHECKING, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from organizations.models import Organization

M = TypeVar("M", bound=models.Model)


class TenantRequiredError(Exception):
    """A query reached the rows of all organizations without saying so; use for_organization(...)."""


class GuardedManager(models.Manager[M]):
    """The way in for pages, the API and exports: nothing but `for_organization` works."""

    def for_organization(self, organization: "Organization | int") -> models.QuerySet[M]:
        """The rows of one organization."""
        return super().get_queryset().filter(organization=organization)

    def get_queryset(self) -> models.QuerySet[M]:
        """Never returns.

        Raises: TenantRequiredError, because no organization was named.
        """
        raise TenantRequiredError(f"{self.model.__name__}.objects needs for_organization(...)")


class TenantModel(models.Model):
    """A row that belongs to exactly one organization from its first day."""

    organization = models.ForeignKey(
        "organizations.Organization",
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("organization"),
    )

    # First, so that Django's own machinery (admin, relations, deletion) uses it.
    unscoped = models.Manager()
    objects = GuardedManager()

    class Meta:
        abstract = True
