"""When slots are: expressions and intervals, zones, and the two nights a year on which the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import TimingError
from jobs.slots import Timing, first_slots, next_change, zone_names

MONTREAL, PARIS = "America/Montreal", "Europe/Paris"


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def local(timing: Timing, since: str, count: int) -> list[str]:
    slots = first_slots(timing, at(since, timing.zone), count)
    return [f"{slot:%d %H:%M %z}" for slot in slots]


def test_an_expression_is_read_in_its_zone() -> None:
    timing = Timing(cron="30 9 * * MON-FRI", zone=MONTREAL)
    assert local(timing, "2026-01-02T12:00", 2) == ["05 09:30 -0500", "06 09:30 -0500"]
    assert next(timing.after(at("2026-01-02T12:00"))).tzinfo == UTC


@pytest.mark.parametrize(
    ("cron", "zone", "since", "expected"),
    [
        # 2026-03-08, 02:00 becomes 03:00: a fixed time in the hour that is left out is due when it would begin.
        ("30 2 * * *", MONTREAL, "2026-03-07T12:00", ["08 03:00 -0400", "09 02:30 -0400"]),
        # Two of them, and one that is due then anyway, are due once.
        ("15,45 2 * * *", MONTREAL, "2026-03-07T12:00", ["08 03:00 -0400", "09 02:15 -0400"]),
        ("0 2,3 * * *", MONTREAL, "2026-03-07T12:00", ["08 03:00 -0400", "09 02:00 -0400"]),
        ("30 * * * *", MONTREAL, "2026-03-08T01:00", ["08 01:30 -0500", "08 03:30 -0400"]),
        # 2026-11-01, 02:00 becomes 01:00: a fixed time is due the first time only.
        ("30 1 * * *", MONTREAL, "2026-10-31T12:00", ["01 01:30 -0400", "02 01:30 -0500"]),
        # Every half hour goes on by elapsed time.
        (
            "*/30 1 * * *",
            MONTREAL,
            "2026-11-01T00:00",
            ["01 01:00 -0400", "01 01:30 -0400", "01 01:00 -0500", "01 01:30 -0500", "02 01:00 -0500"],
        ),
        ("30 2 * * *", PARIS, "2026-03-28T12:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        ("30 2 * * *", PARIS, "2026-10-24T12:00", ["25 02:30 +0200", "26 02:30 +0100"]),
        ("0 * * * *", PARIS, "2026-10-25T01:30", ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]),
    ],
)
def test_x18_each_slot_comes_once_when_the_clocks_change(
    cron: str, zone: str, since: str, expected: list[str]
) -> None:
    assert local(Timing(cron=cron, zone=zone), since, len(expected)) == expected


@given(
    cron=st.sampled_from(["30 2 * * *", "15,45 1-3 * * *", "*/20 * * * *", "7 */2 * * *", "0 1,2,3 * * SUN"]),
    zone=st.sampled_from([MONTREAL, PARIS, "Australia/Lord_Howe", "UTC"]),
    day=st.integers(0, 365),
    minutes=st.integers(1, 3000),
)
def test_x18_slots_grow_and_do_not_depend_on_where_one_begins_to_look(
    cron: str, zone: str, day: int, minutes: int
) -> None:
    timing = Timing(cron=cron, zone=zone)
    begin = at("2026-01-01T00:00") + timedelta(days=day)
    slots = list(islice(timing.after(begin), 40))
    assert all(earlier < later for earlier, later in pairwise(slots))
    later_look = begin + timedelta(minutes=minutes)
    expected = [slot for slot in slots if slot > later_look]
    assert list(islice(timing.after(later_look), len(expected))) == expected


@settings(deadline=None)
@given(
    cron=st.sampled_from(["30 2 * * *", "*/15 * * * *", "0 0 1 * *"]),
    hours=st.integers(1, 24 * 60),
    limit=st.sampled_from([1, 3, 100]),
)
def test_the_newest_slots_of_a_long_time_are_those_that_counting_all_of_them_gives(
    cron: str, hours: int, limit: int
) -> None:
    timing = Timing(cron=cron, zone=PARIS)
    now = at("2026-11-22T17:00")
    everything = timing.between(now - timedelta(hours=hours), now)
    if everything:
        slots, following = timing.until(everything[0], now, limit)
        assert slots == everything[-limit:]
        assert following == next(timing.after(now))


def test_years_of_missed_minutes_are_looked_at_from_their_end() -> None:
    timing = Timing(cron="* * * * *", zone=MONTREAL)
    now = at("2026-11-22T17:00:30")
    slots, following = timing.until(at("2020-01-01T00:00"), now, 100)
    assert (len(slots), slots[-1], following) == (100, at("2026-11-22T17:00"), at("2026-11-22T17:01"))


def test_an_interval_keeps_its_steps_over_a_long_time() -> None:
    timing = Timing(interval=timedelta(seconds=7))
    first, now = at("2026-01-01T00:00"), at("2026-01-01T01:00")
    slots, following = timing.until(first, now, 3)
    assert slots == [first + timedelta(seconds=7 * n) for n in (512, 513, 514)]
    assert following == first + timedelta(seconds=7 * 515)
    assert timing.until(first, first, 3) == ([first], first + timedelta(seconds=7))


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"cron": "* * * *"}, "cron"),
        ({"cron": "* * * * * *"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "@daily"}, "cron"),
        ({"cron": "é * * * *"}, "cron"),
        ({"cron": "0 0 * * *", "zone": "Nowhere/Here"}, "zone"),
        ({"cron": "0 0 * * *", "zone": "../../etc/passwd"}, "zone"),
        ({"cron": "0 0 * * *", "zone": ""}, "zone"),
        ({"interval": timedelta(0)}, "timing"),
        ({"interval": timedelta(milliseconds=1)}, "interval"),
        ({}, "timing"),
        ({"cron": "* * * * *", "interval": timedelta(seconds=1)}, "timing"),
    ],
)
def test_what_says_no_time_is_refused_by_the_name_of_its_part(values: dict[str, object], part: str) -> None:
    with pytest.raises(TimingError) as caught:
        Timing(**values)  # type: ignore[arg-type]
    assert caught.value.part == part


def test_the_next_change_of_the_clocks_says_what_it_does_to_an_expression() -> None:
    forward = next_change(Timing(cron="30 2 * * *", zone=MONTREAL), at("2026-01-01T00:00"))
    assert forward
    assert forward.is_forward
    assert (f"{forward.before:%d %H:%M}", f"{forward.after:%d %H:%M}") == ("08 02:00", "08 03:00")
    assert [f"{slot:%H:%M}" for slot in forward.meant] == ["02:30"]
    assert [f"{slot:%H:%M}" for slot in forward.real] == ["03:00"]
    back = next_change(Timing(cron="30 1 * * *", zone=MONTREAL), at("2026-06-01T00:00"))
    assert back
    assert not back.is_forward
    assert [f"{slot:%H:%M}" for slot in back.meant] == ["01:30"]
    assert [f"{slot:%H:%M %z}" for slot in back.real] == ["01:30 -0400"]
    twice = next_change(Timing(cron="*/30 * * * *", zone=MONTREAL), at("2026-06-01T00:00"))
    assert twice
    assert [f"{slot:%H:%M}" for slot in twice.real] == ["01:00", "01:30", "01:00", "01:30"]


def test_a_zone_without_changes_has_none() -> None:
    assert next_change(Timing(cron="0 0 * * *"), at("2026-01-01T00:00")) is None
    assert next_change(Timing(cron="0 0 * * *", zone="Asia/Tokyo"), at("2026-01-01T00:00")) is None


def test_zones_are_those_of_places() -> None:
    assert {"UTC", MONTREAL, PARIS} <= set(zone_names())
    assert "Etc/GMT+5" not in zone_names()
