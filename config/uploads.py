"""Files on their way in: a multipart body becomes text fields and hashed files on disk while it arrives.

Django reads a whole body before it looks at it. Here each piece is parsed, hashed and written as it comes, so
that the answer follows the last byte at once, and what may not come in is refused before it is there.

    BodyRefusedError        a body that is not let in: `status` and `code` for programs, `message` for people
    ├── BodyTooLargeError   413
    ├── MalformedBodyError  400: too many parts, too much text, a multipart body that is none
    ├── TooSlowError        408
    ├── SignInFirstError    401
    └── NoRoomError         507
"""

import hashlib
import html
import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

logger = logging.getLogger(__name__)

# A file name of 5,000 characters must still reach the code that shortens it, even in UTF-8.
HEADER_MAX_BYTES = 32 * 1024
HEADERS_PER_PART = 8
# Where the upload handlers of this project look for files that a killed process left behind.
TEMPORARY_SUFFIX = ".upload"
# So much of a file may wait for the disk: when its last byte is here, little is left to be written.
UNWRITTEN_MAX_BYTES = 8 * 1024 * 1024
# Encodings of a part that leave its bytes as they are; browsers send none at all.
_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")


class BodyRefusedError(Exception):
    """The request was refused."""

    status = 400
    code = "bad-request"
    message: ClassVar[str | Promise] = _(
        "The request could not be read. Go back, reload the page and try again."
    )


class BodyTooLargeError(BodyRefusedError):
    """The body, or one file in it, is larger than allowed."""

    status = 413
    code = "too-large"
    message = _("The upload is larger than allowed. Send fewer or smaller files.")


class MalformedBodyError(BodyRefusedError):
    """The body is no form, or has more parts than a form of ours ever has."""

    code = "malformed"


class TooSlowError(BodyRefusedError):
    """The body did not arrive in time."""

    status = 408
    code = "too-slow"
    message = _("The upload took too long and was stopped. Check your connection and try again.")


class SignInFirstError(BodyRefusedError):
    """More came from somebody unknown than a sign-in form ever holds."""

    status = 401
    code = "not-authenticated"
    message = _("Sign in first, then send your files.")


class NoRoomError(BodyRefusedError):
    """The disk that takes uploads is full or broken."""

    status = 507
    code = "no-room"
    message = _("The server could not store the file. Try again later.")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of what one body may hold."""

    body_bytes: int
    file_bytes: int
    text_bytes: int
    files: int
    fields: int

    @classmethod
    def from_settings(cls) -> Self:
        """The limits that the settings name; text fields come on top of the files."""
        return cls(
            body_bytes=settings.UPLOAD_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            file_bytes=settings.UPLOAD_MAX_BYTES,
            text_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            files=settings.DATA_UPLOAD_MAX_NUMBER_FILES,
            fields=settings.UPLOAD_MAX_FIELDS,
        )


class HashedUpload(TemporaryUploadedFile):
    """A file in FILE_UPLOAD_TEMP_DIR that knows its SHA-256 and size; a file storage moves it into place."""

    file: IO[bytes]
    sha256: str
    size: int

    def __init__(self, name: str, content_type: str, parameters: Mapping[str, str]) -> None:
        folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not the parent's constructor: it puts the sender's extension, of any length, into the path.
        spool = tempfile.NamedTemporaryFile(suffix=TEMPORARY_SUFFIX, dir=folder)  # noqa: SIM115 -- closed by close()
        extra = dict(parameters)
        UploadedFile.__init__(self, spool, name, content_type, 0, extra.get("charset"), extra)  # type: ignore[arg-type]  # a wrapped file
        self._digest = hashlib.sha256()
        self._unwritten_bytes = 0

    def take(self, data: bytes | memoryview) -> None:
        """Append to the file."""
        self._digest.update(data)
        self.file.write(data)
        self.size += len(data)
        self._unwritten_bytes += len(data)
        if self._unwritten_bytes >= UNWRITTEN_MAX_BYTES:
            self._write_through()

    def complete(self) -> None:
        """Make the file readable from its start; nothing may be appended after it."""
        self._write_through()
        self.file.seek(0)
        self.sha256 = self._digest.hexdigest()

    def _write_through(self) -> None:
        """Wait until the disk has what came so far, so that it survives a power loss."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self._unwritten_bytes = 0


