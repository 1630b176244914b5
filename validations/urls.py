"""Addresses of one organization's runs, under o/<slug>/."""

from django.urls import path

from validations import views

app_name = "validations"
urlpatterns = [
    path("", views.run_list, name="run-list"),
    path("events/", views.run_list_events, name="run-list-events"),
    path("progress/", views.run_list_progress, name="run-list-progress"),
    path("upload/", views.upload, name="upload"),
    path("templates/<slug:name>.csv", views.profile_template, name="profile-template"),
    path("runs/<uuid:run_id>/", views.run_detail, name="run-detail"),
    path("runs/<uuid:run_id>/events/", views.run_events, name="run-events"),
    path("runs/<uuid:run_id>/progress/", views.run_progress, name="run-progress"),
    path("runs/<uuid:run_id>/findings.csv", views.run_findings_csv, name="run-findings-csv"),
    path("runs/<uuid:run_id>/cancel/", views.run_cancel, name="run-cancel"),
    path("runs/<uuid:run_id>/retry/", views.run_retry, name="run-retry"),
    path("runs/<uuid:run_id>/again/", views.run_again, name="run-again"),
    path("runs/<uuid:run_id>/delete/", views.run_delete, name="run-delete"),
]
