"""One broken record, read in the nearest sane way."""

import time

import pytest

from validations.engine.records import Dialect, parse, strict_cells

COMMA = Dialect(",")


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('a,"b,c",d', ["a", "b,c", "d"]),
        ('a,"b ""c"" d",e', ["a", 'b "c" d', "e"]),
        ('a,"Boxer, 5" Inseam",c', ["a", 'Boxer, 5" Inseam', "c"]),
        ('a,"Table, 48"","next"', ["a", 'Table, 48"', "next"]),
        ('a,""Great grip, warm.",c', ["a", '"Great grip, warm.', "c"]),
        ('a,"1,"quoted, text"', ["a", '"1', "quoted, text"]),
        ('a,b",c', ["a", 'b"', "c"]),
        ('a, "b,c", d', ["a", "b,c", " d"]),
    ],
)
def test_b02_a_line_is_read_with_the_right_number_of_cells(line: str, cells: list[str]) -> None:
    assert parse(line, COMMA, 3).cells == cells


def test_a_line_by_the_rules_costs_nothing() -> None:
    assert parse('a,"b ""c"", d",e', COMMA, 3).cost == 0


def test_b02_a_misplaced_mark_is_told_by_its_column() -> None:
    assert parse('a,b,"c" d', COMMA, 3).fault_index == 2


def test_without_a_quote_character_marks_are_text() -> None:
    assert parse('"a","b"', Dialect(",", ""), 2).cells == ['"a"', '"b"']


def test_curly_quotes_open_and_close_a_cell() -> None:
    assert parse("“a;b”;c", Dialect(";", "“"), 2).cells == ["a;b", "c"]


def test_a_delimiter_of_two_characters_is_one_delimiter() -> None:
    assert parse('a||"b||c"||d|e', Dialect("||"), 3).cells == ["a", "b||c", "d|e"]


def test_a_quoted_line_end_is_part_of_its_cell() -> None:
    assert strict_cells('a,"b\r\nc",d', COMMA) == ["a", "b\r\nc", "d"]


@pytest.mark.parametrize("hostile", ['",' * 16_000, '"' * 31_999, 'x"",' * 8_000, '","' * 10_000])
def test_b10_a_hostile_line_is_read_in_bounded_time(hostile: str) -> None:
    started = time.process_time()

    parse(hostile, COMMA, 12)

    assert time.process_time() - started < 10
