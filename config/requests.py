"""Every request has an id, which its log lines and its answer carry, and an address, which the audit trail keeps."""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from config.logs import request_id
from jobs import audit

HEADER = "X-Request-ID"
# What a proxy sends is taken over if it can do no harm in a log.
_GIVEN = re.compile(r"[A-Za-z0-9._-]{8,64}")


@sync_and_async_middleware
def requests_middleware(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    """Names the request for everything that it does."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            with _named(request) as name:
                return _marked(await get_response(request), name)

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        with _named(request) as name:
            return _marked(get_response(request), name)

    return answer


@contextmanager
def _named(request: HttpRequest) -> Iterator[str]:
    given = request.headers.get(HEADER, "")
    name = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
    request.id = name  # type: ignore[attr-defined]  # read by config.logs
    token = request_id.set(name)
    try:
        with audit.coming_from(request):
            yield name
    finally:
        request_id.reset(token)


def _marked(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response.headers[HEADER] = name
    return response
