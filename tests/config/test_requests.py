"""H04: every request has an id, which its answer and its log lines carry, and whatever is sent cannot forge one."""

import logging
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from config.logs import LineFormatter, request_id
from organizations.models import Organization, User
from tests import factories
from tests.conftest import signed_in

SECRETS = {"password": "hunter2-secret", "login": "someone@private.example"}


@pytest.fixture
def lines(caplog: Any) -> Any:
    """The log of a test, as the site writes it."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(LineFormatter().format(record))

    handler = Keeping()
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_h04_a_line_of_a_request_carries_its_id_and_so_does_the_answer(
    organization: Organization, lines: list[str]
) -> None:
    response = Client().get(reverse("validations:run-list", args=["no-such-place"]), follow=True)
    missing = Client().get("/no-such-page/")
    assert re.fullmatch(r"[0-9a-f]{16}", missing["X-Request-ID"])
    assert missing["X-Request-ID"] != response["X-Request-ID"]
    assert any(line.endswith(f"request_id={missing['X-Request-ID']}") for line in lines)
    assert request_id.get() == ""


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("a1b2c3d4-from-the-proxy", True),
        ("short", False),
        ("x" * 65, False),
        ("id with spaces and\ttabs", False),
        ("id=1 action=forged", False),
    ],
)
def test_h04_the_id_of_a_proxy_is_taken_over_if_it_can_do_no_harm(
    db: None, given: str, *, is_taken: bool
) -> None:
    response = Client().get("/sign-in/", headers={"x-request-id": given})
    assert (response["X-Request-ID"] == given) is is_taken


def test_h04_what_attackers_send_stands_in_no_line(
    organization: Organization, member: User, lines: list[str]
) -> None:
    key = factories.api_key(organization, member)
    run = factories.completed_run(organization, member)
    run.result.findings.update(value="TREM65010112")  # type: ignore[union-attr]  # it has one
    client = signed_in(member)
    for _ in range(7):
        Client().post("/sign-in/", SECRETS)
    Client().post(reverse("account_reset_password"), {"email": SECRETS["login"]})
    Client().get(f"/api/validations/{run.pk}?key={key}")
    Client(headers={"Authorization": f"Bearer {key}x"}).get(f"/api/validations/{run.pk}")
    client.get(f"/o/erables/runs/{run.pk}/", {"q": "TREM65010112", "code": "all"})
    client.post("/api/validations", {"file": factories.upload(b"TREM65010112"), "profile": "TREM65010112"})
    client.get("/invitation/secret-token/")
    text = "\n".join(lines)
    assert lines
    for secret in (*SECRETS.values(), key, "TREM65010112"):
        assert secret not in text, secret
