"""What becomes of a form piece by piece, and that it is the same as when Django parses it."""

import hashlib
import os
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.uploads import (
    BodyRefusedError,
    BodyTooLargeError,
    HashedUpload,
    IncomingForm,
    Limits,
    MalformedBodyError,
    clean_file_name,
    sweep_abandoned,
)
from tests.support.web import BOUNDARY, FORM_TYPE, field, file, form

LIMITS = Limits(body_bytes=10**6, file_bytes=10**6, text_bytes=10**5, files=20, fields=20)


@pytest.fixture
def incoming(settings: Any) -> Path:
    return Path(settings.FILE_UPLOAD_TEMP_DIR)


def taken_in(body: bytes, *, limits: Limits = LIMITS, piece_bytes: int = 10**6) -> IncomingForm:
    """The form that comes in pieces of that size; the caller closes it."""
    incoming = IncomingForm(FORM_TYPE, limits)
    try:
        for start in range(0, len(body), piece_bytes):
            incoming.feed(body[start : start + piece_bytes])
        incoming.finish()
    except BodyRefusedError:
        incoming.close()
        raise
    return incoming


def parsed_by_django(body: bytes) -> HttpRequest:
    request = RequestFactory().generic("POST", "/", body, content_type=FORM_TYPE)
    assert request.POST is not None
    return request


def contents(files: Any) -> list[tuple[str, str, bytes, str, int]]:
    """Everything that a view can know of the files, in order; the files are closed."""
    seen = []
    for name, uploads in files.lists():
        for upload in cast("list[HashedUpload]", uploads):
            seen.append((name, upload.name or "", upload.read(), upload.sha256, upload.size))
            upload.close()
    return seen


# Pieces of boundaries in the content are what a parser of pieces gets wrong.
PIECES = [
    b"\r\n",
    b"--",
    b"\r",
    b"\n",
    b"-",
    f"\r\n--{BOUNDARY}"[:-2].encode(),
    BOUNDARY.encode()[:-1],
    b"a;b",
]
contents_of_files = st.lists(st.sampled_from(PIECES)).map(b"".join)


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    fields=st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=30)), max_size=4),
    files=st.lists(contents_of_files, max_size=3),
    piece_bytes=st.integers(1, 200),
)
def test_a_form_is_the_same_in_any_pieces_and_by_django(
    fields: list[tuple[str, str]],
    files: list[bytes],
    piece_bytes: int,
) -> None:
    parts = [field(name, value) for name, value in fields]
    body = form(*parts, *(file("files", "a.csv", content) for content in files))
    ours = taken_in(body, piece_bytes=piece_bytes)
    theirs = parsed_by_django(body)
    assert list(ours.post.lists()) == list(theirs.POST.lists())
    seen = contents(ours.files)
    assert seen == contents(theirs.FILES)
    assert [(content, digest) for _, _, content, digest, _ in seen] == [
        (content, hashlib.sha256(content).hexdigest()) for content in files
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "C:\\x\\y.csv",
        "/abs.csv",
        "-rf.csv",
        ".htaccess",
        "CON.csv",
        "..",
        "/",
        "a" * 5000 + ".csv",
        "a." + "b" * 5000,
        "été €.csv",
        "a\u202egnp.csv",
        "<script>.csv",
        "a&quot;b.csv",
        "a\x00b.csv",
        "a\tb.csv",
        " ",
    ],
)
def test_a07_a_file_name_is_cleaned_as_django_does_and_opens_no_other_path(incoming: Path, name: str) -> None:
    ours = taken_in(form(file("files", name, b"x")))
    paths = [Path(upload.temporary_file_path()).parent for upload in ours.files.getlist("files")]
    assert all(folder == incoming for folder in paths)
    seen = contents(ours.files)
    assert all("/" not in cleaned and "\\" not in cleaned and len(cleaned) <= 255 for _, cleaned, *_ in seen)
    if len(name) < 500:  # Django refuses longer heads
        assert seen == contents(parsed_by_django(form(file("files", name, b"x"))).FILES)


