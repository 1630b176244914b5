"""Downloads that are made while they are sent."""

from collections.abc import Iterator

from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests import factories
from validations.downloads import LINES_AT_ONCE, LinesResponse


def test_b04_a_download_is_never_held_in_memory_as_a_whole() -> None:
    made = 0

    def lines() -> Iterator[str]:
        nonlocal made
        for _ in range(LINES_AT_ONCE * 10):
            made += 1
            yield "line\r\n"

    async def first_block() -> bytes:
        blocks = aiter(LinesResponse(lines()))
        return await anext(blocks)

    assert async_to_sync(first_block)() == b"line\r\n" * LINES_AT_ONCE
    assert made == LINES_AT_ONCE


def test_every_line_is_sent_once() -> None:
    async def whole() -> bytes:
        return b"".join([block async for block in LinesResponse(f"{n}\n" for n in range(2500))])

    assert async_to_sync(whole)() == "".join(f"{n}\n" for n in range(2500)).encode()


def test_b04_the_findings_are_downloaded_line_by_line(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization)
    response: object = member_client.get(
        reverse("validations:run-findings-csv", args=[organization.slug, run.pk])
    )
    assert isinstance(response, LinesResponse)
