"""Hostile file names, headers and cells on every page, in mail and in downloads, after a real run."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from notifications.models import Notification
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from validations.models import BillingRecord, Finding, LogEntry, RunStatus, ValidationRun

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "{{ 7|add:7000000 }}{% now 'Y' %}",
    "%s%n%(name)s",
    "{0.__class__}{self}",
    "<!-- </style></textarea></title>",
    "\u202egnp.vsc",
]
COLUMNS = "Facture;ID RAMQ;Date de Service;Lieu de pratique;Code;Montant Preliminaire;Doctor Info;Patient"


@dataclass
class Hostile(HTMLParser):
    """What a browser would run of a page: scripts in it, handlers, addresses that are scripts, images from nowhere."""

    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what only a leaked text can have brought in."""
        values = {name: value or "" for name, value in attrs}
        self.found += [name for name in values if name in ("onerror", "onmouseover")]
        self.found += [
            value for name, value in values.items() if "javascript:alert" in value and name in ("href", "src")
        ]
        if tag == "img" and values.get("src") == "x":
            self.found.append("img")

    def handle_data(self, data: str) -> None:
        """A script that a leaked text opened holds its call."""
        if self.rawdata and self.cdata_elem == "script" and "alert(1)" in data:
            self.found.append(data)


def assert_harmless(page: str, where: str) -> None:
    parser = Hostile()
    parser.feed(page)
    assert parser.found == [], where
    assert "<script>alert" not in page, where
    assert "7000007" not in page, where
    assert "&lt;class" not in page, where


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def hostile_run(organization: Organization, by: User, text: str) -> ValidationRun:
    """A run that ended, of a file whose name, one header and every cell of a row are the text."""
    cells = ";".join([quoted(text)] * 9)
    good = "123456789;12345678901;2026-11-03;51234;00103;47,05;1632084 Roy;TREM80010112 Tremblay Marie;x\r\n"
    content = f"{COLUMNS};{quoted(text)}\r\n{cells}\r\n{good * 40}"
    upload = factories.upload(content.encode())
    # Django's own class would clean it at once, which a browser does not.
    vars(upload)["_name"] = f"{text}.csv"
    run = factories.sent_run(organization, by, upload=upload)
    drain(raising=False)
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED
    return run


def pages_of(run: ValidationRun) -> list[str]:
    """Every page that a member sees of the run."""
    slug = run.organization.slug
    detail = reverse("validations:run-detail", args=[slug, run.pk])
    codes = set(Finding.unscoped.filter(result=run.result_id).values_list("code", flat=True))
    return [
        reverse("validations:run-list", args=[slug]),
        reverse("validations:run-list-progress", args=[slug]),
        reverse("validations:run-progress", args=[slug, run.pk]),
        reverse("notifications:inbox"),
        reverse("notifications:unread"),
        detail,
        *[f"{detail}?code={code}" for code in sorted(codes)],
        f"{detail}?code=all&group=column",
        f"{detail}?code=all&group=value",
        f"{detail}fixes/",
        f"{detail}compare/",
    ]


@pytest.mark.parametrize(("text", "language"), list(zip(TEXTS, ["en", "fr"] * len(TEXTS), strict=False)))
def test_a08_b07_a_hostile_file_is_text_on_every_page_of_its_reader(
    organization: Organization, text: str, language: str
) -> None:
    reader = factories.member(organization, language=language)
    run = hostile_run(organization, reader, text)
    client = signed_in(reader)
    shown = 0
    for address in pages_of(run):
        response = client.get(address)
        assert response.status_code == 200, address
        page = (
            response.json().get("html", "")
            if "json" in response.headers["Content-Type"]
            else response.content.decode()
        )
        assert_harmless(page, address)
        assert "\u202e" not in page.split("<table")[0], address
        shown += "alert(1)" in page or "now" in page or "__class__" in page
    assert shown or text in TEXTS[5:]


@pytest.mark.parametrize("text", TEXTS)
def test_a08_b07_a_hostile_file_is_text_in_the_admin(
    organization: Organization, member: User, superuser: User, text: str
) -> None:
    run = hostile_run(organization, member, text)
    client = signed_in(superuser)
    models = (BillingRecord, Finding, LogEntry, Notification)
    rows: list[Any] = [run, run.job, *(model._base_manager.all()[0] for model in models)]
    for row in rows:
        name = f"{row._meta.app_label}_{row._meta.model_name}"
        for page, arguments in (("changelist", []), ("change", [row.pk])):
            try_page(client, name, page, arguments)


def try_page(client: Client, name: str, page: str, arguments: list[Any]) -> None:
    """Open one admin page."""
    response = client.get(reverse(f"admin:{name}_{page}", args=arguments))
    assert response.status_code == 200, name
    assert_harmless(response.content.decode(), f"{name} {page}")


@pytest.mark.parametrize("text", TEXTS)
def test_a08_b07_a_hostile_file_is_text_in_mail(organization: Organization, member: User, text: str) -> None:
    hostile_run(organization, member, text)
    message: Any = mail.outbox[0]
    (html,) = [str(part.content) for part in message.alternatives]
    assert_harmless(html, "mail")
    for header in (message.subject, *message.extra_headers.values()):
        assert "\n" not in str(header)
        assert "alert(1)" not in str(header)


@pytest.mark.parametrize("text", TEXTS)
def test_a08_b06_the_download_of_a_hostile_file_is_named_and_filled_safely(
    organization: Organization, member: User, text: str
) -> None:
    run = hostile_run(organization, member, text)
    response: Any = signed_in(member).get(
        reverse("validations:run-findings-csv", args=[organization.slug, run.pk])
    )
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert disposition.isascii()
    assert disposition.isprintable()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body = b"".join(response.streaming_content).decode("utf-8-sig")
    assert all(line.startswith('"') for line in body.split("\r\n")[:2])
    assert not [cell for cell in body.split('","') if cell.startswith(("=", "@", "+"))]
