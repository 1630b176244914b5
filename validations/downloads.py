"""Downloads that are made while they are sent."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

# Lines that are made before any of them is sent: a few hundred kilobytes.
LINES_AT_ONCE = 1000


class LinesResponse(StreamingHttpResponse):
    """An answer made of lines, of which only a few are in memory at a time.

    Under ASGI Django would make all of them before it sends the first one.
    """

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The lines in blocks, each made in the thread of the request, which holds its database connection."""
        lines = cast("Iterator[bytes]", self.streaming_content)
        while block := await sync_to_async(_block)(lines):
            yield block


def _block(lines: Iterator[bytes]) -> bytes:
    return b"".join(islice(lines, LINES_AT_ONCE))
