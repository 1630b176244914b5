"""One include per app; the admin carries the RQ dashboard."""

from django.contrib import admin
from django.urls import include, path

from config.api import api

urlpatterns = [
    path("", include("organizations.urls")),
    path("", include("organizations.account_urls")),
    path("o/<slug:slug>/settings/", include("organizations.place_urls")),
    path("o/<slug:slug>/", include("validations.urls")),
    path("notices/", include("notifications.urls")),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
]
