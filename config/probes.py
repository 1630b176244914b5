"""The addresses that machines ask: `/healthz`, `/readyz` and `/metrics`.

They are answered before anything else: a probe comes by an address that is not in ALLOWED_HOSTS, without TLS, and
must not touch the session. None of them names an organization, a person or a file.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from config.checks import is_loopback
from jobs import metrics, redis_state

# Any of these says that somebody else stands behind the address that the request comes from.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


def healthz(_request: HttpRequest) -> HttpResponse:
    """The process lives: nothing else is asked, so that a database that is away restarts no web server."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> HttpResponse:
    """Whether requests may be sent here: the database answers. Without Redis the site is degraded, and ready."""
    redis = redis_state.look().word
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "unready", "database": "away", "redis": redis}, status=503)
    status = "ready" if redis == "ok" else "degraded"
    return JsonResponse({"status": status, "database": "ok", "redis": redis})


def prometheus(request: HttpRequest) -> HttpResponse:
    """The metrics, for whoever has the token; where none is set, for this machine alone."""
    if not _may_read_metrics(request):
        return JsonResponse({"code": "forbidden"}, status=403)
    return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on this machine speaks for others.
    if any(name in request.META for name in _FORWARDED):
        return False
    return is_loopback(request.META.get("REMOTE_ADDR") or "")


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": prometheus,
}


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    response = PROBES[request.path_info](request)
    response["Cache-Control"] = "no-store"
    return response


@sync_and_async_middleware
def probes_middleware(
    get_response: Callable[[HttpRequest], Any],
) -> Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]:
    """The first middleware: what is no probe passes untouched."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            if request.path_info in PROBES:
                return await sync_to_async(_answer)(request)
            response: HttpResponseBase = await get_response(request)
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in PROBES:
            return _answer(request)
        response: HttpResponseBase = get_response(request)
        return response

    return answer
