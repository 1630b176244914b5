"""What a monitor outside may ask without a key: how well the queues are, in numbers without names."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from ninja import Router, Status

from jobs import health
from jobs.api.bodies import PublicHealthBody
from jobs.health import Health
from jobs.models import AlertKind

public_router = Router(tags=["health"], by_alias=True)

# Whoever asks more often than this is given the same answer again.
REMEMBER_SECONDS = 2


@public_router.get(
    "/queues",
    response={200: PublicHealthBody, 503: PublicHealthBody},
    auth=None,
    summary="Health of the queues",
)
def health_of_queues(request: HttpRequest) -> Status[dict[str, Any]]:
    """`ok` and `degraded` (jobs run late) answer 200; `down` (no worker lives, or no database) answers 503."""
    body = cache.get_or_set("jobs.public_health", lambda: _body(health.look()), REMEMBER_SECONDS)
    assert body is not None  # noqa: S101 -- a dictionary was stored
    return Status(503 if body["status"] == health.DOWN else 200, body)


def _body(found: Health) -> dict[str, Any]:
    queues = list(found.census.queues.values()) if found.census else []
    return {
        "status": found.status,
        "redis": found.redis.word if found.redis else "unknown",
        "leader": bool(found.census and found.census.leader),
        "workers": len(found.census.workers) if found.census else 0,
        "queues": len(queues),
        "queues_without_worker": sum(not queue.workers for queue in queues),
        "queues_late": found.count(AlertKind.TOO_OLD),
        "ready": sum(queue.ready for queue in queues),
        "running": sum(queue.running for queue in queues),
        "oldest_seconds": max((queue.oldest_seconds for queue in queues), default=0.0),
    }
