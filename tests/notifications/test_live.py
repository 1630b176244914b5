"""The bell of an open page follows the inbox, for as long as the session of the page lives."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client

from jobs.live import publish
from organizations.models import Membership, Organization, User
from tests.support.news import told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_connection_outlives_its_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads of streams give their connections back, so that the test database can be removed."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


async def elsewhere(change: Callable[[], Any]) -> None:
    """Do this as another process would: in a thread, and committed."""

    def do() -> None:
        try:
            change()
        finally:
            connection.close()

    thread = threading.Thread(target=do)
    thread.start()
    await asyncio.to_thread(thread.join)


async def next_data(events: AsyncIterator[bytes]) -> dict[str, Any]:
    """What the stream says next."""
    async with asyncio.timeout(10):
        async for event in events:
            if b"data: " in event and b"event: beat" not in event:
                data: dict[str, Any] = json.loads(event.split(b"data: ")[1].split(b"\n")[0])
                return data
    raise AssertionError("the stream ended without a word")


def follow(client: Client, *changes: Callable[[], Any]) -> list[dict[str, Any]]:
    """What an open page is told: its first state, and what follows each of the changes."""

    answer: Any = client.get("/notices/events/")

    async def states() -> list[dict[str, Any]]:
        events = answer.streaming_content
        heard = [await next_data(events)]
        for change in changes:
            await elsewhere(change)
            heard.append(await next_data(events))
        return heard

    return asyncio.run(states())


def test_an_open_page_hears_of_a_new_notice(
    organization: Organization, member: User, member_client: Client
) -> None:
    first, second = follow(member_client, lambda: told(organization, member))
    assert (first["unread"], first["newest"]) == (0, None)
    assert (second["unread"], second["label"]) == (1, "Notices: 1 unread")
    assert second["newest"]["headline"] == "facturation_mars.csv: 1,312 errors to fix"


def test_reading_on_another_page_lowers_the_number(
    organization: Organization, member: User, member_client: Client
) -> None:
    notification = told(organization, member)
    read = Client()
    read.cookies = member_client.cookies
    first, second = follow(member_client, lambda: read.get(f"/notices/{notification.pk}/"))
    assert (first["unread"], second["unread"]) == (1, 0)


def test_d07_the_stream_of_a_person_who_left_falls_silent_about_the_organization(
    organization: Organization, member: User, viewer: User, member_client: Client
) -> None:
    told(organization, member)

    def leave() -> None:
        Membership.unscoped.filter(user=member).delete()
        publish(f"user:{member.pk}")

    first, second = follow(member_client, leave)
    assert (first["unread"], second["unread"]) == (1, 0)
    assert second["newest"] is None


def test_e07_the_stream_ends_with_the_session_of_its_page(member: User, member_client: Client) -> None:
    def sign_out() -> None:
        Session.objects.all().delete()
        publish(f"user:{member.pk}")

    _, end = follow(member_client, sign_out)
    assert end == {"reason": "gone"}
