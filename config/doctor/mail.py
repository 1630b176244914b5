"""The mail server can be spoken to; a message is sent only if somebody asks for it."""

from collections.abc import Iterator

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from jobs.doctor import Examination, Finding, check, error, ok, warning

_SMTP = "django.core.mail.backends.smtp.EmailBackend"
_FILES = "django.core.mail.backends.filebased.EmailBackend"


@check("mail")
def look_at_mail(examination: Examination) -> Iterator[Finding]:
    """The server answers and lets this site sign in."""
    if settings.EMAIL_BACKEND == _FILES:
        yield warning(
            "Mail is written to files and sent to nobody.",
            "Nobody is told by mail that a run has ended or that something is wrong.",
            "Set EMAIL_URL, such as smtp+tls://USER:PASSWORD@mail.example:587",
        )
    elif settings.EMAIL_BACKEND == _SMTP:
        yield _greeted()
    else:
        yield warning(
            f"Mail goes to {settings.EMAIL_BACKEND}, which this check does not know.",
            "Whether it arrives is unknown.",
            "Try it: manage.py doctor --only mail --send-to YOU@EXAMPLE",
        )
    if examination.send_to:
        yield _sent(examination.send_to)


def _greeted() -> Finding:
    server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    connection = get_connection()
    try:
        connection.open()
        connection.close()
    except OSError as problem:
        return error(
            f"{server} could not be used: {type(problem).__name__}: {problem}",
            "Mail waits, and is given up after a day.",
            "Check host, port, TLS (smtp+tls or smtp+ssl), user and password in EMAIL_URL.",
        )
    as_whom = f" as {settings.EMAIL_HOST_USER}" if settings.EMAIL_HOST_USER else ""
    return ok(f"{server} answers{as_whom}")


def _sent(address: str) -> Finding:
    message = EmailMessage(
        "Bordereau: a test message",
        "Mail from this site arrives.",
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    )
    try:
        message.send()
    except (OSError, ValueError) as problem:
        return error(
            f"No message could be sent to {address}: {type(problem).__name__}: {problem}",
            "People get no mail.",
            "The server's answer says why: often the sender (DEFAULT_FROM_EMAIL) is not allowed.",
        )
    return ok(f"A message was sent to {address}; see that it arrives")
