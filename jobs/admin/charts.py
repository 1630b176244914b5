"""The geometry of small charts that the server draws as SVG, each with the table of its numbers behind it.

The drawing stretches to any width; letters do not, and so stand beside it as HTML. Places are in percent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from jobs.admin.base import seconds_text

Value = float | None
# A drawing is this high and, with n points, n times STEP wide.
HEIGHT = 100
STEP = 10
SPARK_WIDTH, SPARK_HEIGHT = 96, 24
_LABELS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values; its kind names its colour and its mark in the legend."""

    label: str
    kind: str
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A label beside the drawing and how far along it stands, in percent from the bottom or the left."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One point in time: what a pointer that rests on it is told."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    name: str
    title: str
    summary: str
    series: Sequence[Series]
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    width: int
    y_ticks: Sequence[Tick]
    # The lines behind, as a path.
    grid: str
    x_ticks: Sequence[Tick]
    columns: Sequence[Column]
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str]] = ()
    height: int = HEIGHT
    step: int = STEP
    is_empty: bool = field(default=False)


def bars(
    name: str, title: str, summary: str, moments: Sequence[datetime], series: Sequence[Series],
    write: Callable[[Value], str], over: Sequence[Series] = (),
) -> Chart:  # fmt: skip
    """Bars over time, the series stacked upon each other, the first at the bottom; `over` is drawn as lines."""
    stacks = [[one.values[place] or 0.0 for one in series] for place in range(len(moments))]
    above = max((value or 0 for one in over for value in one.values), default=0)
    highest = _round_count(max([above, *(sum(stack) for stack in stacks)]))
    drawn = []
    for place, stack in enumerate(stacks):
        tops = list(accumulate(stack))
        for one, value, top in zip(series, stack, tops, strict=True):
            if value:
                height = max(0.75, value / highest * HEIGHT)
                drawn.append(
                    Bar(place * STEP + 1, HEIGHT - top / highest * HEIGHT, STEP - 2, height, one.kind)
                )
    paths = [(one.kind, _path([(value or 0) / highest for value in one.values])) for one in over]
    y_ticks = [Tick(share * 100, write(highest * share)) for share in (0, 0.5, 1)]
    return _chart(name, title, summary, moments, [*over, *series], write, y_ticks, drawn=drawn, paths=paths)


def lines(
    name: str, title: str, summary: str, moments: Sequence[datetime], series: Sequence[Series],
    write: Callable[[Value], str],
) -> Chart:  # fmt: skip
    """Lines over time, broken where there is no value. Values are milliseconds, on a logarithmic axis.

    Waits of a second and of an hour stand on one page, and both matter.
    """
    values = [value for one in series for value in one.values if value]
    low = max((bound for bound in _DECADES_MS if bound <= min(values, default=10)), default=_DECADES_MS[0])
    high = min(
        (bound for bound in _DECADES_MS if bound >= max(values, default=1000)), default=_DECADES_MS[-1]
    )
    if low == high:
        high = _DECADES_MS[min(_DECADES_MS.index(low) + 1, len(_DECADES_MS) - 1)]
    ticks = [bound for bound in _DECADES_MS if low <= bound <= high]

    def share(value: float) -> float:
        return math.log(max(value, low) / low) / math.log(high / low)

    paths = [(one.kind, _path([None if v is None else share(v) for v in one.values])) for one in series]
    y_ticks = [Tick(share(bound) * 100, _axis_ms(bound)) for bound in ticks]
    return _chart(name, title, summary, moments, series, write, y_ticks, paths=paths)


def _chart(
    name: str, title: str, summary: str, moments: Sequence[datetime], series: Sequence[Series],
    write: Callable[[Value], str], y_ticks: Sequence[Tick],
    drawn: Sequence[Bar] = (), paths: Sequence[tuple[str, str]] = (),
) -> Chart:  # fmt: skip
    span = moments[-1] - moments[0] if moments else timedelta(0)
    rows = [
        [moment_text(at, span), *(write(one.values[place]) for one in series)]
        for place, at in enumerate(moments)
    ]
    heads = [one.label for one in series]
    return Chart(
        name=name,
        title=title,
        summary=summary,
        series=series,
        heads=heads,
        rows=rows,
        width=max(1, len(moments)) * STEP,
        y_ticks=y_ticks,
        grid="".join(f"M0 {HEIGHT - tick.at:.1f}H{max(1, len(moments)) * STEP}" for tick in y_ticks),
        x_ticks=_x_ticks(moments, span),
        columns=[
            Column(
                place * STEP,
                row[0]
                + " · "
                + ", ".join(f"{head} {cell}" for head, cell in zip(heads, row[1:], strict=True)),
            )
            for place, row in enumerate(rows)
        ],
        bars=drawn,
        lines=paths,
        is_empty=not any(value for one in series for value in one.values),
    )