class HashedUploadHandler(FileUploadHandler):
    """Gives the same kind of file when a request is parsed by Django itself (WSGI, test client)."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Open the file that the chunks go to."""
        super().new_file(*args, **kwargs)
        extra = {key: str(value) for key, value in (self.content_type_extra or {}).items()}
        self.file = HashedUpload(self.file_name or "", self.content_type or "", extra)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Append one chunk.

        Raises: RequestDataTooBig when the file is larger than one may be.
        """
        if start + len(raw_data) > settings.UPLOAD_MAX_BYTES:
            self.file.close()
            raise RequestDataTooBig("A file is larger than UPLOAD_MAX_BYTES.")
        self.file.take(raw_data)

    def file_complete(self, file_size: int) -> HashedUpload:
        """The finished file."""
        self.file.complete()
        return self.file

    def upload_interrupted(self) -> None:
        """Remove the file that will not be finished."""
        if hasattr(self, "file"):
            self.file.close()


class _TextPart:
    """A form field; its bytes count against one limit for all fields together."""

    def __init__(self, form: "IncomingForm", name: str) -> None:
        self._form = form
        self._name = name
        self._value = bytearray()
        form.charge_text(len(name))

    def take(self, data: memoryview) -> None:
        self._form.charge_text(len(data))
        self._value += data

    def complete(self) -> None:
        self._form.post.appendlist(self._name, self._value.decode(errors="replace"))


class _FilePart:
    """A file, written to disk as it comes."""

    def __init__(self, form: "IncomingForm", name: str, upload: HashedUpload) -> None:
        self._limit_bytes = form.limits.file_bytes
        self._upload = upload
        # Known to the form from its first byte on, so that closing the form removes it also when unfinished.
        form.files.appendlist(name, upload)

    def take(self, data: memoryview) -> None:
        if self._upload.size + len(data) > self._limit_bytes:
            raise BodyTooLargeError
        self._upload.take(data)

    def complete(self) -> None:
        self._upload.complete()


class _DroppedPart:
    """A part without a name, or a file whose name is only folders: read and forgotten, as by Django."""

    def take(self, data: memoryview) -> None:
        """Nothing of it is kept."""

    def complete(self) -> None:
        """Nothing of it was kept."""


class IncomingForm:
    """A multipart body, fed piece by piece: fields in `post`, files in `files`, as a view expects them.

    It is used from several threads, one after the other; `close` may come while `feed` still runs.
    """

    def __init__(self, content_type: str, limits: Limits) -> None:
        self.limits = limits
        self.post = QueryDict(mutable=True)
        self.files: MultiValueDict[str, HashedUpload] = MultiValueDict()
        self._lock = threading.Lock()
        self._closed = False
        self._ended = False
        self._parts_left = {"file": limits.files, "field": limits.fields}
        self._text_left = limits.text_bytes
        self._part: _TextPart | _FilePart | _DroppedPart = _DroppedPart()
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[str, str] = {}
        self._parser = self._make_parser(content_type)

    def feed(self, data: bytes | bytearray) -> None:
        """Take in the next bytes of the body.

        Raises: BodyRefusedError, and from then on the form is of no use but to be closed.
        """
        with self._lock:
            if self._closed:
                return
            try:
                self._parser.write(data)  # type: ignore[arg-type]  # it only slices and searches
            except FormParserError:
                # Without the parser's own message, which quotes bytes of the body.
                raise MalformedBodyError from None
            except OSError as error:
                logger.exception("An upload could not be written to disk")
                raise NoRoomError from error

    def finish(self) -> None:
        """Check that the body ended as a form ends.

        Raises: MalformedBodyError when its last boundary never came: the last file may be cut off.
        """
        if not self._ended:
            raise MalformedBodyError
        # Django's own name for "may no longer be changed"; a view gets what a view always gets.
        self.post._mutable = False  # noqa: SLF001

    def close(self) -> None:
        """Remove every file that was not moved away; safe to repeat."""
        with self._lock:
            self._closed = True
            for _name, uploads in self.files.lists():
                for upload in uploads:
                    upload.close()

    def charge_text(self, size_bytes: int) -> None:
        """Count bytes that are kept in memory.

        Raises: MalformedBodyError when they are more than all text fields together may have.
        """
        self._text_left -= size_bytes
        if self._text_left < 0:
            raise MalformedBodyError

    def _make_parser(self, content_type: str) -> MultipartParser:
        boundary = _parameters(content_type)[1].get("boundary", "")
        if not boundary or not boundary.isascii() or not boundary.isprintable():
            raise MalformedBodyError
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._extend_header_name,
                    "on_header_value": self._extend_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._open_part,
                    "on_part_data": self._extend_part,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_count=HEADERS_PER_PART,
                max_header_size=HEADER_MAX_BYTES,
            )
        except FormParserError:
            raise MalformedBodyError from None

    def _begin_part(self) -> None:
        self._headers = {}

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._headers[name] = self._header_value.decode(errors="replace")
        self._header_name.clear()
        self._header_value.clear()

    def _open_part(self) -> None:
        if self._headers.get("content-transfer-encoding", "").strip().lower() not in _PLAIN_ENCODINGS:
            raise MalformedBodyError
        parameters = _parameters(self._headers.get("content-disposition", ""))[1]
        # An empty file input comes as a file without a name, and counts as an empty field: so does Django.
        if file_name := parameters.get("filename"):
            self._count("file")
            self._part = self._file_part(parameters.get("name", ""), clean_file_name(file_name))
        else:
            self._count("field")
            name = parameters.get("name", "").strip()
            self._part = _TextPart(self, name) if name else _DroppedPart()

    def _file_part(self, name: str, file_name: str) -> "_FilePart | _DroppedPart":
        if not name.strip() or not file_name:
            return _DroppedPart()
        content_type, parameters = _parameters(self._headers.get("content-type", ""))
        return _FilePart(self, name.strip(), HashedUpload(file_name, content_type, parameters))

    def _count(self, kind: str) -> None:
        self._parts_left[kind] -= 1
        if self._parts_left[kind] < 0:
            raise MalformedBodyError

    def _extend_part(self, data: bytes, start: int, end: int) -> None:
        self._part.take(memoryview(data)[start:end])

    def _end_part(self) -> None:
        self._part.complete()

    def _end(self) -> None:
        self._ended = True


def _parameters(header: str) -> tuple[str, dict[str, str]]:
    """The value of a header and its parameters.

    Raises: MalformedBodyError when a parameter is in an unknown character set.
    """
    try:
        return parse_header_parameters(header)
    except ValueError:
        raise MalformedBodyError from None


def clean_file_name(name: str) -> str:
    """The last component of a sent file name without control characters; empty where nothing is left."""
    last = html.unescape(name).replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(char for char in last if char.isprintable())
    return "" if printable in (".", "..") else printable


def sweep_abandoned() -> int:
    """The number of files removed that a killed process left in FILE_UPLOAD_TEMP_DIR."""
    # An upload that still grows is younger, and one that is complete is stored within a request.
    oldest = time.time() - settings.UPLOAD_MAX_SECONDS - 3600
    removed = 0
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).glob(f"*{TEMPORARY_SUFFIX}"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
        except FileNotFoundError:
            continue  # another process was faster
    return removed
