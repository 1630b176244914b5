"""Downloads that are made while they are sent."""

from collections.abc import AsyncIterator, Iterator
from typing import cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone, translation


class BlocksResponse(StreamingHttpResponse):
    """An answer made of blocks, of which one is in memory at a time.

    Under ASGI Django would make all of them before it sends the first one.
    """

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The blocks, each made in the thread of the request, which holds its database connection."""
        blocks = cast("Iterator[bytes]", self.streaming_content)
        while block := await sync_to_async(_next)(blocks):
            yield block


def _next(blocks: Iterator[bytes]) -> bytes:
    # Not `next` itself: a StopIteration does not come through a future.
    return next(blocks, b"")


def as_asked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, each made in the language and time zone of now: when they are sent, the request is over."""
    return _in(blocks, translation.get_language() or "en", timezone.get_current_timezone())


def _in(blocks: Iterator[bytes], language: str, zone: object) -> Iterator[bytes]:
    while True:
        # Around each block by itself: what runs between two of them has a language of its own.
        with translation.override(language), timezone.override(zone):  # type: ignore[arg-type]  # a time zone
            block = _next(blocks)
        if not block:
            return
        yield block
