"""The number beside the bell, for the frame of every page."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import engines
from django.test import RequestFactory

from notifications.context import unread_count
from organizations.models import Organization, User
from tests.support.news import told

pytestmark = pytest.mark.django_db


def context_of(user: User | AnonymousUser) -> dict[str, Any]:
    request = RequestFactory().get("/")
    request.user = user
    return unread_count(request)


def test_a_page_without_the_bell_asks_the_database_nothing(
    member: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        context_of(member)


def test_a_page_counts_once_however_often_it_shows_the_number(
    organization: Organization, member: User, django_assert_num_queries: Any
) -> None:
    told(organization, member)
    template = engines["django"].from_string(
        "{% if unread_count %}{{ unread_count }}/{{ unread_count }}{% endif %}"
    )
    with django_assert_num_queries(2):
        assert template.render(context_of(member)) == "1/1"


def test_nobody_has_no_notices() -> None:
    assert context_of(AnonymousUser()) == {"unread_count": 0}
