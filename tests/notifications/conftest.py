"""A mail server for the tests of mail."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.mail import Mailbox, free_port, mail_server


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A running mail server, to which the site sends."""
    with mail_server() as box:
        use_mail_server(settings, box.port)
        yield box


def use_mail_server(settings: Any, port: int) -> None:
    """Send by SMTP to that port of this machine."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_TIMEOUT = 5
    settings.SITE_URL = "https://bordereau.example"
    settings.DEFAULT_FROM_EMAIL = "Bordereau <no-reply@bordereau.example>"


@pytest.fixture
def dead_mail_port(settings: Any) -> int:
    """A port to which the site sends although no mail server listens there."""
    port = free_port()
    use_mail_server(settings, port)
    return port
