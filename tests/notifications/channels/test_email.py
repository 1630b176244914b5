"""What the answers of mail servers mean for one message."""

import smtplib

import pytest

from notifications.channels.email import as_delivery_error

REFUSED = {"a@example.com": (550, b"no such user"), "b@example.com": (451, b"later")}


@pytest.mark.parametrize(
    ("error", "code", "permanent"),
    [
        (smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"no")}), "mail_recipient_refused", True),
        (smtplib.SMTPRecipientsRefused({"a@example.com": (450, b"no")}), "mail_recipient_refused", False),
        (smtplib.SMTPRecipientsRefused(REFUSED), "mail_recipient_refused", False),
        (smtplib.SMTPDataError(554, b"spam"), "mail_message_refused", True),
        (smtplib.SMTPDataError(452, b"disk full"), "mail_message_refused", False),
        (smtplib.SMTPSenderRefused(550, b"who", "us@example.com"), "mail_sender_refused", False),
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), "mail_login_refused", False),
        (smtplib.SMTPNotSupportedError("SMTPUTF8"), "mail_address_unusable", True),
        (ValueError("Invalid address"), "mail_address_unusable", True),
        (smtplib.SMTPServerDisconnected("gone"), "mail_server_away", False),
        (smtplib.SMTPConnectError(421, b"busy"), "mail_server_away", False),
        (ConnectionRefusedError(), "mail_server_away", False),
        (TimeoutError(), "mail_server_away", False),
    ],
)
def test_only_a_refusal_of_this_reader_or_this_message_is_for_good(
    error: OSError | ValueError, code: str, *, permanent: bool
) -> None:
    meaning = as_delivery_error(error)
    assert (meaning.code, meaning.permanent) == (code, permanent)