def test_a_file_input_that_was_left_empty_is_no_file() -> None:
    ours = taken_in(form(file("files", "", b"")))
    assert (dict(ours.post.lists()), contents(ours.files)) == ({"files": [""]}, [])


def test_a_view_cannot_change_the_fields() -> None:
    with pytest.raises(AttributeError):
        taken_in(form(field("a", "1"))).post["a"] = "2"


def test_closing_removes_a_file_in_mid_air(incoming: Path) -> None:
    unfinished = IncomingForm(FORM_TYPE, LIMITS)
    unfinished.feed(file("files", "a.csv", b"x" * 1000)[:-100])
    assert len(list(incoming.iterdir())) == 1
    unfinished.close()
    assert list(incoming.iterdir()) == []


def test_bytes_that_come_after_closing_open_no_new_file(incoming: Path) -> None:
    closed = IncomingForm(FORM_TYPE, LIMITS)
    closed.close()
    closed.feed(file("files", "a.csv", b"x"))
    assert list(incoming.iterdir()) == []


def test_temporary_files_are_for_their_owner_only(incoming: Path) -> None:
    ours = taken_in(form(file("files", "a.csv", b"x")))
    assert [path.stat().st_mode & 0o077 for path in incoming.iterdir()] == [0]
    ours.close()


def test_a_missing_folder_is_made(settings: Any, tmp_path: Path) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "not" / "there")
    taken_in(form(file("files", "a.csv", b"x"))).close()
    assert (tmp_path / "not" / "there").stat().st_mode & 0o077 == 0


def test_a02_a_file_may_not_grow_beyond_its_limit() -> None:
    small = Limits(body_bytes=10**6, file_bytes=100, text_bytes=100, files=2, fields=2)
    taken_in(form(file("files", "a.csv", b"x" * 100)), limits=small).close()
    with pytest.raises(BodyTooLargeError):
        taken_in(form(file("files", "a.csv", b"x" * 101)), limits=small, piece_bytes=7)


def feed_endlessly(incoming: IncomingForm) -> None:
    for _ in range(1000):
        incoming.feed(b"x" * 10_000)


def test_a10_a_long_text_field_is_refused_before_it_is_in_memory() -> None:
    head = field("note", "")[:-2]
    incoming = IncomingForm(FORM_TYPE, LIMITS)
    incoming.feed(head)
    tracemalloc.start()
    with pytest.raises(MalformedBodyError):
        feed_endlessly(incoming)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10 * LIMITS.text_bytes


def test_a10_a_parser_error_repeats_no_byte_of_the_body(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(MalformedBodyError) as refusal:
        taken_in(f"--{BOUNDARY}\r\nTREMBLAY Ginette\r\n\r\n".encode())
    assert "TREMBLAY" not in f"{refusal.value!r} {refusal.value.__context__!r} {refusal.value.message}"
    assert "'T'" not in caplog.text


def test_django_s_own_parser_keeps_to_the_limit_of_a_file(settings: Any, incoming: Path) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    request = RequestFactory().post("/", {"files": NamedBytes(b"x" * 1001)})
    with pytest.raises(RequestDataTooBig):
        request.FILES  # noqa: B018 -- reading it is what parses
    assert list(incoming.iterdir()) == []


class NamedBytes(BytesIO):
    name = "a.csv"


@pytest.mark.parametrize(
    ("sent", "cleaned"), [("a/b.csv", "b.csv"), ("..", ""), ("a\nb", "ab"), ("&lt;", "<")]
)
def test_a08_a_file_name_keeps_only_what_can_be_shown(sent: str, cleaned: str) -> None:
    assert clean_file_name(sent) == cleaned


def test_the_sweeper_takes_only_what_is_too_old_to_be_still_under_way(settings: Any, incoming: Path) -> None:
    settings.UPLOAD_MAX_SECONDS = 3600
    for name, age_seconds in (("old.upload", 10_000), ("new.upload", 5_000), ("other", 10_000)):
        path = incoming / name
        path.touch()
        moment = path.stat().st_mtime - age_seconds
        os.utime(path, (moment, moment))
    assert sweep_abandoned() == 1
    assert {path.name for path in incoming.iterdir()} == {"new.upload", "other"}