def spark(values: Sequence[float]) -> str:
    """The path of a line in a small drawing of SPARK_WIDTH by SPARK_HEIGHT; empty when there is nothing."""
    if len(values) < 2 or not any(values):
        return ""
    highest, across = max(values), SPARK_WIDTH / (len(values) - 1)
    points = [
        f"{place * across:.1f} {SPARK_HEIGHT - 1.5 - value / highest * (SPARK_HEIGHT - 3):.1f}"
        for place, value in enumerate(values)
    ]
    return "M" + "L".join(points)


def moment_text(moment: datetime, span: timedelta) -> str:
    """A time as short as its surroundings allow: the hour within a day, the day within months, else both."""
    here = localtime(moment)
    if span <= timedelta(days=1):
        return f"{here:%H:%M}"
    if span > timedelta(days=8):
        return date_format(here, "j M")
    return f"{date_format(here, 'j M')} {here:%H:%M}"


def count_text(value: Value) -> str:
    """A whole number in the reader's writing."""
    return number_format(round(value or 0), force_grouping=True)


def percent_text(value: Value) -> str:
    """A share from 0 to 1 in percent, with a decimal where it is small; a dash for none."""
    if value is None:
        return "–"
    percent = value * 100
    digits = 1 if 0 < percent < 10 else 0
    return _("%(number)s%%") % {"number": number_format(round(percent, digits), digits)}


def ms_text(value: Value) -> str:
    """Milliseconds as people say them; a dash for none."""
    return "–" if value is None else seconds_text(value / 1000)


def _x_ticks(moments: Sequence[datetime], span: timedelta) -> list[Tick]:
    count = len(moments)
    places = (
        sorted({round(number * (count - 1) / (_LABELS - 1)) for number in range(_LABELS)}) if count else []
    )
    texts = [_axis_text(moments[place], span) for place in places]
    return [Tick((place + 0.5) / count * 100, text) for place, text in zip(places, texts, strict=True)]


def _axis_text(moment: datetime, span: timedelta) -> str:
    here = localtime(moment)
    return f"{here:%H:%M}" if span <= timedelta(days=1) else date_format(here, "j M")


def _path(shares: Sequence[Value]) -> str:
    """Moves and lines from middle to middle of the points; a value alone is a short stroke."""
    parts, is_drawing = [], False
    for place, share in enumerate(shares):
        if share is None:
            is_drawing = False
            continue
        x, y = place * STEP + STEP / 2, HEIGHT - share * HEIGHT
        following = shares[place + 1] if place + 1 < len(shares) else None
        if is_drawing:
            parts.append(f"L{x:.1f} {y:.1f}")
        elif following is None:
            parts.append(f"M{x - 2:.1f} {y:.1f}h4")
        else:
            parts.append(f"M{x:.1f} {y:.1f}")
        is_drawing = True
    return "".join(parts)


def _round_count(value: float) -> float:
    """The next number of the kind 1, 2, 4, 6, 8, 10, so that half of it is one as well."""
    scale = 1.0
    while True:
        for top in (2, 4, 6, 8, 10):
            if value <= top * scale:
                return top * scale
        scale *= 10


_DECADES_MS = (1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 360_000_000)


def _axis_ms(bound: int) -> str:
    if bound < 1000:
        return _("%(number)s ms") % {"number": bound}
    if bound < 60_000:
        return _("%(number)s s") % {"number": bound // 1000}
    if bound < 3_600_000:
        return _("%(number)s min") % {"number": bound // 60_000}
    return _("%(number)s h") % {"number": bound // 3_600_000}
