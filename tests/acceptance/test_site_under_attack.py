"""The real web server on the real site: hostile uploads, error pages, and what is left behind of a file."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from django.db import connection
from redis import Redis

from jobs.models import Job
from notifications.models import Delivery
from tests.support.mail import mail_server
from tests.support.processes import ROOT, RedisServer, Site, wait_until
from tests.support.runs import Program, WebProcess, wait_for_end, web_process
from tests.support.web import BOUNDARY, Answer, field, file, form, post
from validations.models import RunStatus, ValidationRun

pytestmark = pytest.mark.acceptance

GOOD = b"Facture;Code\r\n123456789;19928\r\n"
# What a body may add to the web process: its fields are refused, not kept.
EXTRA_MEMORY_BYTES = 40 * 1024 * 1024
# What no answer to a stranger may tell.
TELLING = re.compile(
    re.escape(bytes(ROOT))
    + rb"|Traceback|site-packages|/home/|/root/|/tmp/|\.py\b|SELECT |INSERT |sqlite3|psycopg|Django/|django\.|"
    rb"uvicorn/|Python/|\d+\.\d+\.\d+\.\d+|OperationalError|DoesNotExist"
)


@pytest.fixture
def web(site: Site, program: Program) -> Iterator[WebProcess]:
    with web_process(site) as made:
        yield made


@pytest.fixture
def browser(program: Program, web: WebProcess) -> Iterator[httpx.Client]:
    with program.browser(web) as signed_in:
        yield signed_in


def cookies_of(browser: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def stored_files(site: Site) -> list[str]:
    return [path.name for path in (site.folder / "media").rglob("*") if path.is_file()]


# --- A09: the same upload twice at once ---------------------------------------------------------------------


def test_a09_programs_that_repeat_an_upload_at_the_same_moment_make_one_run(
    site: Site, web: WebProcess, program: Program
) -> None:
    rounds, senders = 5, 4
    for number in range(rounds):
        together = threading.Barrier(senders)

        def send(_sender: int, number: int = number, together: threading.Barrier = together) -> Any:
            headers = program.headers | {"Idempotency-Key": f"key {number}"}
            together.wait()
            return httpx.post(
                f"{web.url}/api/validations", headers=headers, files={"file": ("a.csv", GOOD)}, timeout=60
            )

        with ThreadPoolExecutor(senders) as pool:
            answers = list(pool.map(send, range(senders)))
        assert [answer.status_code for answer in answers] == [202] * senders
        assert len({answer.json()["validationId"] for answer in answers}) == 1
    assert ValidationRun.unscoped.count() == rounds
    assert Job.objects.filter(task="validations.validate_run").count() == rounds
    assert len(stored_files(site)) == rounds


def test_a09_a_double_click_on_the_form_makes_one_run_and_both_answers_lead_to_it(
    site: Site, program: Program, browser: httpx.Client
) -> None:
    for number in range(1, 6):
        fields = {"key": str(uuid4()), "profile": "quebec-medical"}
        together = threading.Barrier(2)

        def click(
            _click: int, fields: dict[str, str] = fields, together: threading.Barrier = together
        ) -> httpx.Response:
            token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            together.wait()
            return browser.post(program.upload_path, data=fields | token, files={"files": ("a.csv", GOOD)})

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(click, range(2)))
        assert [answer.status_code for answer in answers] == [302, 302]
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert ValidationRun.unscoped.count() == len(stored_files(site)) == number


# --- A10: forms that are none of ours -----------------------------------------------------------------------

BAD_FORMS = {
    "too many files": form(*[file("files", "a.csv", GOOD)] * 51),
    "too many fields": form(*[field("n", "1")] * 101),
    "a text field of 10 MB": form(field("profile", "x" * 10_000_000), file("files", "a.csv", GOOD)),
    "no last boundary": file("files", "a.csv", GOOD),
    "another boundary": form(file("files", "a.csv", GOOD)).replace(BOUNDARY.encode(), b"----another"),
    "a header that is too long": form(file("files", "a" * 40_000, GOOD)),
    "nothing at all": b"",
}


def test_a10_the_upload_page_and_the_api_refuse_forms_that_are_none_of_ours(
    site: Site, web: WebProcess, program: Program, browser: httpx.Client
) -> None:
    process = psutil.Process(web.process.pid)
    before = process.memory_info().rss
    for name, body in BAD_FORMS.items():
        page = post(web.port, program.upload_path, body, Cookie=cookies_of(browser))
        api = post(web.port, "/api/validations", body, Cookie="", **program.headers)
        assert (page.status, api.status) == (400, 400), name
        assert not TELLING.search(page.body + api.body), name
        assert api.json.keys() >= {"code", "message"}, name
    assert process.memory_info().rss - before < EXTRA_MEMORY_BYTES
    wait_until(lambda: not stored_files(site), what="files of refused forms to be removed")
    assert not ValidationRun.unscoped.exists()
    assert not Job.objects.exists()


def test_a10_after_the_refusals_a_good_upload_is_taken(web: WebProcess, program: Program) -> None:
    for body in BAD_FORMS.values():
        post(web.port, "/api/validations", body, Cookie="", **program.headers)
    answer = post(
        web.port, "/api/validations", form(file("file", "a.csv", GOOD)), Cookie="", **program.headers
    )
    assert answer.status == 202


# --- Hostile requests: no 500, and nothing told -------------------------------------------------------------


def hostile_requests(
    program: Program, run: ValidationRun
) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Method, address, body and headers."""
    page, api = f"/o/{program.organization.slug}", "/api/validations"
    detail = f"{page}/runs/{run.pk}/"
    huge = "9" * 100
    text = {"Content_Type": "application/x-www-form-urlencoded"}
    for query in (
        f"page={huge}",
        "page=%00",
        "q=%00",
        "code=%00",
        "severity=%00",
        f"q={huge}",
        "sort=%00",
        "line=x",
    ):
        yield "GET", f"{page}/?{query}", b"", {}
        yield "GET", f"{detail}?{query}", b"", {}
        yield "GET", f"{detail}findings.csv?{query}", b"", {}
    for query in (
        "search=%00",
        f"search={huge}",
        f"page={huge}",
        "code=%00",
        "severity=%00",
        "perPage=x",
        "sort=%00",
    ):
        yield "GET", f"{api}/{run.pk}/findings?{query}", b"", {}
    for address in (
        f"{api}/not-an-id",
        f"{api}/{uuid4()}",
        f"{page}/runs/%00/",
        "/o/%00/",
        "/nowhere%0a",
        "/%ff%fe",
    ):
        yield "GET", address, b"", {}
    for address in (
        "/admin/nowhere/",
        "/api/nowhere",
        "/notices/not-an-id/",
        "/static/../config/settings.py",
    ):
        yield "GET", address, b"", {}
    for address in (page + "/", detail, api, f"{api}/{run.pk}", "/sign-in/", "/language/", "/notices/read/"):
        yield "DELETE", address, b"", {}
        yield "POST", address, b"\x00\xff=%00&next=%00", text
        yield "POST", address, b"{", {"Content_Type": "application/json"}
    yield "GET", "/", b"", {"Accept_Language": "x" * 5_000}
    yield "GET", "/", b"", {"Host": "evil.example"}


