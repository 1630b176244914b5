"""E-mail: one message to one person, as text and as HTML, in the reader's language."""

import smtplib
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from notifications import rendering
from notifications.channels import channels
from notifications.errors import DeliveryError, UndeliverableError
from notifications.models import Notification

# From here on, an answer of a mail server means "never" (RFC 5321, section 4.2.1).
PERMANENT_FROM = 500


class EmailChannel:
    """Sends through Django's mail backend, whatever the settings make of it."""

    name = "email"
    leaves_site = True

    def is_noop(self, notification: Notification) -> bool:
        """Whether the reader has no address."""
        return not notification.user.email

    def deliver(self, notification: Notification, message_id: str) -> None:
        """Hand the message to the mail server.

        Raises: UndeliverableError when the reader or the message was refused for good, DeliveryError else.
        """
        message = make_message(notification, message_id)
        try:
            message.send()
        except (OSError, ValueError) as error:
            # Not chained: errors of smtplib hold addresses and the server's words, which belong in no log.
            raise as_delivery_error(error) from None


def make_message(notification: Notification, message_id: str) -> EmailMultiAlternatives:
    """The whole message, in the reader's language, time zone and number format.

    Source: RFC 3834 section 5 (Auto-Submitted), RFC 5322 section 3.6.4 (Message-ID).
    """
    letter = rendering.letter(notification)
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        # The address alone: a name adds nothing here, and what is not in a header cannot break it.
        to=[notification.user.email],
        headers={
            "Message-ID": f"<{message_id}@{_sender_domain()}>",
            "Content-Language": letter.language,
            "Auto-Submitted": "auto-generated",
            # Exchange answers machines with out-of-office notes unless it is told not to.
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message


def _sender_domain() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"


def as_delivery_error(error: OSError | ValueError) -> DeliveryError:
    """What an error of smtplib or of Django's mail classes means for this one message.

    A refused sign-in or sender is the site's own fault and stops all mail: it is temporary, because the
    messages can leave once an operator has put it right.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _of_answer("mail_recipient_refused", min(code for code, _ in error.recipients.values()))
    if isinstance(error, smtplib.SMTPSenderRefused):
        return DeliveryError("mail_sender_refused")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return DeliveryError("mail_login_refused")
    if isinstance(error, smtplib.SMTPDataError):
        return _of_answer("mail_message_refused", error.smtp_code)
    if isinstance(error, smtplib.SMTPNotSupportedError | ValueError):
        return UndeliverableError("mail_address_unusable")
    return DeliveryError("mail_server_away")


def _of_answer(code: str, answer: int) -> DeliveryError:
    return UndeliverableError(code) if answer >= PERMANENT_FROM else DeliveryError(code)


channels.register(EmailChannel.name, EmailChannel())
