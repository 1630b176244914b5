"""What a schedule that comes with the site says, as one value; the table of them is `config/schedules.py`."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Shipped:
    """One row of the table of schedules."""

    name: str
    task: str
    # Five fields, read in the time zone; or a distance.
    cron: str = ""
    every: timedelta | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    # Empty: the site's.
    time_zone: str = ""
    # What happens to slots that passed while nothing was there to fill them.
    catch_up: Literal["skip", "once", "all"] = "once"
    # What happens to a slot while the job of an earlier one still goes on.
    overlap: Literal["allow", "skip"] = "skip"

    def columns(self) -> dict[str, Any]:
        """What its row has."""
        return {
            "task": self.task,
            "arguments": self.arguments,
            "cron": self.cron,
            "interval_seconds": int(self.every.total_seconds()) if self.every else None,
            "time_zone": self.time_zone or settings.TIME_ZONE,
            "catch_up": self.catch_up,
            "overlap": self.overlap,
        }
