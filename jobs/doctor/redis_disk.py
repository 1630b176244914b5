"""Redis keeps what it holds over a restart."""

from collections.abc import Iterator

from jobs import redis_state
from jobs.doctor import Examination, Finding, check, error, ok, warning


@check("redis-disk")
def look_at_persistence(examination: Examination) -> Iterator[Finding]:
    """An append-only file or snapshots are on, and the last write went well."""
    state = redis_state.look()
    if not state.answers:
        return
    if state.disk_ok is False:
        yield error(
            "The last write of Redis to its disk failed.",
            "Redis may refuse everything until it can write again.",
            "Look at the log of Redis and at the free space of its disk.",
        )
    elif state.persists:
        yield ok("Redis writes to disk")
    elif state.persists is None:
        yield warning(
            "Whether Redis writes to disk is hidden.",
            "After a restart without it every waiting job is sent anew, which takes seconds.",
            "Ask whoever runs this Redis whether it has an append-only file.",
        )
    else:
        yield warning(
            "Redis writes nothing to disk.",
            "No job is lost, as the rows are in the database; but after a restart all waiting jobs are sent anew.",
            "Set appendonly yes in redis.conf, and at once by: redis-cli CONFIG SET appendonly yes",
        )
