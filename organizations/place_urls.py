"""Addresses of one organization's settings, under o/<slug>/settings/."""

from django.urls import path

from organizations.views import activity, general, keys, members, roles

app_name = "organization"
urlpatterns = [
    path("", general.general, name="general"),
    path("activity/", activity.activity, name="activity"),
    path("activity.csv", activity.activity_csv, name="activity-csv"),
    path("members/", members.member_list, name="members"),
    path("members/<int:member_id>/", members.member_change, name="member-change"),
    path("members/<int:member_id>/remove/", members.member_remove, name="member-remove"),
    path("invitations/<uuid:invitation_id>/again/", members.invitation_again, name="invitation-again"),
    path("invitations/<uuid:invitation_id>/revoke/", members.invitation_revoke, name="invitation-revoke"),
    path("keys/", keys.key_list, name="keys"),
    path("keys/<int:key_id>/revoke/", keys.key_revoke, name="key-revoke"),
    path("roles/", roles.role_list, name="roles"),
    path("roles/new/", roles.role_new, name="role-new"),
    path("roles/seed/", roles.role_seed, name="role-seed"),
    path("roles/<slug:key>/", roles.role_detail, name="role-detail"),
    path("roles/<slug:key>/delete/", roles.role_delete, name="role-delete"),
]
