"""The organizations by name, for the platform's pages, which know their numbers only."""

from collections.abc import Collection, Mapping, Sequence

from organizations.models import Organization

# A person who types so little that more organizations fit has to type on.
_FOUND_AT_MOST = 100


class OrganizationDirectory:
    """What `jobs.tenants` asks."""

    def names(self, ids: Collection[int]) -> Mapping[int, str]:
        """The names of those of the organizations that exist."""
        return dict(Organization.objects.filter(pk__in=ids).values_list("pk", "name"))

    def find(self, text: str) -> Sequence[int]:
        """The organizations with this address, or with this text in their name."""
        exact = Organization.objects.filter(slug__iexact=text).values_list("pk", flat=True)
        alike = Organization.objects.filter(name__icontains=text).order_by("name")
        return [*exact, *alike.values_list("pk", flat=True)[:_FOUND_AT_MOST]]

    def choices(self, limit: int) -> Sequence[tuple[int, str]]:
        """Number and name, by name."""
        return list(Organization.objects.order_by("name").values_list("pk", "name")[:limit])
