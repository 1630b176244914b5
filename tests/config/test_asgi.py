"""The site as a real web server serves it: what is taken in, what is refused, and what is left on disk."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from django.conf import settings as site_settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.asgi import Handler
from config.uploads import HashedUpload
from tests.support.web import (
    BOUNDARY,
    FORM_TYPE,
    SESSION,
    RawClient,
    field,
    file,
    form,
    post,
    serving,
)


def describe(request: HttpRequest) -> JsonResponse:
    """What a view sees of a form."""
    files = [
        {
            "field": name,
            "name": upload.name,
            "size": upload.size,
            "sha256": upload.sha256,
            "type": upload.content_type,
            "text": upload.read(100).decode(errors="replace"),
        }
        for name, uploads in request.FILES.lists()
        for upload in cast("list[HashedUpload]", uploads)
    ]
    return JsonResponse({"post": dict(request.POST.lists()), "files": files})


@csrf_exempt
def show(request: HttpRequest) -> JsonResponse:
    return describe(request)


@csrf_exempt
def store(request: HttpRequest) -> JsonResponse:
    upload = cast("HashedUpload", request.FILES["files"])
    inode = Path(upload.temporary_file_path()).stat().st_ino
    name = default_storage.save("kept.csv", upload)
    return JsonResponse({"moved": Path(default_storage.path(name)).stat().st_ino == inode})


began = threading.Event()


@csrf_exempt
def store_slowly(request: HttpRequest) -> HttpResponse:
    began.set()
    time.sleep(0.5)
    default_storage.save("late.csv", cast("HashedUpload", request.FILES["files"]))
    return HttpResponse()


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def fail(request: HttpRequest) -> HttpResponse:
    raise LookupError


SITE_TEMPLATES = site_settings.TEMPLATES
PLAIN_TEMPLATES = {"BACKEND": "django.template.backends.django.DjangoTemplates"}

urlpatterns = [
    path("show/", show),
    path("api/show", show),
    path("store/", store),
    path("store-slowly/", store_slowly),
    path("echo/", echo),
    path("guarded/", describe),
    path("fail/", csrf_exempt(fail)),
]


@pytest.fixture
def incoming(settings: Any) -> Path:
    return Path(settings.FILE_UPLOAD_TEMP_DIR)


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ]
    # No page of the site: an answer is told from another by its status.
    settings.TEMPLATES = [PLAIN_TEMPLATES]
    settings.LOGIN_URL = "/sign-in/"
    settings.UPLOAD_MAX_BYTES = 1_000_000
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
    settings.UPLOAD_IDLE_SECONDS = 1
    settings.UPLOAD_MAX_SECONDS = 2
    with serving(Handler()) as port:
        yield port


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def seconds_of(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def send_without_end(client: RawClient) -> None:
    for _ in range(1_000_000):
        client.send(b"x" * 65536)


def trickle_until_answered(client: RawClient) -> int:
    """The status that a client gets who sends a byte at a time and never ends."""
    with client:
        for _ in range(10):
            client.send(b"x")
            if client.has_something_to_read(within_seconds=0.5):
                break
        return client.answer().status


def files_left(folder: Path) -> list[Path]:
    """The files that are still there once the server had time to remove them."""
    deadline = time.monotonic() + 5
    while (left := list(folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def test_a_form_arrives_with_fields_files_sizes_and_checksums(port: int) -> None:
    content = b"code;montant\n" * 50_000
    files = file("files", "a.csv", content), file("files", "b.csv", b"x")
    answer = post(port, "/show/", form(field("profile", "québec"), *files, field("n", "1")))
    assert answer.status == 200
    first, second = answer.json["files"]
    assert answer.json["post"] == {"profile": ["québec"], "n": ["1"]}
    assert (first["name"], first["size"]) == ("a.csv", len(content))
    assert first["sha256"] == hashlib.sha256(content).hexdigest()
    assert (second["name"], second["text"], second["type"]) == ("b.csv", "x", "text/csv")


def test_a_form_that_comes_byte_by_byte_is_the_same_form(port: int) -> None:
    body = form(field("profile", "é"), file("files", "a.csv", b"a\r\n--b\r\n------bordereau\r\nc"))
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length=str(len(body)))
        for index in range(len(body)):
            client.send(body[index : index + 1])
        seen = client.answer().json
    assert seen["post"] == {"profile": ["é"]}
    assert seen["files"][0]["text"] == "a\r\n--b\r\n------bordereau\r\nc"


def test_storing_an_upload_moves_its_file_and_leaves_none_behind(port: int, incoming: Path) -> None:
    assert post(port, "/store/", form(file("files", "a.csv", b"1;2\n"))).json == {"moved": True}
    assert files_left(incoming) == []


def test_files_that_no_view_stored_are_removed(port: int, incoming: Path) -> None:
    assert post(port, "/show/", form(file("files", "a.csv", b"1;2\n"))).status == 200
    assert files_left(incoming) == []


def test_files_are_removed_when_the_view_fails(port: int, incoming: Path) -> None:
    answer = post(port, "/fail/", form(file("files", "a.csv", b"1;2\n")))
    assert answer.status == 500
    assert files_left(incoming) == []


def test_a_sender_who_hangs_up_leaves_no_file_behind(port: int, incoming: Path) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="900000")
        client.send(file("files", "a.csv", b"x" * 600_000))
        wait_until(lambda: any(incoming.iterdir()))
    assert files_left(incoming) == []


def test_a_view_ends_its_work_when_the_sender_hangs_up(port: int, incoming: Path) -> None:
    body = form(file("files", "a.csv", b"1;2\n"))
    with RawClient(port) as client:
        client.start("/store-slowly/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length=str(len(body)))
        client.send(body)
        assert began.wait(5)
    wait_until(lambda: default_storage.exists("late.csv"))
    assert files_left(incoming) == []


def test_a_form_without_its_token_is_stopped_by_the_csrf_check(port: int, incoming: Path) -> None:
    assert post(port, "/guarded/", form(file("files", "a.csv", b"x"))).status == 403
    assert files_left(incoming) == []


def test_the_csrf_token_is_found_behind_the_files(port: int) -> None:
    token = "a" * 32
    body = form(file("files", "a.csv", b"x"), field("csrfmiddlewaretoken", token))
    assert post(port, "/guarded/", body, Cookie=f"{SESSION}; csrftoken={token}").status == 200


def test_a_body_that_is_no_form_reaches_the_view_as_it_was_sent(port: int) -> None:
    answer = post(port, "/echo/", b'{"a": 1}', Content_Type="application/json")
    assert (answer.status, answer.body) == (200, b'{"a": 1}')


def test_a_body_that_is_no_form_may_not_be_large(port: int) -> None:
    assert post(port, "/echo/", b"x" * 100_001, Content_Type="application/json").status == 413


def test_a_connection_serves_the_next_request_after_an_upload(port: int) -> None:
    body = form(file("files", "a.csv", b"x"))
    with RawClient(port) as client:
        for _ in range(3):
            client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length=str(len(body)))
            client.send(body)
            assert client.answer().status == 200


# One byte more than the limit of a file; the sizes are those of the `port` fixture.
ONE_TOO_MANY = file("files", "a.csv", b"x" * 1_000_001)


def test_a_file_of_exactly_the_limit_is_taken_in(port: int) -> None:
    answer = post(port, "/show/", form(file("files", "a.csv", b"x" * 1_000_000)))
    assert answer.json["files"][0]["size"] == 1_000_000


def test_a02_one_byte_over_the_limit_is_refused(port: int, incoming: Path) -> None:
    assert post(port, "/show/", form(ONE_TOO_MANY)).status == 413
    assert files_left(incoming) == []


def test_a02_a_declared_length_over_the_limit_is_refused_before_anything_is_sent(port: int) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="1100001")
        assert client.answer().status == 413
        assert client.is_closed_by_server()


def test_a02_a_chunked_body_over_the_limit_is_refused_while_it_is_sent(port: int, incoming: Path) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Transfer_Encoding="chunked")
        # The chunk is never ended: the answer comes to a body that is still on its way.
        client.send(b"%x\r\n" % 10_000_000 + file("files", "a.csv", b"x" * 1_100_001))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert files_left(incoming) == []


def test_a02_a_sender_who_never_stops_is_cut_off_after_the_answer(port: int) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Transfer_Encoding="chunked")
        client.send(b"%x\r\n" % 10**12 + file("files", "a.csv", b"x"))
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            send_without_end(client)
        assert time.monotonic() - started < 5


def test_a02_a_length_that_promises_more_than_is_sent_is_given_up(port: int, incoming: Path) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="900000")
        client.send(form(file("files", "a.csv", b"x" * 300_000)))
        assert client.answer().status == 408
    assert files_left(incoming) == []


def test_a02_a_length_that_promises_less_than_is_sent_gives_no_half_file(port: int, incoming: Path) -> None:
    body = form(file("files", "a.csv", b"x" * 300_000))
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="200000")
        client.send(body)
        assert client.answer().status == 400
    assert files_left(incoming) == []


def test_a02_many_files_may_not_be_larger_together_than_one_alone(port: int, incoming: Path) -> None:
    files = [file("files", f"{number}.csv", b"x" * 400_000) for number in range(3)]
    assert post(port, "/show/", form(*files)).status == 413
    assert files_left(incoming) == []


def test_a02_a_program_gets_its_refusal_as_json(port: int) -> None:
    answer = post(port, "/api/show", form(ONE_TOO_MANY), Accept_Language="en")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["code"] == "too-large"
    assert answer.json["message"].startswith("The upload is larger than allowed.")


def test_a03_fifty_slow_senders_are_cut_off_and_hold_up_nobody(port: int, incoming: Path) -> None:
    clients = [RawClient(port) for _ in range(50)]
    for client in clients:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="900000")
        client.send(file("files", "a.csv", b"x"))
    with ThreadPoolExecutor(50) as pool:
        cut_off = [pool.submit(trickle_until_answered, client) for client in clients]
        waits = [seconds_of(lambda: post(port, "/show/", form(file("f", "a.csv", b"x")))) for _ in range(20)]
        assert [one.result() for one in cut_off] == [408] * 50
    assert max(waits) < 1
    assert files_left(incoming) == []


def test_a03_a_sender_who_falls_silent_is_cut_off_by_the_idle_limit(port: int) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Cookie=SESSION, Content_Length="900000")
        waited = seconds_of(client.answer)
        assert 0.5 < waited < 1.9
        assert client.is_closed_by_server()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(form(*[file("files", "a.csv", b"x")] * 51), id="too many files"),
        pytest.param(form(*[field("n", "1")] * 101), id="too many fields"),
        pytest.param(form(*[field("", "1")] * 101), id="too many fields without a name"),
        pytest.param(form(field("note", "x" * 200_000)), id="a text field that is too long"),
        pytest.param(form(*[field("x" * 20_000, "")] * 6), id="names that are too long together"),
        pytest.param(file("files", "a.csv", b"x"), id="no last boundary"),
        pytest.param(form(file("files", "a" * 40_000, b"x")), id="a header that is too long"),
        pytest.param(b"what is this", id="no boundary at all"),
        pytest.param(b"", id="nothing at all"),
        pytest.param(f"--{BOUNDARY}\r\nno header\r\n\r\n".encode(), id="a broken header"),
    ],
)
def test_a10_a_form_that_is_none_of_ours_is_refused(port: int, incoming: Path, body: bytes) -> None:
    answer = post(port, "/show/", body)
    assert answer.status == 400
    assert b"Traceback" not in answer.body
    assert files_left(incoming) == []


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 1000,
        "multipart/form-data; boundary=é",
        'multipart/form-data; boundary="a',
        "multipart/form-data; boundary*=nope''a",
    ],
)
def test_a10_a_malformed_boundary_is_refused(port: int, content_type: str) -> None:
    assert post(port, "/show/", form(field("n", "1")), Content_Type=content_type).status == 400


def test_a10_a_part_in_an_encoding_that_would_have_to_be_undone_is_refused(port: int) -> None:
    plain = field("a", "QQ==")
    encoded = plain.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    assert post(port, "/show/", form(plain)).status == 200
    assert post(port, "/show/", form(encoded)).status == 400


def test_a12_more_than_a_small_form_from_nobody_is_sent_to_the_sign_in_page(
    port: int, incoming: Path
) -> None:
    with RawClient(port) as client:
        client.start("/show/", Content_Type=FORM_TYPE, Content_Length="900000")
        answer = client.answer()
    assert (answer.status, answer.headers["location"]) == (302, "/sign-in/?next=/show/")
    assert files_left(incoming) == []


def test_a12_a_program_without_a_key_is_told_before_it_sends_its_file(port: int) -> None:
    with RawClient(port) as client:
        client.start("/api/show", Content_Type=FORM_TYPE, Content_Length="900000")
        answer = client.answer()
    assert (answer.status, answer.json["code"]) == (401, "not-authenticated")


def test_a12_a_program_with_a_key_may_send_a_file(port: int) -> None:
    body = form(file("files", "a.csv", b"x" * 500_000))
    assert post(port, "/api/show", body, Cookie="", Authorization="Bearer key").status == 200


def test_a_small_form_from_nobody_reaches_the_view(port: int) -> None:
    assert post(port, "/show/", form(field("username", "a")), Cookie="").json["post"] == {"username": ["a"]}


def test_a_content_type_that_cannot_be_read_is_no_crash(port: int) -> None:
    answer = post(port, "/echo/", b"x", Content_Type="text/plain; charset*=nope''a")
    assert answer.status == 200


def test_a_refusal_is_shown_in_the_frame_of_the_site(port: int, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "413.html").write_text("<h1>{{ message }}</h1>")
    settings.TEMPLATES = [{**PLAIN_TEMPLATES, "DIRS": [tmp_path]}]
    answer = post(port, "/show/", form(ONE_TOO_MANY))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.body.startswith(b"<h1>")


def test_a_refusal_without_a_page_of_its_own_is_a_sentence_in_the_frame(port: int, settings: Any) -> None:
    settings.TEMPLATES = SITE_TEMPLATES
    settings.FILE_UPLOAD_TEMP_DIR = "/proc/nowhere"
    answer = post(port, "/show/", form(file("files", "a.csv", b"x")))
    assert answer.status == 507
    assert b"<h1>The server could not store the file. Try again later.</h1>" in answer.body


def test_a_refusal_without_a_page_is_plain_text(port: int) -> None:
    assert post(port, "/show/", form(ONE_TOO_MANY)).headers["content-type"].startswith("text/plain")


def test_a_disk_that_takes_nothing_is_a_refusal_and_no_crash(port: int, settings: Any) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = "/proc/nowhere"
    assert post(port, "/show/", form(file("files", "a.csv", b"x"))).status == 507


def test_server_start_removes_what_a_killed_process_left(settings: Any, incoming: Path) -> None:
    old, new = incoming / "old.upload", incoming / "new.upload"
    for leftover in (old, new):
        leftover.touch()
    os.utime(old, (0, 0))
    with serving(Handler(), lifespan="on"):
        assert list(incoming.iterdir()) == [new]


@pytest.mark.parametrize("server", ["config.asgi", "config.wsgi"])
def test_a_server_can_import_the_site_as_its_first_deed(server: str) -> None:
    imported = subprocess.run(
        [sys.executable, "-c", f"import {server}"], capture_output=True, text=True, check=False
    )
    assert imported.returncode == 0, imported.stderr
