"""The form of a schedule: when it is due, and what happens to slots that are missed or that overlap."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from jobs.errors import TimingError
from jobs.models import CatchUp, Overlap, Schedule
from jobs.slots import Timing

UNITS = {1: _("seconds"), 60: _("minutes"), 3600: _("hours"), 86400: _("days")}
LONGEST = timedelta(days=366)
# Offered while one types.
EXAMPLES = ("0 * * * *", "*/15 * * * *", "0 3 * * *", "30 8 * * MON-FRI", "0 7 1 * *", "0 22 * * SUN")
_PROBLEMS = {
    "cron": _(
        "This is no cron expression that ever comes: five fields for minute, hour, day, month and day of the week."
    ),
    "interval": _("Give a length of time of at least one second and at most a year."),
    "zone": _("There is no such time zone. Choose one from the list, for example America/Montreal."),
}


class TimingForm(forms.Form):
    """When a schedule is due."""

    how = forms.ChoiceField(
        label=_("When it is due"),
        choices=[("cron", _("By the calendar")), ("interval", _("At equal distances"))],
        widget=forms.RadioSelect,
        initial="cron",
    )
    cron = forms.CharField(
        label=_("Cron expression"),
        max_length=100,
        required=False,
        help_text=_(
            "Minute, hour, day of the month, month, day of the week. “30 8 * * MON-FRI” is 08:30 on working days."
        ),
        widget=forms.TextInput(attrs={"list": "cron-examples", "spellcheck": "false", "autocomplete": "off"}),
    )
    every = forms.IntegerField(label=_("Every"), min_value=1, max_value=10**9, required=False)
    unit = forms.TypedChoiceField(
        label=_("Unit"), choices=list(UNITS.items()), coerce=int, initial=60, required=False
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        initial=settings.TIME_ZONE,
        widget=forms.TextInput(attrs={"list": "time-zones", "spellcheck": "false", "autocomplete": "off"}),
    )

    timing: Timing | None = None

    def clean(self) -> dict[str, Any]:
        """The values, with a timing that exists."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            self.timing = self._timing(cleaned)
        except TimingError as error:
            field = {"cron": "cron", "zone": "time_zone"}.get(error.part, "every")
            self.add_error(field, _PROBLEMS.get(error.part, _PROBLEMS["interval"]))
        return cleaned

    def _timing(self, cleaned: dict[str, Any]) -> Timing:
        if cleaned["how"] == "cron":
            expression = " ".join(cleaned["cron"].split())
            if not expression:
                raise TimingError("cron")
            return Timing(expression, None, cleaned["time_zone"])
        seconds = (cleaned["every"] or 0) * (cleaned["unit"] or 0)
        if not 1 <= seconds <= LONGEST.total_seconds():
            raise TimingError("interval")
        return Timing("", timedelta(seconds=seconds), cleaned["time_zone"])


class ScheduleForm(TimingForm):
    """Everything of a schedule but its task and the task's arguments."""

    name = forms.CharField(label=_("Name"), max_length=150, strip=True)
    catch_up = forms.ChoiceField(
        label=_("Slots that were missed"),
        choices=CatchUp.choices,
        initial="once",
        help_text=_("Nothing ran when they came: the site was down. No more than a hundred are made up for."),
    )
    overlap = forms.ChoiceField(
        label=_("While the last job still goes on"),
        choices=Overlap.choices,
        initial="skip",
    )

    def __init__(self, schedule: Schedule, data: Any = None) -> None:
        super().__init__(data, initial=initial_of(schedule) if schedule.pk else {"name": schedule.name})
        self.schedule = schedule

    def clean_name(self) -> str:
        """A name that no other schedule has."""
        name: str = self.cleaned_data["name"]
        if Schedule.objects.filter(name=name).exclude(pk=self.schedule.pk).exists():
            raise ValidationError(_("Another schedule has this name."))
        return name

    def apply(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What changes now that the schedule takes the form's values, for the audit trail.

        Of arguments it says only that they do.
        """
        timing = self.timing
        if timing is None:
            raise ValueError("the form is not valid")
        values = {
            "name": self.cleaned_data["name"],
            "cron": timing.cron,
            "interval_seconds": int(timing.interval.total_seconds()) if timing.interval else None,
            "time_zone": timing.zone,
            "catch_up": self.cleaned_data["catch_up"],
            "overlap": self.cleaned_data["overlap"],
        }
        before = {
            name: getattr(self.schedule, name)
            for name in values
            if getattr(self.schedule, name) != values[name]
        }
        details: dict[str, Any] = {"before": before} if self.schedule.pk else {"added": True}
        if self.schedule.pk and self.schedule.arguments != arguments:
            details["arguments_changed"] = True
        for name, value in values.items():
            setattr(self.schedule, name, value)
        self.schedule.arguments = arguments
        return details


def initial_of(schedule: Schedule) -> dict[str, Any]:
    """The values of the form for a schedule as it is."""
    seconds = schedule.interval_seconds or 0
    unit = next((unit for unit in sorted(UNITS, reverse=True) if seconds and seconds % unit == 0), 60)
    return {
        "name": schedule.name,
        "how": "interval" if seconds else "cron",
        "cron": schedule.cron,
        "every": seconds // unit or None,
        "unit": unit,
        "time_zone": schedule.time_zone,
        "catch_up": schedule.catch_up,
        "overlap": schedule.overlap,
    }
