"""Marked values go all ways that a file can go, good and bad; afterwards they stand where they should and nowhere else.

The same with real processes, Redis, mail and folders: tests/acceptance/test_site_under_attack.py.
"""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from config.logs import LineFormatter
from jobs import dispatch, metrics
from jobs.models import Job, JobStatus
from notifications.models import Notification
from notifications.rendering import letter
from organizations.models import Organization, User
from tests import factories
from tests.conftest import end, signed_in
from tests.support.forms import fields_of
from tests.support.jobs import drain
from validations import services
from validations.exports import in_order
from validations.models import Finding, RunStatus, StaffRule, ValidationRun

# Stands in no code, no test of the rules and no message: wherever it turns up, a cell or a name has leaked.
MARK = "zqxw"
FILE_NAME = f"{MARK}name.csv"
HEADER = f"Facture;ID RAMQ;Date de Service;Code;Montant;Diagnostic;Patient;{MARK}label"
CONTENT = (
    f"{HEADER}\r\n"
    f"{MARK}1;{MARK}2;{MARK}3;{MARK}4;{MARK}5;{MARK}6;{MARK}7;{MARK}8\r\n"
    f"123456789;12345678901;2026-01-05;15804;12,50;{MARK}9;{MARK}TREM 6501 0112;{MARK}10;{MARK}11\r\n"
).encode("cp1252")
PDF = f"%PDF-1.4\r\n{MARK}\r\n".encode()
# Where values of a file belong; each other column of the database is searched for them in vain.
ALLOWED = {
    *(
        f"validations_billingrecord.{name}"
        for name in ("code", "diagnosis", "extra", "invoice_number", "patient")
    ),
    "validations_billingrecord.record_id",
    *(f"validations_finding.{name}" for name in ("column_label", "params", "value")),
    *(f"validations_validationrun.{name}" for name in ("file_name", "reading", "summary")),
    # The inbox names the file; what leaves the site by mail does not.
    "notifications_notification.parameters",
}


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, as the site writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """A database that takes no row of the table, and quotes a value when it says so, as databases do."""
    quoted = f"failing row contains {MARK}"
    if connection.vendor == "postgresql":
        body = f"$$ BEGIN RAISE EXCEPTION '{quoted}'; END $$ LANGUAGE plpgsql"
        begin = [
            f"CREATE FUNCTION planted() RETURNS trigger AS {body}",
            f"CREATE TRIGGER planted BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION planted()",
        ]
        finish = [f"DROP TRIGGER planted ON {table}", "DROP FUNCTION planted()"]
    else:
        then = f"BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
        begin = [f"CREATE TRIGGER planted BEFORE INSERT ON {table} {then}"]
        finish = ["DROP TRIGGER planted"]
    with connection.cursor() as cursor:
        for statement in begin:
            cursor.execute(statement)
        yield
        for statement in finish:
            cursor.execute(statement)


