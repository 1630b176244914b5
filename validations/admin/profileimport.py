"""What staff upload to make a profile of: a JSON Table Schema, or a sample file."""

import json
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from validations.engine.errors import EngineError, UnreadableFileError
from validations.engine.options import Options
from validations.engine.profile import Profile as EngineProfile
from validations.engine.profile import ProfileError
from validations.engine.propose import Proposal, propose
from validations.files import engine_folder
from validations.sentences import reader_language

# A profile of 200 columns has some 100 kB.
SCHEMA_BYTES = 1024 * 1024
# Read while somebody waits for the page.
SAMPLE_BYTES = 5 * 1024 * 1024


class ImportedFileError(Exception):
    """A file that no profile can be made of; its text says why, in the reader's language."""


def read_schema(upload: UploadedFile[Any] | None, *, name: str) -> dict[str, Any]:
    """The descriptor in a JSON Table Schema file, under the name given where it brings none.

    Raises: ImportedFileError, with the path in the document where something is wrong.
    """
    text = _bytes_of(upload, SCHEMA_BYTES)
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except RecursionError:
        raise ImportedFileError(_("The file is nested too deeply.")) from None
    except ValueError as error:
        line = getattr(error, "lineno", None)
        where = _("line %(line)s: ") % {"line": line} if line else ""
        raise ImportedFileError(where + _("This is no JSON document.")) from None
    if not isinstance(document, dict):
        raise ImportedFileError(_("A Table Schema is one JSON object with a list of “fields”."))
    descriptor = {key: value for key, value in document.items() if key not in ("$schema", "profile")}
    descriptor["name"] = name or descriptor.get("name", "")
    checked = {**descriptor, "name": descriptor["name"] or "imported"}
    try:
        EngineProfile.from_descriptor(checked)
    except ProfileError as error:
        raise ImportedFileError(f"{error.path}: {error.problem.to(reader_language())}") from None
    return descriptor


def read_sample(upload: UploadedFile[Any] | None) -> Proposal:
    """What a sample file proposes.

    Raises: ImportedFileError, with the engine's sentence, when it is no table.
    """
    content = _bytes_of(upload, SAMPLE_BYTES)
    options = Options(temp_dir=engine_folder(), memory_limit_mb=settings.ENGINE_MEMORY_LIMIT_MB)
    with tempfile.TemporaryDirectory(prefix="sample-", dir=engine_folder()) as folder:
        path = Path(folder) / "sample"
        path.write_bytes(content)
        try:
            return propose(path, options)
        except UnreadableFileError as error:
            raise ImportedFileError(error.sentence(reader_language())) from None
        except EngineError:
            raise ImportedFileError(_("The file could not be read.")) from None


def _bytes_of(upload: UploadedFile[Any] | None, limit_bytes: int) -> bytes:
    if upload is None:
        raise ImportedFileError(_("Select a file."))
    if (upload.size or 0) > limit_bytes:
        raise ImportedFileError(
            _("The file must be smaller than %(size)d MB. The first rows of a large one are enough.")
            % {"size": limit_bytes // 1024**2}
        )
    content: bytes = upload.read()
    if not content.strip():
        raise ImportedFileError(_("The selected file is empty."))
    return content
