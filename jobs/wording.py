"""Schedules in words, in the reader's language."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cron_descriptor import CasingTypeEnum, ExpressionDescriptor, Options
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from jobs.slots import Change, Timing

# The library's catalogues, by the first letters of our languages.
_LOCALES = {"fr": "fr_FR", "en": "en_US"}
# It names days and months in the language of the process.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ENGLISH = {
    **{name: WEEKDAYS[number] for number, name in enumerate(_DAYS)},
    **{name: MONTHS[number] for number, name in enumerate(_MONTHS, 1)},
}
_NAMES = re.compile(rf"\b({'|'.join(_ENGLISH)})\b")
# Longer lists of times are cut.
_TIMES_NAMED = 4


def describe(timing: Timing) -> str:
    """When the timing is due, without its zone: "At 03:00, Monday through Friday"."""
    return _interval(timing.interval) if timing.interval is not None else _cron(timing.cron)


def describe_change(change: Change, timing: Timing) -> str:
    """What the next change of the clocks does to the timing."""
    values = {
        "day": _day(change.before),
        "before": f"{change.before:%H:%M}",
        "after": f"{change.after:%H:%M}",
    }
    if change.is_forward:
        sentence = _("On %(day)s the clocks go forward from %(before)s to %(after)s.") % values
    else:
        sentence = _("On %(day)s the clocks go back from %(before)s to %(after)s.") % values
    return f"{sentence} {_effect(change, timing)}"


def describe_slot(slot: datetime) -> str:
    """Day and time of a slot, in the zone that it is in."""
    return f"{_day(slot)}, {slot:%H:%M}{f':{slot:%S}' if slot.second else ''}"


def _cron(expression: str) -> str:
    options = Options()
    options.locale_code = _LOCALES.get((get_language() or "en")[:2], "en_US")
    options.use_24hour_time_format = True
    options.casing_type = CasingTypeEnum.Sentence
    text = str(ExpressionDescriptor(expression, options).get_description())
    return _NAMES.sub(lambda found: str(_ENGLISH[found[1]]), text)


def _interval(interval: timedelta) -> str:
    seconds = int(interval.total_seconds())
    if seconds % 86400 == 0:
        return _counted(ngettext("Every day", "Every %(count)s days", seconds // 86400), seconds // 86400)
    if seconds % 3600 == 0:
        return _counted(ngettext("Every hour", "Every %(count)s hours", seconds // 3600), seconds // 3600)
    if seconds % 60 == 0:
        return _counted(ngettext("Every minute", "Every %(count)s minutes", seconds // 60), seconds // 60)
    return _counted(ngettext("Every second", "Every %(count)s seconds", seconds), seconds)


def _counted(text: str, count: int) -> str:
    return text % {"count": count} if "%" in text else text


def _effect(change: Change, timing: Timing) -> str:
    if timing.interval is not None:
        return _("The time between two runs stays the same.")
    if not change.meant:
        return _("No run falls into that hour.")
    times = {"times": _listed(change.meant), "moved": _listed(change.real[:1])}
    if change.is_forward and timing.is_fixed:
        return _("What would run at %(times)s runs at %(moved)s.") % times
    if change.is_forward:
        return _("The runs at %(times)s are left out with that hour.") % times
    if timing.is_fixed:
        return _("What runs at %(times)s runs once, the first time.") % times
    return _("The runs at %(times)s come twice, since that hour does.") % times


def _listed(moments: Sequence[datetime]) -> str:
    shown = ", ".join(f"{moment:%H:%M}" for moment in moments[:_TIMES_NAMED])
    return f"{shown}, …" if len(moments) > _TIMES_NAMED else shown


def _day(moment: datetime) -> str:
    # Translators: the format of a date with the day of the week, as in Django's `date` filter.
    return date_format(moment, _("l, F j, Y"))
