"""Downloads that are made while they are sent."""

from collections.abc import Iterator

from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_language

from organizations.models import Organization
from tests import factories
from validations.downloads import BlocksResponse, as_asked


def test_b04_a_download_is_never_held_in_memory_as_a_whole() -> None:
    made = 0

    def blocks() -> Iterator[bytes]:
        nonlocal made
        for _ in range(10):
            made += 1
            yield b"line\r\n" * 1000

    async def first_block() -> bytes:
        blocks_sent = aiter(BlocksResponse(blocks()))
        return await anext(blocks_sent)

    assert async_to_sync(first_block)() == b"line\r\n" * 1000
    assert made == 1


def test_every_block_is_sent_once() -> None:
    async def whole() -> bytes:
        blocks = (b"%d\n" % number for number in range(2500))
        return b"".join([block async for block in BlocksResponse(blocks)])

    assert async_to_sync(whole)() == "".join(f"{n}\n" for n in range(2500)).encode()


def test_a_file_is_in_the_language_in_which_it_was_asked_for() -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(2):
            yield (get_language() or "").encode()

    with translation.override("fr"):
        asked = as_asked(blocks())
    assert [(block, get_language()) for block in asked] == [(b"fr", "en")] * 2


def test_b04_the_findings_are_downloaded_line_by_line(
    member_client: Client, organization: Organization
) -> None:
    run = factories.completed_run(organization)
    response: object = member_client.get(
        reverse("validations:run-findings-csv", args=[organization.slug, run.pk])
    )
    assert isinstance(response, BlocksResponse)
