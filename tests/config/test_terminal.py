"""What the commands draw, where nobody looks and where somebody does."""

import io

from config.terminal import KeptLines, bar, prefixed_lines, redraw, table


class Screen(io.StringIO):
    """A terminal in front of a person."""

    def isatty(self) -> bool:
        return True


def test_lines_in_a_file_carry_their_program_and_no_color() -> None:
    stream = io.StringIO()
    prefixed_lines(stream)("web", "ready")
    assert stream.getvalue() == "web     | ready\n"


def test_programs_on_a_screen_differ_in_color() -> None:
    stream = Screen()
    write = prefixed_lines(stream)
    write("web", "ready")
    write("short", "ready")
    assert stream.getvalue().count("\033[36m") == stream.getvalue().count("\033[33m") == 1


def test_kept_lines_are_shown_only_when_asked_for() -> None:
    quiet, asked = io.StringIO(), io.StringIO()
    for stream, show in ((quiet, False), (asked, True)):
        lines = KeptLines(stream)
        lines.write("web", "before")
        if show:
            lines.show_kept()
        else:
            lines.open()
        lines.write("web", "after")
    assert quiet.getvalue() == "web     | after\n"
    assert asked.getvalue() == "web     | before\nweb     | after\n"


def test_only_the_last_lines_are_kept() -> None:
    stream = io.StringIO()
    lines = KeptLines(stream)
    for number in range(1000):
        lines.write("web", str(number))
    lines.show_kept()
    assert len(stream.getvalue().splitlines()) == KeptLines.KEPT


def test_a_bar_is_empty_half_or_full_and_never_longer() -> None:
    assert [bar(done, 10, width=4) for done in (0, 5, 10, 99)] == ["░░░░", "██░░", "████", "████"]
    assert bar(5, 0, width=4) == "░░░░"


def test_a_line_is_drawn_over_the_one_before_on_a_screen_only() -> None:
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        redraw(stream, "half")
    assert screen.getvalue() == "\r\033[Khalf"
    assert file.getvalue() == "half\n"


def test_numbers_of_a_table_stand_under_each_other() -> None:
    assert table(("rule", "found"), [("required", "7"), ("a", "12")]).splitlines() == [
        "rule      found",
        "--------  -----",
        "required      7",
        "a            12",
    ]
