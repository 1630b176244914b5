"""Addresses of one organization's settings, under o/<slug>/settings/."""

from django.urls import path

from organizations.views import keys, roles

app_name = "organization"
urlpatterns = [
    path("keys/", keys.key_list, name="keys"),
    path("keys/<int:key_id>/revoke/", keys.key_revoke, name="key-revoke"),
    path("roles/", roles.role_list, name="roles"),
    path("roles/new/", roles.role_new, name="role-new"),
    path("roles/seed/", roles.role_seed, name="role-seed"),
    path("roles/<slug:key>/", roles.role_detail, name="role-detail"),
    path("roles/<slug:key>/delete/", roles.role_delete, name="role-delete"),
]