def marked_columns() -> set[str]:
    """Every column of the database in which the mark stands, in whatever letters."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 -- a table's name
            names = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
            for row in cursor.fetchall():
                cells = zip(names, row, strict=True)
                found |= {f"{table}.{name}" for name, cell in cells if MARK in _text(cell).lower()}
    return found


def _text(cell: object) -> str:
    return bytes(cell).decode(errors="replace") if isinstance(cell, bytes | memoryview) else str(cell)


def in_redis() -> str:
    """All keys with all they hold."""
    redis = dispatch.connection()
    return " ".join(f"{key!r} {redis.dump(key)!r}" for key in redis.keys("*"))


def sent(organization: Organization, by: User, content: bytes = CONTENT) -> ValidationRun:
    """A run whose file came by the form."""
    assert send(signed_in(by), organization, content).status_code == 302
    return ValidationRun.unscoped.order_by("-created_at")[0]


def send(client: Client, organization: Organization, content: bytes) -> Any:
    """The answer to the form, filled in as a browser does."""
    address = reverse("validations:upload", args=[organization.slug])
    fields = fields_of(client.get(address).content, "upload")
    return client.post(address, fields | {"files": [factories.upload(content, FILE_NAME)]})


def ended(run: ValidationRun) -> ValidationRun:
    """The run after its attempts, however these end."""
    drain(raising=False)
    run.refresh_from_db()
    return run


def by_form(organization: Organization, member: User) -> None:
    """A file that is checked, seen, taken away in every form, and checked again."""
    run = ended(sent(organization, member))
    assert (run.status, run.file_name) == (RunStatus.COMPLETED, FILE_NAME)
    client = signed_in(member)
    page = reverse("validations:run-detail", args=["erables", run.pk])
    assert MARK in client.get(page, {"code": "all", "search": MARK}).content.decode()
    for name in ("run-fixes", "run-compare", "run-findings-csv"):
        end(client.get(reverse(f"validations:{name}", args=["erables", run.pk])))
    for kind in in_order():
        end(client.post(reverse("validations:run-export", args=["erables", run.pk]), {"format": kind.name}))
    drain()


def by_program(organization: Organization, member: User) -> None:
    """A file that a program sends, and asks about."""
    client = Client(headers={"Authorization": f"Bearer {factories.api_key(organization, member)}"})
    answer = client.post("/api/validations", {"file": factories.upload(CONTENT, FILE_NAME)})
    assert answer.status_code == 202
    drain()
    found = client.get(f"/api/validations/{answer.json()['validationId']}/findings")
    assert MARK in found.content.decode()


def unreadable(organization: Organization, member: User) -> None:
    """A file in which there is no header where its sender says."""
    file = factories.upload(CONTENT, FILE_NAME)
    run = ended(factories.sent_run(organization, member, upload=file, options={"header_line": 400}))
    assert (run.status, run.error_code) == (RunStatus.FAILED, "header-missing")


def refused(organization: Organization, member: User) -> None:
    """A file that is no table at all."""
    assert send(signed_in(member), organization, PDF).status_code == 422


def rule_that_fails(organization: Organization, member: User) -> None:
    """A rule of staff that stumbles over a cell, which DuckDB quotes."""
    texts = {
        f"{name}_{language}": "x"
        for name in ("title", "message", "explanation", "fix")
        for language in ("en", "fr")
    }
    query = "SELECT row, 'diagnosis' AS field, CAST(diagnosis AS INTEGER) AS number FROM typed"
    profile = factories.profile()
    StaffRule.objects.create(name="stumbles", profile_name=profile.name, sql=query, is_on=True, **texts)
    run = ended(sent(organization, member))
    assert Finding.unscoped.filter(result=run.result_id, code="rule-failed").exists()


def database_that_refuses(organization: Organization, member: User) -> None:
    """A database that quotes a row while results are stored, at every attempt; then the run is tried again."""
    run = sent(organization, member)
    assert run.job_id
    jobs = Job.objects.filter(pk=run.job_id)
    with refusing("validations_finding"):
        for _attempt in range(3):
            ended(run)
            jobs.filter(status=JobStatus.SCHEDULED).update(status=JobStatus.QUEUED)
        assert jobs.get().attempts.exclude(error_class="").exists()
    if not run.is_active:
        services.retry_run(run=run, by=member)
    ended(run)


def page_that_breaks(organization: Organization, member: User) -> None:
    """A database that quotes a row while a page is answered."""
    client = signed_in(member)
    client.raise_request_exception = False
    with refusing("validations_validationrun"):
        answer = send(client, organization, CONTENT)
    assert answer.status_code == 500
    assert MARK not in answer.content.decode()


@pytest.mark.parametrize(
    "way",
    [by_form, by_program, unreadable, refused, rule_that_fails, database_that_refuses, page_that_breaks],
)
def test_f04_marked_values_stand_where_they_should_and_nowhere_else(
    organization: Organization,
    member: User,
    logged: io.StringIO,
    way: Callable[[Organization, User], None],
) -> None:
    way(organization, member)
    assert marked_columns() <= ALLOWED
    letters = [letter(row) for row in Notification.unscoped.all()]
    searched = {
        "the log": logged.getvalue(),
        "Redis": in_redis(),
        "mail": " ".join(message.message().as_string() for message in mail.outbox),
        "letters": " ".join(f"{one.subject} {one.text} {one.html}" for one in letters),
        "metrics": metrics.exposition().decode(),
    }
    for place, text in searched.items():
        assert MARK not in text.lower(), place


def test_the_search_finds_what_was_planted(organization: Organization, member: User) -> None:
    by_form(organization, member)
    assert marked_columns() >= {"validations_finding.value", "validations_validationrun.file_name"}
    dispatch.connection().set("planted", MARK)
    try:
        assert MARK in in_redis()
    finally:
        dispatch.connection().delete("planted")
