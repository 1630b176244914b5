"""File formats, versioned: their list, and the pages on which staff edit them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jobs.admin.base import StaffAdmin, badge, link_to, time_text
from validations.admin import profileadding, profilepages
from validations.models import Profile


@admin.register(Profile)
class ProfileAdmin(StaffAdmin):
    """File formats; saving a changed one makes a new version, so that old runs keep theirs. The pages are our own."""

    list_display = ("name", "version", "display_title", "display_owner", "display_columns", "display_changed")
    list_select_related = ("organization",)
    search_fields = ("name__istartswith",)
    search_help_text = gettext_lazy("Beginning of the name")

    def get_urls(self) -> list[URLPattern]:
        """The pages of profiles beside Django's own addresses."""
        views = self.admin_site.admin_view
        pages = (
            ("rules", profilepages.rules),
            ("versions", profilepages.versions),
            ("compare", profilepages.compare),
            ("export", profilepages.export),
        )
        return [
            *(
                path(f"<int:pk>/{name}/", views(self._page(view)), name=f"validations_profile_{name}")
                for name, view in pages
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        """All rows; for the list the newest version of each profile."""
        rows: QuerySet[Profile] = super().get_queryset(request)
        match = request.resolver_match
        if match is None or match.url_name != "validations_profile_changelist":
            return rows
        same = Profile.objects.filter(name=OuterRef("name"))
        own = same.filter(organization_id=OuterRef("organization_id")).order_by("-version").values("pk")[:1]
        shipped = same.filter(organization=None).order_by("-version").values("pk")[:1]
        return rows.filter(pk=Subquery(own)) | rows.filter(organization=None, pk=Subquery(shipped))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """A new profile: from a sample, from a Table Schema, or from another profile."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return profileadding.show(self, request)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of one version, with its form for those who may change it."""
        if not object_id.isdecimal() or len(object_id) > 18:
            raise Http404
        return self._page(profilepages.columns)(request, int(object_id))

    def has_change_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Whether the person may edit this one; shipped profiles come with the program and change with it."""
        if obj is not None and obj.organization_id is None:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """Never: runs of the past name their profile."""
        return False

    @admin.display(description=gettext_lazy("title"))
    def display_title(self, profile: Profile) -> str:
        """The title in the reader's language."""
        return profile.title

    @admin.display(description=gettext_lazy("belongs to"), ordering="organization__name")
    def display_owner(self, profile: Profile) -> str:
        """The organization, or that the profile comes with the program."""
        return link_to(profile.organization) if profile.organization else badge(_("Shipped"), "accent")

    @admin.display(description=gettext_lazy("columns"))
    def display_columns(self, profile: Profile) -> str:
        """How many columns it has."""
        count = len(profile.descriptor.get("fields", []))
        return ngettext("%(count)d column", "%(count)d columns", count) % {"count": count}

    @admin.display(description=gettext_lazy("changed"), ordering="created_at")
    def display_changed(self, profile: Profile) -> str:
        """When this version was saved."""
        return time_text(profile.created_at)

    def _page(self, view: Any) -> Any:
        """A page of one version, for those who may see profiles."""

        def page(request: HttpRequest, pk: int) -> HttpResponseBase:
            if not self.has_view_permission(request):
                raise PermissionDenied
            profile = Profile.objects.select_related("organization").filter(pk=pk).first()
            if profile is None:
                raise Http404
            response: HttpResponseBase = view(self, request, profile)
            return response

        return page
