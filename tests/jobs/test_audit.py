"""The audit trail of operators."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.test import RequestFactory

from jobs import audit
from jobs.models import ActionKind, AuditEntry
from organizations.models import User
from tests import factories

pytestmark = pytest.mark.django_db


def request_of(user: User, address: str = "192.0.2.7") -> HttpRequest:
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    request.user = user
    return request


def test_e09_a_line_says_who_did_what_to_which_organization_from_where_and_why() -> None:
    user = factories.user(email="op@example.com")
    audit.record(request_of(user), ActionKind.CANCEL, "job", "the-id", tenant_id=7, reason="asked by phone")
    line = AuditEntry.objects.get()
    assert (line.by, line.by_name, line.address) == (user, "op@example.com", "192.0.2.7")
    assert (line.action, line.target_kind, line.target) == ("cancel", "job", "the-id")
    assert (line.tenant_id, line.reason, line.count) == (7, "asked by phone", 1)
    assert line.at is not None


def test_e09_a_line_is_never_changed() -> None:
    line = audit.record(factories.user(), ActionKind.RETRY, "job")
    with pytest.raises(TypeError):
        line.save()


def test_e09_a_line_outlives_the_name_of_its_person() -> None:
    user = factories.user(email="gone@example.com")
    audit.record(user, ActionKind.RETRY, "job")
    user.delete()
    line = AuditEntry.objects.get()
    assert (line.by, line.by_name) == (None, "gone@example.com")


def test_e04_a_refused_try_leaves_a_line() -> None:
    with pytest.raises(PermissionDenied):
        audit.refuse(request_of(factories.user()), "cancel", "job", "the-id")
    line = AuditEntry.objects.get()
    assert (line.action, line.target, line.details) == ("refused", "the-id", {"action": "cancel"})


def test_x_nul_in_what_a_client_sent_is_left_out_and_the_line_is_kept() -> None:
    audit.record(None, ActionKind.CANCEL, "job", "a\x00b", reason="c\x00d")
    with pytest.raises(PermissionDenied):
        audit.refuse(request_of(factories.user()), "x\x00y", "queue", "e\x00f")
    done, refused = AuditEntry.objects.order_by("id")
    assert (done.target, done.reason) == ("ab", "cd")
    assert (refused.target, refused.details) == ("ef", {"action": "xy"})


def test_a_line_goes_with_its_transaction() -> None:
    with transaction.atomic():
        audit.record(None, ActionKind.PAUSE, "queue", "emails")
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


def test_an_address_that_is_none_is_left_out() -> None:
    audit.record(request_of(factories.user(), address=""), ActionKind.PAUSE, "queue", "emails")
    assert AuditEntry.objects.get().address is None


def test_an_action_that_nobody_declared_is_no_line() -> None:
    with pytest.raises(ValueError, match="unheard"):
        audit.record(None, "unheard", "queue", "emails")
