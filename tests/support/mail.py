"""A real mail server for tests: it keeps what arrives, and refuses what it is told to refuse."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Mailbox:
    """What one mail server received, and how it answers."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    # Answers to `RCPT TO` and to the end of `DATA`; "250 OK" accepts.
    recipient_answer: str = "250 OK"
    message_answer: str = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 -- aiosmtpd names it
        """The answer to one recipient."""
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 -- aiosmtpd names it
        """The answer to one message."""
        if self.message_answer.startswith("250"):
            self.messages.append(
                message_from_bytes(envelope.content, _class=EmailMessage, policy=policy.default)
            )
            self.recipients.append(list(envelope.rcpt_tos))
        return self.message_answer


@contextmanager
def mail_server(port: int | None = None) -> Iterator[Mailbox]:
    """A mail server on a port of this machine, until the block ends."""
    mailbox = Mailbox(port or free_port())
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def part(message: EmailMessage, subtype: str) -> str:
    """The text of one alternative of a message, `plain` or `html`."""
    body = message.get_body(preferencelist=(subtype,))
    assert body is not None
    return str(body.get_content())
