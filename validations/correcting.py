"""The corrected file of a run: its table as it was sent, with the accepted fixes in it."""

import hashlib
import tempfile
from pathlib import Path

from django.core.files import File

from jobs.context import RunningJob
from jobs.errors import FencedError, PermanentError
from validations import rebuilding
from validations.files import engine_folder
from validations.fixes import Decisions, changes_of
from validations.models import ValidationRun
from validations.progress import held_by


def provide_file(job: RunningJob, run: ValidationRun) -> None:
    """Write and store the file of a run that was started as a corrected one, where it is not stored yet.

    Raises: PermanentError, `file-gone`, when the run that it corrects is no more; FencedError when another attempt has
    the job by now.
    """
    if not run.corrections or run.file:
        return
    runs = ValidationRun.objects.for_organization(run.organization_id).exclude(result=None)
    source = runs.select_related("profile").filter(pk=run.repeats_id).first() if run.repeats_id else None
    if source is None:
        raise PermanentError("file-gone")
    with tempfile.TemporaryDirectory(prefix="correct-", dir=engine_folder()) as folder:
        path = Path(folder) / "corrected.csv"
        changes = changes_of(source, Decisions.from_json(run.corrections))
        encoding = rebuilding.write_table(source, path, lambda: rebuilding.table_of(source, changes))
        with path.open("rb") as written:
            run.sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        run.size_bytes = path.stat().st_size
        run.options = {**run.options, "encoding": encoding}
        with path.open("rb") as written:
            run.file.save(run.file_name, File(written), save=False)
    kept = held_by(job, run).update(
        file=run.file.name, sha256=run.sha256, size_bytes=run.size_bytes, options=run.options
    )
    # Bytes that belong to no row are swept.
    if not kept:
        raise FencedError
