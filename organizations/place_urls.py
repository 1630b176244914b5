"""Addresses of one organization's settings, under o/<slug>/settings/."""

from django.urls import path

from organizations.views import roles

app_name = "organization"
urlpatterns = [
    path("roles/", roles.role_list, name="roles"),
]
