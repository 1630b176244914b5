"""What can be taken away from a run."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from validations import pages
from validations.downloads import LinesResponse
from validations.exports.csv import findings_csv
from validations.querysets import (
    findings_filtered,
)
from validations.sentences import reader_language
from validations.views.shared import EXPORT, as_download, enter, find_run

# Rows of a download that are read from the database at once.
EXPORT_CHUNK = 2000


@login_required
@require_GET
def run_findings_csv(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """The findings that fit the filters, as a file for a spreadsheet of the reader's language."""
    organization = enter(request, slug, EXPORT)
    run = find_run(organization, run_id)
    filters = pages.Filters.of(request.GET)
    findings = findings_filtered(run, filters.wanted(), filters.sort)
    language = reader_language()
    lines = findings_csv(
        findings.iterator(chunk_size=EXPORT_CHUNK),
        language,
        delimiter=";" if language == "fr" else ",",
        with_bom=True,
    )
    response = LinesResponse(lines, content_type="text/csv; charset=utf-8")
    stem = run.file_name.rsplit(".", 1)[0]
    return as_download(response, f"{stem} – {_('findings')}.csv")