def test_b08_no_request_makes_the_site_fail_or_tell_what_it_is_made_of(
    web: WebProcess, program: Program, browser: httpx.Client
) -> None:
    run = program.send(GOOD)
    token = {"X_CSRFToken": browser.cookies["csrftoken"]}
    statuses = set()
    for method, address, body, headers in hostile_requests(program, run):
        for who in ({}, {"Cookie": cookies_of(browser), **token}, program.headers):
            answer = request(web, method, address, body, **{**headers, **who})
            statuses.add(answer.status)
            assert answer.status < 500, (method, address, who.keys(), web.log_text()[-3000:])
            if answer.status >= 400:
                assert not TELLING.search(answer.body), (method, address, TELLING.search(answer.body))
                assert "x-powered-by" not in answer.headers
            assert not re.search(r"\d", answer.headers.get("server", "")), "a version in the Server header"
    assert statuses >= {200, 302, 400, 403, 404, 405}


def test_a08_idempotency_keys_and_form_fields_of_any_kind_are_data(web: WebProcess, program: Program) -> None:
    wild = ["\x00", "x" * 10_000, "é\ud7ff", "' OR 1=1 --", "\u202e", "%00"]
    for name in ("profile", "organization", "encoding", "delimiter", "quotechar", "escapechar", "headerLine"):
        for value in wild:
            body = form(field(name, value), file("file", "a.csv", GOOD))
            answer = post(web.port, "/api/validations", body, Cookie="", **program.headers)
            assert answer.status in (202, 422), (name, value, answer.status, web.log_text()[-3000:])
    for value in ("x" * 5_000, "\xe9\xff", "' OR 1=1 --"):
        sent = program.headers | {"Idempotency_Key": value}
        answer = post(web.port, "/api/validations", form(file("file", "a.csv", GOOD)), Cookie="", **sent)
        assert answer.status == 202, value


