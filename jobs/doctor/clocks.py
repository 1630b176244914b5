"""The clocks of the database, of Redis and of this machine agree."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from django.db import DatabaseError

from jobs import redis_state
from jobs.doctor import Examination, Finding, check, error, ok, warning
from jobs.moments import database_now

OFF_SECONDS, FAR_OFF_SECONDS = 1.0, 30.0


@check("clocks")
def look_at_clocks(examination: Examination) -> Iterator[Finding]:
    """How far the other clocks are from this machine's."""
    with suppress(DatabaseError):
        yield _compared("the database", lambda: database_now().timestamp())
    state = redis_state.look()
    if state.clock is not None:
        yield _compared("Redis", lambda: redis_state.look().clock or time.time())


def _compared(name: str, ask: Callable[[], float]) -> Finding:
    before = time.time()
    theirs = ask()
    after = time.time()
    # It was read somewhere in between.
    skew = 0.0 if before <= theirs <= after else min(theirs - before, theirs - after, key=abs)
    ahead = "ahead of" if skew > 0 else "behind"
    if abs(skew) <= OFF_SECONDS:
        return ok(f"The clock of {name} agrees with this machine's")
    seen = f"The clock of {name} is {abs(skew):.1f} s {ahead} this machine's."
    why = (
        "Leases and schedules follow the database's clock alone and stay right; but times in logs, links that "
        "expire and the answers of mail servers do not fit together."
    )
    action = "Let every machine keep its time by NTP (timedatectl set-ntp true)."
    return error(seen, why, action) if abs(skew) > FAR_OFF_SECONDS else warning(seen, why, action)
