"""Redis deletes nothing by itself, and has room for more."""

from collections.abc import Iterator

from django.template.defaultfilters import filesizeformat

from jobs import redis_state
from jobs.doctor import Examination, Finding, check, error, ok, warning

NEARLY_FULL = 0.8


@check("redis-memory")
def look_at_memory(examination: Examination) -> Iterator[Finding]:
    """The eviction policy, the memory and the connections of Redis."""
    state = redis_state.look()
    if not state.answers:
        return
    yield _policy(state.policy)
    if state.used_bytes is not None and state.limit_bytes:
        yield _share(
            f"{filesizeformat(state.used_bytes)} of {filesizeformat(state.limit_bytes)} of memory are used",
            state.used_bytes / state.limit_bytes,
            "A full Redis takes no jobs; they wait in the database.",
            "Raise maxmemory, or find what else is kept there: this site needs about 1 KB for a waiting job.",
        )
    elif state.used_bytes is not None:
        yield ok(f"{filesizeformat(state.used_bytes)} of memory are used, without a limit")
    if state.clients is not None and state.clients_limit:
        yield _share(
            f"{state.clients} of {state.clients_limit} connections are open",
            state.clients / state.clients_limit,
            "Without a free connection no worker and no page reaches Redis.",
            "Raise maxclients, or run fewer processes.",
        )


def _policy(policy: str | None) -> Finding:
    if policy == redis_state.SAFE_POLICY:
        return ok(f"maxmemory-policy is {policy}")
    if policy is None:
        return warning(
            "maxmemory-policy is hidden.",
            "With any other policy than noeviction a full Redis deletes queued jobs.",
            "Ask whoever runs this Redis whether it is noeviction.",
        )
    return error(
        f"maxmemory-policy is {policy}.",
        "When its memory is full, Redis silently deletes what is queued; each job is late until it is found missing.",
        "Set maxmemory-policy noeviction in redis.conf, and now: redis-cli CONFIG SET maxmemory-policy noeviction",
    )


def _share(seen: str, share: float, why: str, action: str) -> Finding:
    return warning(f"{seen} ({share:.0%})", why, action) if share > NEARLY_FULL else ok(seen)
