"""When something is due again and again: pure functions over an expression or an interval, and a time zone.

A slot is one moment at which a job is due. Where the clocks change, cron expressions behave as in Debian's cron: a
fixed time in an hour that is left out is due when that hour would have begun, one in an hour that comes twice is due
the first time; an expression whose hour or minute begins with a star goes on by elapsed time. No slot comes twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

from jobs.errors import TimingError

# A window this long is looked at first for the newest slots before a moment; then longer ones.
FIRST_WINDOW = timedelta(hours=1)
# Clocks change at least twice in this time where they change at all.
LONGEST_LOOK = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Timing:
    """When slots are: by a cron expression of five fields, or at equal distances."""

    cron: str = ""
    interval: timedelta | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        """Raises: TimingError with the name of the part that is wrong."""
        if bool(self.cron) == bool(self.interval):
            raise TimingError("timing")
        if self.interval is not None and self.interval < timedelta(seconds=1):
            raise TimingError("interval")
        zone_named(self.zone)
        if self.cron and next(self._cron_after(datetime(2026, 1, 1, tzinfo=UTC)), None) is None:
            raise TimingError("cron")

    @property
    def is_fixed(self) -> bool:
        """Whether an expression names times of the clock, and does not go on by elapsed time."""
        return bool(self.cron) and not any(part.startswith("*") for part in self.cron.split()[:2])

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The slots after a moment, which for intervals is itself a slot, the earliest first, in UTC."""
        if self.interval is None:
            return self._cron_after(moment)
        return self._steps_after(moment, self.interval)

    def until(self, first: datetime, now: datetime, limit: int) -> tuple[list[datetime], datetime | None]:
        """The newest slots from `first`, which is one, until now, the earliest first; and the next one after now.

        Units: no more than `limit` slots, however long ago the first one was.
        """
        first = first.astimezone(UTC)
        if self.interval is not None:
            count = (now - first) // self.interval
            slots = [first + n * self.interval for n in range(max(0, count - limit + 1), count + 1)]
            return slots, first + (count + 1) * self.interval
        slots = self._newest(first, now, limit)
        return slots, next(self._cron_after(max(now, first)), None)

    def _newest(self, first: datetime, now: datetime, limit: int) -> list[datetime]:
        window = FIRST_WINDOW
        while True:
            start = max(first, now - window)
            # The bound is open on the left, and the first slot belongs to what is looked for.
            found = [first] if start == first else []
            found += self.between(start, now)
            if len(found) >= limit or start == first:
                return found[-limit:]
            window *= 4

    def between(self, start: datetime, end: datetime) -> list[datetime]:
        """The slots after the one moment and not after the other, the earliest first."""
        slots = []
        for slot in self._cron_after(start):
            if slot > end:
                break
            slots.append(slot)
        return slots

    def _cron_after(self, moment: datetime) -> Iterator[datetime]:
        if len(self.cron.split()) != 5:
            raise TimingError("cron")
        last = moment.astimezone(UTC)
        try:
            for local in CronSim(self.cron, moment.astimezone(zone_named(self.zone))):
                slot = local.astimezone(UTC)
                # Where the clocks change, the library names a moment twice, or one that has passed.
                if slot > last:
                    last = slot
                    yield slot
        except CronSimError:
            raise TimingError("cron") from None

    @staticmethod
    def _steps_after(moment: datetime, interval: timedelta) -> Iterator[datetime]:
        slot = moment.astimezone(UTC)
        while True:
            slot += interval
            yield slot


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks of a zone, and what it does to a cron expression."""

    at: datetime
    # The clock before and after, as local times of that moment.
    before: datetime
    after: datetime
    # Slots that the changed hour would hold on an ordinary day, as local times without a zone.
    meant: tuple[datetime, ...]
    # Those that there really are from the first of the changed times to the last.
    real: tuple[datetime, ...]

    @property
    def is_forward(self) -> bool:
        """Whether an hour is left out, and not repeated."""
        return self.after > self.before


def next_change(timing: Timing, moment: datetime) -> Change | None:
    """The next change of the clocks in the timing's zone; None where they do not change."""
    zone = zone_named(timing.zone)
    at = _transition_after(zone, moment.astimezone(UTC))
    if at is None:
        return None
    before = (at - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None, microsecond=0) + timedelta(
        seconds=1
    )
    after = at.astimezone(zone).replace(tzinfo=None)
    meant: tuple[datetime, ...] = ()
    real: tuple[datetime, ...] = ()
    if timing.cron:
        low, high = min(before, after), max(before, after)
        plain = Timing(cron=timing.cron)
        meant = tuple(
            slot.replace(tzinfo=None)
            for slot in plain.between(
                (low - timedelta(seconds=1)).replace(tzinfo=UTC),
                (high - timedelta(seconds=1)).replace(tzinfo=UTC),
            )
        )
        # The hour that comes twice lies on both sides of the change.
        width = high - low
        begin, end = (at, at) if after > before else (at - width, at + width - timedelta(seconds=1))
        real = tuple(slot.astimezone(zone) for slot in timing.between(begin - timedelta(seconds=1), end))
    return Change(at, before, after, meant, real)


def first_slots(timing: Timing, moment: datetime, count: int) -> list[datetime]:
    """The next slots after a moment, in the timing's zone."""
    zone = zone_named(timing.zone)
    return [slot.astimezone(zone) for slot in islice(timing.after(moment), count)]


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """The time zones that a schedule may be in: those of places, and UTC."""
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name and name[:4] != "Etc/"))


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises: TimingError when there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimingError("zone") from None


def _transition_after(zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment after this one at which the zone's clocks jump."""
    low, offset = moment, moment.astimezone(zone).utcoffset()
    end = moment + LONGEST_LOOK
    while low < end:
        high = low + timedelta(days=7)
        if high.astimezone(zone).utcoffset() != offset:
            break
        low = high
    else:
        return None
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
