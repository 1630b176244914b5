"""The timeline of one job as a drawing: a bar for each stay in a status, in a lane for waiting, running and ended.

Times run from left to right and are compressed: a wait of 5 ms and one of 4 hours are both there to be seen. The
numbers in the drawing are those of the list under it, which says the same in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import log1p
from typing import Any

from django.utils.translation import gettext as _

from jobs.admin.base import badge, seconds_text, time_text
from jobs.admin.history import cause_text
from jobs.admin.states import STATUS_KINDS
from jobs.models import FINAL_STATUSES, JobEvent, JobStatus

# Units of the drawing; the page scales it.
WIDTH = 760.0
LEFT = 76.0
LANE_HEIGHT = 44.0
BAR_HEIGHT = 22.0
TOP = 14.0
GAP = 3.0
# Room for the outline of the last bar.
EDGE = 2.0
# About the width of a letter of a label.
LETTER = 6.4
# More stays than this are too narrow to see: the drawing then shows the newest.
DRAWN = 30
# What even the shortest stay is worth, beside the logarithm of its milliseconds.
FLOOR = 4.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One stay in a status."""

    x: float
    y: float
    width: float
    kind: str
    # Shown in the bar where there is room.
    label: str
    # Said of the bar in full.
    title: str
    number: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Step:
    """The line from one bar to the next."""

    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole timeline."""

    bars: Sequence[Bar]
    steps: Sequence[Step]
    lanes: Sequence[tuple[str, float]]
    width: float
    height: float
    left_out: int


def drawing(events: Sequence[JobEvent], now: datetime) -> Drawing:
    """The stays between the events, the oldest first; the last one goes on until now, or is the end."""
    stays = _stays(events, now)
    shown = stays[-DRAWN:]
    weights = [log1p(max(0.0, seconds) * 1000) + FLOOR for _number, _event, seconds in shown]
    room = WIDTH - EDGE - LEFT - GAP * max(0, len(shown) - 1)
    scale = room / sum(weights) if weights else 0.0
    bars: list[Bar] = []
    x = LEFT
    for (number, event, seconds), weight in zip(shown, weights, strict=True):
        bars.append(_bar(number, event, seconds, x, weight * scale, is_last=number == shown[-1][0]))
        x += weight * scale + GAP
    lanes = [(label, TOP + lane * LANE_HEIGHT + BAR_HEIGHT / 2) for lane, label in enumerate(_lanes())]
    steps = [_step(first, second) for first, second in pairwise(bars) if first.y != second.y]
    height = TOP * 2 + LANE_HEIGHT * 2 + BAR_HEIGHT
    return Drawing(bars, steps, lanes, WIDTH, height, len(stays) - len(shown))


def rows(events: Sequence[JobEvent]) -> list[dict[str, Any]]:
    """The events in words, with their numbers in the drawing."""
    found: list[dict[str, Any]] = []
    before = None
    for number, event in enumerate(events, start=1):
        found.append(
            {
                "number": number,
                "at": time_text(event.at),
                "after": f"+{seconds_text((event.at - before).total_seconds())}" if before else "",
                "badge": badge(event.get_to_status_display(), STATUS_KINDS[event.to_status]),
                "cause": cause_text(event.cause),
                "by": event.by,
                "is_change": event.from_status != event.to_status,
            }
        )
        before = event.at
    return found


def _stays(events: Sequence[JobEvent], now: datetime) -> list[tuple[int, JobEvent, float]]:
    """Number, event that began it, and seconds of each stay; an event that changes no status begins none."""
    changes = [
        (number, event)
        for number, event in enumerate(events, start=1)
        if event.from_status != event.to_status
    ]
    stays = [
        (number, event, (following.at - event.at).total_seconds())
        for (number, event), (_next, following) in pairwise(changes)
    ]
    if changes:
        number, last = changes[-1]
        goes_on = last.to_status not in FINAL_STATUSES
        stays.append((number, last, (now - last.at).total_seconds() if goes_on else 0.0))
    return stays


def _bar(number: int, event: JobEvent, seconds: float, x: float, width: float, *, is_last: bool) -> Bar:
    status = str(event.get_to_status_display())
    is_final = event.to_status in FINAL_STATUSES
    length = "" if is_final and is_last else seconds_text(seconds)
    labels = [f"{number} · {status} {length}".strip(), f"{number} · {length or status}", str(number)]
    return Bar(
        x=round(x, 1),
        y=TOP + _lane_of(event.to_status) * LANE_HEIGHT,
        width=round(max(width, 2.0), 1),
        kind=STATUS_KINDS[event.to_status],
        label=next((label for label in labels if len(label) * LETTER < width - 8), ""),
        title=f"{number}. {status}{' · ' if length else ''}{length} · {cause_text(event.cause)}",
        number=number,
        is_open=is_last and not is_final,
    )


def _step(first: Bar, second: Bar) -> Step:
    """A line from the end of a bar to the beginning of the next, in another lane."""
    x = round(second.x - GAP / 2, 1)
    middle = BAR_HEIGHT / 2
    return Step(f"M{x} {first.y + middle} V{second.y + middle}")


def _lane_of(status: str) -> int:
    if status == JobStatus.RUNNING:
        return 1
    return 2 if status in FINAL_STATUSES else 0


def _lanes() -> tuple[str, str, str]:
    return _("Waiting"), _("Running"), _("Ended")
