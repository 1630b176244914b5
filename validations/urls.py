"""Addresses of one organization's runs, under o/<slug>/."""

from django.urls import path

from validations.views import acts, batch, compare, downloads, fixes, rules, run, run_list, upload

EXPORT = "runs/<uuid:run_id>/exports/<uuid:export_id>"

app_name = "validations"
urlpatterns = [
    path("", run_list.run_list, name="run-list"),
    path("events/", run_list.run_list_events, name="run-list-events"),
    path("progress/", run_list.run_list_progress, name="run-list-progress"),
    path("upload/", upload.upload, name="upload"),
    path("rules/", rules.rules, name="rules"),
    path("templates/<slug:name>.csv", upload.profile_template, name="profile-template"),
    path("batches/<uuid:batch_id>/", batch.batch_detail, name="batch-detail"),
    path("batches/<uuid:batch_id>/events/", batch.batch_events, name="batch-events"),
    path("batches/<uuid:batch_id>/progress/", batch.batch_progress, name="batch-progress"),
    path("batches/<uuid:batch_id>/cancel/", batch.batch_cancel, name="batch-cancel"),
    path("runs/<uuid:run_id>/", run.run_detail, name="run-detail"),
    path("runs/<uuid:run_id>/events/", run.run_events, name="run-events"),
    path("runs/<uuid:run_id>/progress/", run.run_progress, name="run-progress"),
    path("runs/<uuid:run_id>/findings.csv", downloads.run_findings_csv, name="run-findings-csv"),
    path("runs/<uuid:run_id>/exports/", downloads.run_export, name="run-export"),
    path(f"{EXPORT}/", downloads.export_detail, name="export-detail"),
    path(f"{EXPORT}/events/", downloads.export_events, name="export-events"),
    path(f"{EXPORT}/progress/", downloads.export_progress, name="export-progress"),
    path(f"{EXPORT}/file/", downloads.export_file, name="export-file"),
    path(f"{EXPORT}/cancel/", downloads.export_cancel, name="export-cancel"),
    path("runs/<uuid:run_id>/compare/", compare.run_compare, name="run-compare"),
    path("runs/<uuid:run_id>/fixes/", fixes.run_fixes, name="run-fixes"),
    path("runs/<uuid:run_id>/fixes/decide/", fixes.run_decide, name="run-decide"),
    path("runs/<uuid:run_id>/fixes/check/", fixes.run_check_corrected, name="run-check-corrected"),
    path("runs/<uuid:run_id>/cancel/", acts.run_cancel, name="run-cancel"),
    path("runs/<uuid:run_id>/retry/", acts.run_retry, name="run-retry"),
    path("runs/<uuid:run_id>/again/", acts.run_again, name="run-again"),
    path("runs/<uuid:run_id>/replaces/", acts.run_replaces, name="run-replaces"),
    path("runs/<uuid:run_id>/delete/", acts.run_delete, name="run-delete"),
]
