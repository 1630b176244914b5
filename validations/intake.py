"""What is let in: the checks of an upload that need only its name, its size and its first bytes.

The content is judged by the engine, in the worker. Here only what can be told at once is refused, so that the
sender learns it while still looking at the form.
"""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

WORKBOOK_EXTENSIONS = (".xlsx", ".ods")
ALLOWED_EXTENSIONS = (".csv", ".tsv", ".txt", *WORKBOOK_EXTENSIONS)
# Long enough for every name a person gives, short enough for every page that shows it.
DISPLAY_NAME_LENGTH = 200
# Enough to see every signature below and to tell a file of line ends from a table.
HEAD_BYTES = 4096

# The limit is on the last 24 hours, so that room comes back little by little.
RETRY_AFTER_SECONDS = 3600

_PACKED = b"PK\x03\x04"
# How an Excel workbook and an OpenDocument spreadsheet begin behind the first 30 bytes: with the name of a part.
_FIRST_PARTS = {
    ".xlsx": (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"customXml/"),
    ".ods": (b"mimetype",),
}
# First bytes -> what was sent; the words stand in the sentence "The file is …".
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "pdf"),
    (_PACKED, "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"\x7fELF", "program"),
    (b"MZ\x90", "program"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!\x1a\x07", "archive"),
    (b"BZh", "archive"),
    (b"SQLite format 3\x00", "database"),
)
_MARKUP = re.compile(rb"\A\s*<(?:!doctype\s+html|html|head|body|script|\?xml|svg)\b", re.IGNORECASE)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class UploadRefusedError(Exception):
    """An upload that is not let in; `message` says in the reader's language what to do."""

    def __init__(self, code: str, *, status: int = 422, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.params = params

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its status: when to come back after a limit."""
        seconds = self.params.get("retry_after", RETRY_AFTER_SECONDS)
        return {"Retry-After": str(seconds)} if self.status == 429 else {}

    @property
    def message(self) -> str:
        """The sentence for the person who sent the file, in the language of the request."""
        sentence: str = _SENTENCES[self.code](self.params)
        return sentence


def display_name(name: str) -> str:
    """The sender's file name without folders, control and direction characters, shortened in the middle."""
    base = PurePosixPath(unquote(name).replace("\\", "/")).name
    text = unicodedata.normalize("NFC", base)
    # Cc and Cf hold line ends, NUL, ANSI escapes and the right-to-left overrides that disguise an extension.
    text = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    text = " ".join(text.split())
    if len(text) <= DISPLAY_NAME_LENGTH:
        return text
    keep = DISPLAY_NAME_LENGTH // 2 - 1
    return f"{text[:keep]}…{text[-keep:]}"


def check_upload(upload: UploadedFile[bytes]) -> str:
    """The display name of a file that may come in.

    Raises: UploadRefusedError for a wrong extension, an empty or too large file, or content that is no text.
    """
    name = display_name(upload.name or "")
    extension = PurePosixPath(name).suffix.lower()
    if extension not in ALLOWED_EXTENSIONS:
        raise UploadRefusedError("file-extension", extension=extension)
    size = upload.size or 0
    if size > settings.UPLOAD_MAX_BYTES:
        raise UploadRefusedError("file-too-large", status=413, limit_bytes=settings.UPLOAD_MAX_BYTES)
    head = _head_of(upload)
    if size == 0 or (size <= HEAD_BYTES and not _without_marks(head).strip(b"\r\n\t \x00")):
        raise UploadRefusedError("file-empty")
    if extension in WORKBOOK_EXTENSIONS:
        _check_workbook(head, extension)
        return name
    kind = kind_of(head)
    if kind is not None:
        raise UploadRefusedError("file-kind", kind=kind)
    return name


def _check_workbook(head: bytes, extension: str) -> None:
    """Nothing, when a file begins as its extension says; nothing of it is unpacked, that is the worker's to do.

    Raises: UploadRefusedError for an archive or another document, and for what can be seen to be encrypted.
    """
    if not head.startswith(_PACKED):
        # Office puts an encrypted workbook into the container of its old files.
        code = "workbook-password" if kind_of(head) == "office" else "workbook-missing"
        raise UploadRefusedError(code)
    if head[6] & 1:
        raise UploadRefusedError("workbook-password")
    if not head[30:].startswith(_FIRST_PARTS[extension]):
        raise UploadRefusedError("file-kind", kind="archive")


def kind_of(head: bytes) -> str | None:
    """What the first bytes say the file is, or None where it may be a text table."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    return "markup" if _MARKUP.match(_without_marks(head)) else None


def _head_of(upload: UploadedFile[bytes]) -> bytes:
    source: BinaryIO = upload.file  # type: ignore[assignment]  # always open here
    source.seek(0)
    head = source.read(HEAD_BYTES)
    source.seek(0)
    return head


def _without_marks(head: bytes) -> bytes:
    for mark in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :]
    return head


def _kind_sentence(params: dict[str, Any]) -> str:
    names = {
        "pdf": _("The selected file is a PDF."),
        "zip": _(
            "The selected file is a workbook or a ZIP archive, though its name says that it is a text file."
        ),
        "gzip": _("The selected file is a compressed archive."),
        "office": _("The selected file is an Office document."),
        "image": _("The selected file is a picture."),
        "program": _("The selected file is a program."),
        "archive": _("The selected file is a compressed archive."),
        "database": _("The selected file is a database."),
        "markup": _("The selected file is a web page."),
    }
    what_to_do = _("Export it as CSV, then send that file.")
    return f"{names[params['kind']]} {what_to_do}"


_SENTENCES: dict[str, Any] = {
    "file-missing": lambda params: _("Select a file."),
    "file-empty": lambda params: _("The selected file is empty."),
    "file-extension": lambda params: _("The selected file must be a CSV, TSV, TXT, XLSX or ODS file."),
    "file-too-large": lambda params: (
        _("The selected file must be smaller than %(limit)s.")
        % {"limit": filesizeformat(params["limit_bytes"])}
    ),
    "file-kind": _kind_sentence,
    "workbook-missing": lambda params: _(
        "The selected file is named as a workbook, but is none. Save it as XLSX, ODS or CSV, then send it again."
    ),
    "workbook-password": lambda params: _(
        "The selected workbook is protected by a password or saved in an old format. Save it as XLSX without a "
        "password, then send it again."
    ),
    "too-many-files": lambda params: _("Select at most %(count)d files at once.") % params,
    "replaces-one": lambda params: _("A corrected file replaces one file: select one."),
    "daily-limit": lambda params: (
        _("Your organization has reached its limit of %(limit)d uploads a day. Try again tomorrow.") % params
    ),
    "daily-size-limit": lambda params: (
        _("Your organization has reached its limit of %(limit)s a day. Try again tomorrow.")
        % {"limit": filesizeformat(params["limit_bytes"])}
    ),
    "minute-limit": lambda params: (
        _("You have sent %(limit)d files within a minute. Wait a minute, then send the others.") % params
    ),
    "organization-suspended": lambda params: _(
        "Your organization is suspended and cannot upload files. Contact support."
    ),
    "idempotency-key-reused": lambda params: _(
        "This Idempotency-Key was used for another file. Send each file with a key of its own."
    ),
    "profile-unknown": lambda params: _("Choose a file format from the list."),
    "option-invalid": lambda params: _("The reading options are not valid. Check “%(option)s”.") % params,
    "storage": lambda params: _("The file could not be stored because the disk is full. Try again later."),
}