def request(web: WebProcess, method: str, address: str, body: bytes, **headers: str) -> Answer:
    """The answer to a request that is sent exactly so."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=web.url, timeout=60) as client:
        made = client.build_request(method, "/", content=body or None, headers=named)
        made.url = made.url.copy_with(raw_path=address.encode())
        response = client.send(made)
    return Answer(response.status_code, dict(response.headers), response.content)


# --- F04: what is left of a file ----------------------------------------------------------------------------

# Words that stand in no code, no test and no message: wherever one turns up, a cell or a name has leaked.
MARKED_CELLS = "zqxwcell"
MARKED_LABEL = "zqxwlabel"
MARKED_NAME = "zqxwname"
MARKED_PERSON = "zqxwperson"
MARKED_HEADER = (
    "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient"
)
MARKED_COLUMNS = ("date", "place", "code", "amount", "doctor", "patient", "note")
MARKED_CSV = (
    f"{MARKED_HEADER};{MARKED_LABEL}\r\n"
    f"123456789;12345678901;{';'.join(MARKED_CELLS + column for column in MARKED_COLUMNS)}\r\n"
    f'123456789;"{MARKED_CELLS}open;12345678901\r\n'
)


@contextmanager
def overheard(redis: RedisServer) -> Iterator[list[str]]:
    """Every command that Redis was sent until the block ended."""
    commands: list[str] = []
    # Without a time-out: while the processes start, Redis is told nothing for long.
    client = Redis.from_url(redis.url, socket_timeout=None)
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis-py's

        def listen() -> None:
            for command in monitor.listen():
                if "stop-listening" in command["command"]:
                    return
                commands.append(command["command"])

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield commands
        finally:
            redis.client.echo("stop-listening")
            thread.join(timeout=30)
            assert not thread.is_alive()
            client.connection_pool.disconnect()


def everything_in(redis: RedisServer) -> str:
    """All keys with all they hold, as the server would write them to disk."""
    client = redis.client
    return " ".join(f"{key!r} {client.dump(key)!r}" for key in client.keys("*"))


def test_f04_nothing_of_a_file_is_left_in_redis_logs_mail_or_folders(
    site: Site, redis: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = site.folder / "engine"
    work.mkdir()
    monkeypatch.setenv("ENGINE_TEMP_DIR", str(work))
    monkeypatch.setenv("TMPDIR", str(work))
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    program = Program("zqxwplace", email=f"{MARKED_PERSON}@example.com")
    with mail_server() as mailbox, overheard(redis) as commands:
        monkeypatch.setenv("EMAIL_URL", f"smtp://127.0.0.1:{mailbox.port}")
        with web_process(site) as web:
            worker = site.worker()
            files = {"file": (f"{MARKED_NAME}.csv", MARKED_CSV.encode())}
            answer = httpx.post(
                f"{web.url}/api/validations", headers=program.headers, files=files, timeout=60
            )
            run = wait_for_end(ValidationRun.unscoped.get(pk=answer.json()["validationId"]))
            assert (run.status, run.error_count > 3) == (RunStatus.COMPLETED, True)
            look_at_everything(program, web, run)
            wait_until(lambda: mailbox.messages, what="the mail")
            wait_until(lambda: not Delivery.unscoped.filter(status="pending").exists(), what="deliveries")
        logs = worker.log_text() + web.log_text()
        mails = " ".join(message.as_string() for message in mailbox.messages)
        kept = everything_in(redis)
    searched = {"Redis": kept, "commands": " ".join(commands), "logs": logs}
    for place, text in searched.items():
        assert text, place
        assert not re.findall(rf".{{0,60}}(?:{MARKED_CELLS}|{MARKED_LABEL}|{MARKED_NAME}|{MARKED_PERSON}).{{0,60}}",
                              text, re.IGNORECASE), place  # fmt: skip
    # Not even the name of the file, which can be the name of a patient.
    assert not re.search(f"{MARKED_CELLS}|{MARKED_LABEL}|{MARKED_NAME}", mails)
    assert [path for path in work.rglob("*") if path.is_file()] == []
    assert stored_files(site) == []


def look_at_everything(program: Program, web: WebProcess, run: ValidationRun) -> None:
    """Open the pages that show the file's cells, so that they might leak from there."""
    runs = f"/o/{program.organization.slug}/"
    page = f"{runs}runs/{run.pk}/"
    with program.browser(web) as browser:
        for address in (page, f"{page}progress/", runs, "/notices/"):
            assert browser.get(address).status_code == 200
        assert MARKED_CELLS in browser.get(f"{page}findings.csv").text
    answer = httpx.get(f"{web.url}/api/validations/{run.pk}/findings", headers=program.headers, timeout=60)
    assert MARKED_CELLS in answer.text


# --- Connections of the web process to PostgreSQL -------------------------------------------------------------


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections to share")
def test_requests_share_their_connections_and_get_new_ones_when_the_server_ended_them(
    web: WebProcess, browser: httpx.Client
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to share")
    before = _backends()
    for _ in range(40):
        assert browser.get("/o/erables/").status_code == 200
    # One request after the other; a second connection may have served a page's live stream.
    opened = _backends() - before
    assert len(opened) <= 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [[*opened]])
    assert browser.get("/o/erables/").status_code == 200


def _backends() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return {pid for (pid,) in cursor.fetchall()}
