"""Alerts as their readers get them: staff who look after the jobs, at once, and nobody else."""

from typing import Any

import pytest
from django.db import transaction

from jobs import dispatch
from jobs.alerts import Change
from jobs.models import Alert, AlertKind, Job, JobStatus
from jobs.moments import database_now
from jobs.signals import alert_changed
from notifications import querysets, rendering
from notifications.models import Delivery, DeliveryStatus, Notification
from notifications.tasks import deliver_to_staff
from organizations.models import User
from tests import factories
from tests.conftest import signed_in
from tests.support.jobs import drain
from tests.support.mail import Mailbox, part
from tests.support.processes import free_port
from tests.support.staff import staff

pytestmark = pytest.mark.django_db


def changed(change: Change = Change.RAISED, **fields: Any) -> Alert:
    """An alert of which listeners were just told."""
    now = database_now()
    defaults: dict[str, Any] = {"kind": AlertKind.NO_WORKER, "subject": "emails", "params": {"ready": 3}}
    alert = Alert.objects.create(pending_since=now, raised_at=now, told_at=now, **defaults | fields)
    send(alert, change)
    return alert


def send(alert: Alert, change: Change) -> None:
    with transaction.atomic():
        alert_changed.send(sender=Alert, alert=alert, change=change)


def test_staff_who_look_after_the_jobs_are_told_and_nobody_else(superuser: User, owner: User) -> None:
    keeper = staff("jobs.view_alert")
    staff("validations.view_validationrun")
    factories.user(is_staff=True, is_superuser=True, is_active=False)
    changed()
    assert set(Notification.unscoped.values_list("user", flat=True)) == {keeper.pk, superuser.pk}


def test_the_same_change_is_told_once_and_the_end_as_well(superuser: User) -> None:
    alert = changed()
    send(alert, Change.RAISED)
    assert Notification.unscoped.count() == 1
    alert.resolved_at = database_now()
    send(alert, Change.RESOLVED)
    assert [row.parameters["change"] for row in querysets.inbox(superuser.pk)] == ["resolved", "raised"]


def test_the_inbox_shows_it_and_leads_to_the_admin(superuser: User) -> None:
    changed()
    client = signed_in(superuser)
    page = client.get("/notices/").content.decode()
    assert "No worker serves the queue “emails”." in page
    notice = Notification.unscoped.get()
    assert client.get(f"/notices/{notice.pk}/").headers["Location"].startswith("/admin/")


def test_nobody_else_can_open_or_see_it(superuser: User, owner: User) -> None:
    changed()
    notice = Notification.unscoped.get()
    assert signed_in(owner).get(f"/notices/{notice.pk}/").status_code == 404
    assert not querysets.inbox(owner.pk).exists()
    superuser.is_staff = False
    superuser.save()
    assert not querysets.inbox(superuser.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_mailed_in_the_reader_s_language_with_what_to_do(superuser: User, mailbox: Mailbox) -> None:
    User.objects.filter(pk=superuser.pk).update(language="fr")
    changed()
    drain()
    message = mailbox.messages[0]
    assert rendering.letter(Notification.unscoped.get()).subject == (
        "[Bordereau] Anomalie\xa0: Aucun exécuteur ne sert la file «\xa0emails\xa0»."
    )
    assert "Aucun exécuteur" in message["Subject"]
    assert "manage.py rqworker" in part(message, "plain")
    assert "manage.py rqworker" in part(message, "html")


@pytest.mark.django_db(transaction=True)
def test_x11_it_is_mailed_although_redis_is_away(superuser: User, mailbox: Mailbox, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    dispatch.forget_clients()
    changed(kind=AlertKind.REDIS_AWAY, subject="", params={"state": "away"})
    dispatch.forget_clients()
    assert [message["Subject"] for message in mailbox.messages] == [
        "[Bordereau] Wrong: Redis does not answer."
    ]
    assert Job.objects.get(task=deliver_to_staff.name).status == JobStatus.SUCCEEDED


def test_the_name_of_a_schedule_stays_inside(superuser: User) -> None:
    changed(kind=AlertKind.SCHEDULE, subject="Dr Roy each morning", params={"trouble": "late"})
    notice = Notification.unscoped.select_related("user").get()
    assert "Dr Roy each morning" in rendering.headline(notice)
    letter = rendering.letter(notice)
    assert "Roy" not in letter.subject + letter.text + letter.html
    assert "A schedule makes no jobs." in letter.text


@pytest.mark.django_db(transaction=True)
def test_who_lost_the_right_gets_no_mail(mailbox: Mailbox) -> None:
    keeper = staff("jobs.view_alert")
    changed()
    keeper.user_permissions.clear()
    drain()
    assert mailbox.messages == []
    assert Delivery.unscoped.get().status == DeliveryStatus.WITHHELD


@pytest.mark.parametrize("change", list(Change))
@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_alert_makes_a_whole_message(kind: AlertKind, change: Change, superuser: User) -> None:
    changed(change, kind=kind, params={"seconds": 90, "policy": "allkeys-lru"})
    letter = rendering.letter(Notification.unscoped.select_related("user").get())
    assert "%(" not in letter.subject + letter.text + letter.html
    assert ("manage.py" in letter.text or len(letter.text) > 150) is True
