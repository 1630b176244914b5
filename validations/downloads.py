"""Downloads that are made while they are sent."""

from collections.abc import AsyncIterator, Iterator
from typing import IO, cast

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone, translation

from validations.exports import Format
from validations.models import ValidationRun

# A stored file leaves in pieces of this size.
PIECE_BYTES = 256 * 1024


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


class Pieces:
    """The bytes of an open file; closed with the answer, however much of it was sent."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(PIECE_BYTES):
            yield piece


def file_name(run: ValidationRun, kind: Format) -> str:
    """What the file is called on the reader's machine."""
    return f"{run.file_name.rsplit('.', 1)[0]} – {kind.suffix}.{kind.extension}"
