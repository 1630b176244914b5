"""Deliveries by mail, through the real queue code and a real mail server."""

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job, JobStatus
from jobs.retries import delay_after
from notifications.models import Delivery, DeliveryAttempt, DeliveryStatus
from notifications.tasks import deliver
from organizations.models import Membership, Organization, User
from tests.support.jobs import drain
from tests.support.mail import Mailbox, mail_server, part
from tests.support.news import FAILED, FINISHED, delivery_of, told

pytestmark = pytest.mark.django_db


def deliver_again_now() -> None:
    """Run the job that waits for its back-off, as if the time had come."""
    Job.objects.filter(status=JobStatus.RETRYING).update(due_at=timezone.now() - timedelta(seconds=1))
    drain(raising=False)


def test_the_end_of_a_run_is_mailed_as_text_and_html(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    notification = told(organization, member)
    drain()
    [message] = mailbox.messages
    assert message["To"] == "member@erables.example"
    assert str(message["Subject"]).strip() == "Clinique des Érables: 1,312 errors to fix in run 3f2a91c0"
    assert "Amount at stake: $30,414.25" in part(message, "plain")
    assert "<h1>Your file has 1,312 errors to fix</h1>" in part(message, "html")
    link = f"https://bordereau.example/notices/{notification.pk}/"
    assert link in part(message, "plain")
    assert f'href="{link}"' in part(message, "html")


def test_a_sent_mail_is_recorded_with_its_attempt(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    delivery = delivery_of(told(organization, member))
    drain()
    delivery.refresh_from_db()
    attempt = delivery.attempt_log.get()
    assert (delivery.status, delivery.attempts, delivery.error_code) == (DeliveryStatus.SENT, 1, "")
    assert delivery.sent_at == attempt.ended_at
    assert attempt.job_id == Job.objects.get().pk


def test_a_french_reader_gets_french_numbers_dates_and_headers(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    User.objects.filter(pk=member.pk).update(language="fr")
    told(organization, member)
    drain()
    [message] = mailbox.messages
    assert message["Content-Language"] == "fr"
    assert "\xa0: 1\xa0312 erreurs à corriger" in str(message["Subject"])
    assert "30\xa0414,25\xa0$" in part(message, "plain")
    assert '<html lang="fr">' in part(message, "html")


def test_g09_line_breaks_and_markup_in_names_stay_text(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    organization.name = "Érables\r\nBcc: thief@evil.example, <b>bold</b>"
    organization.save()
    told(organization, member)
    drain()
    [message] = mailbox.messages
    assert mailbox.recipients == [["member@erables.example"]]
    assert message["Bcc"] is None
    assert (
        str(message["Subject"])
        .strip()
        .startswith("Érables Bcc: thief@evil.example, <b>bold</b>: 1,312 errors")
    )
    assert "<b>" not in part(message, "html")
    assert "&lt;b&gt;bold" in part(message, "html")


@pytest.mark.parametrize("kind", ["run_finished", "run_failed", "unknown_kind"])
def test_mail_names_no_file_and_no_value(
    kind: str, organization: Organization, member: User, mailbox: Mailbox
) -> None:
    parameters = FINISHED | FAILED | {"file_name": "Tremblay Marie.csv", "cell": "TREM80010112"}
    told(organization, member, kind=kind, parameters=parameters)
    drain()
    [message] = mailbox.messages
    whole = f"{message['Subject']} {part(message, 'plain')} {part(message, 'html')}"
    assert "Tremblay" not in whole
    assert "TREM80010112" not in whole


def test_the_mail_of_a_failed_run_says_what_to_do(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    told(organization, member, kind="run_failed", parameters=FAILED)
    drain()
    [message] = mailbox.messages
    assert str(message["Subject"]).strip() == "Clinique des Érables: run 3f2a91c0 could not be processed"
    assert "The file is empty. Export it again" in part(message, "plain")


def test_a_refused_recipient_fails_for_good(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    mailbox.recipient_answer = "550 5.1.1 no such user"
    delivery = delivery_of(told(organization, member))
    drain(raising=False)
    delivery.refresh_from_db()
    job = Job.objects.get()
    assert (job.status, job.attempt, job.error_code) == (JobStatus.FAILED, 1, "mail_recipient_refused")
    assert (delivery.status, delivery.error_code) == (DeliveryStatus.FAILED, "mail_recipient_refused")


def test_a_recipient_who_is_refused_for_now_is_tried_again(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    mailbox.recipient_answer = "451 4.7.1 greylisted"
    told(organization, member)
    drain(raising=False)
    assert Job.objects.get().status == JobStatus.RETRYING
    mailbox.recipient_answer = "250 OK"
    deliver_again_now()
    assert len(mailbox.messages) == 1


def test_a_message_that_the_server_refuses_for_good_is_not_tried_again(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    mailbox.message_answer = "554 5.7.1 looks like spam"
    told(organization, member)
    drain(raising=False)
    assert Job.objects.get().error_code == "mail_message_refused"


def test_x23_mail_is_kept_while_the_server_is_down_and_sent_once(
    organization: Organization, member: User, dead_mail_port: int
) -> None:
    notification = told(organization, member)
    drain(raising=False)
    delivery = delivery_of(notification)
    assert (delivery.status, delivery.error_code) == (DeliveryStatus.PENDING, "mail_server_away")
    # The inbox did not wait for it.
    assert member.notifications.count() == 1
    with mail_server(dead_mail_port) as mailbox:
        deliver_again_now()
        deliver_again_now()
    assert len(mailbox.messages) == 1
    assert [attempt.error_code for attempt in delivery.attempt_log.all()] == ["mail_server_away", ""]


def test_x23_attempts_last_a_day() -> None:
    backoff = deliver.declaration.backoff
    waits = [delay_after(number, backoff, chance=0.5) for number in range(1, deliver.declaration.attempts)]
    assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=30)


def test_an_error_of_the_mail_server_leaves_no_address_in_the_job(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    mailbox.recipient_answer = "550 5.1.1 <member@erables.example> is unknown here"
    told(organization, member)
    drain(raising=False)
    attempt = Job.objects.get().attempts.get()
    stored = f"{attempt.error_class} {attempt.error_message} {attempt.traceback} {attempt.log}"
    assert "mail_recipient_refused" in stored
    assert "erables.example" not in stored


def test_g06_a_repeat_after_a_crash_bears_the_same_message_id_and_both_attempts_are_logged(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    delivery = delivery_of(told(organization, member))
    drain()
    # What the database says when the process died between the sending and the recording.
    Delivery.unscoped.filter(pk=delivery.pk).update(status=DeliveryStatus.PENDING, sent_at=None)
    DeliveryAttempt.unscoped.update(ended_at=None)
    deliver.using(tenant_id=organization.pk).enqueue(delivery_id=str(delivery.pk))
    drain()
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"] == f"<{delivery.pk}@bordereau.example>"
    ends = [attempt.ended_at for attempt in delivery.attempt_log.all()]
    assert ends[0] is None
    assert ends[1] is not None


def test_a_delivery_that_was_sent_is_not_sent_again(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    delivery = delivery_of(told(organization, member))
    drain()
    deliver.using(tenant_id=organization.pk).enqueue(delivery_id=str(delivery.pk))
    drain()
    assert len(mailbox.messages) == 1


def test_g10_mail_is_withheld_from_a_reader_who_left_meanwhile(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    delivery = delivery_of(told(organization, member))
    Membership.unscoped.filter(user=member).delete()
    drain()
    delivery.refresh_from_db()
    assert mailbox.messages == []
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.WITHHELD, 0)
    assert Job.objects.get().status == JobStatus.SUCCEEDED


def test_a_delivery_whose_reader_was_deleted_ends_quietly(
    organization: Organization, member: User, mailbox: Mailbox
) -> None:
    told(organization, member)
    member.delete()
    drain()
    assert mailbox.messages == []
    assert Job.objects.get().status == JobStatus.SUCCEEDED
