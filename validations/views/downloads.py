"""What can be taken away from a run."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from validations import pages
from validations.downloads import BlocksResponse, as_asked
from validations.exports import Format, Source, formats
from validations.exports.csv import FindingsCsv
from validations.exports.source import Wanted
from validations.models import ValidationRun
from validations.sentences import reader_language
from validations.views.shared import EXPORT, as_download, enter, find_run


@login_required
@require_GET
def run_findings_csv(request: HttpRequest, slug: str, run_id: uuid.UUID) -> HttpResponseBase:
    """The findings that fit the filters, as a file for a spreadsheet of the reader's language."""
    organization = enter(request, slug, EXPORT)
    run = find_run(organization, run_id)
    filters = pages.Filters.of(request.GET)
    wanted = Wanted(
        code="" if filters.code == pages.EVERYTHING else filters.code,
        severity=filters.severity,
        search=filters.search,
        sort=filters.sort,
    )
    return _sent(run, formats[FindingsCsv.name], wanted)


def _sent(run: ValidationRun, kind: Format, wanted: Wanted) -> HttpResponseBase:
    """The file, made while it is sent."""
    source = Source(run=run, language=reader_language(), wanted=wanted)
    response = BlocksResponse(as_asked(kind.blocks(source)), content_type=kind.content_type)
    return as_download(response, file_name(run, kind))


def file_name(run: ValidationRun, kind: Format) -> str:
    """What the file is called on the reader's machine."""
    return f"{run.file_name.rsplit('.', 1)[0]} – {kind.suffix}.{kind.extension}"
