"""The one admin site: people enter it through the site's own sign-in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import apps
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import include, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite


class AdminSite(UnfoldAdminSite):
    """The admin in the product's look."""

    # The sign-in page of the site checks where it leads; nothing is signed in here.
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The way to the sign-in page.

        Raises: PermissionDenied for people who are signed in and are no staff.
        """
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        asked_for = request.GET.get(REDIRECT_FIELD_NAME, "") or reverse("admin:index", current_app=self.name)
        query = urlencode({REDIRECT_FIELD_NAME: asked_for})
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")

    def _ask_for_factor(self, request: HttpRequest, way: str) -> HttpResponse:
        """The way to the second factor; what is no page to come back to is refused."""
        if request.method != "GET":
            raise PermissionDenied
        messages.warning(request, _("Staff need a second factor. Set one up or use it, then come back."))
        query = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
        return HttpResponseRedirect(f"{reverse(way)}?{query}")

    def get_urls(self) -> list[Any]:
        """The addresses of the tables, and of the operations pages, which belong to no table."""
        # Read here, since the admin of jobs registers itself at this very site.
        from jobs.admin import operations  # noqa: PLC0415

        return [path("operations/", include(operations.urls())), *super().get_urls()]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 -- Django's signature
        """A view for staff; others who are signed in get 403 at once, and nobody is sent in circles."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            # Read here: this file is read before the models are.
            from organizations import secondfactor  # noqa: PLC0415

            if request.user.is_authenticated and secondfactor.is_missing(request):
                return self._ask_for_factor(request, secondfactor.way_to_it(request))
            response: HttpResponseBase = guarded(request, *args, **kwargs)
            return response

        return inner


class AdminConfig(apps.AdminConfig):
    """Django's admin app with this site as the default one."""

    default_site = "config.adminsite.AdminSite"
