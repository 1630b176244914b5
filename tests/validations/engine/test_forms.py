"""Table Schema in full: every type and format, what each reads and refuses, and every constraint and key."""

from typing import Any

import pytest

from tests.support.judging import Judged, JudgeRows
from validations.engine import texts
from validations.engine.profile import Profile, ProfileError


def profile(field: dict[str, Any], **schema: Any) -> Profile:
    """A profile with an identifier and one field."""
    return Profile.from_descriptor(
        {"name": "p", "fields": [{"name": "id"}, {"name": "x", **field}], **schema}
    )


def cells(*values: str) -> list[dict[str, str]]:
    """One row for each text."""
    return [{"id": f"r{index}", "x": value} for index, value in enumerate(values)]


def wrong_cells(judged: Judged, values: list[str], *codes: str) -> list[str]:
    """The cells at which one of the codes was found."""
    rows = {finding["row"] for code in codes for finding in judged.of(code)}
    return [value for row, value in enumerate(values, start=1) if row in rows]


POINT = '{"type":"Point","coordinates":[1,2.5]}'
RING = "[[0,0],[1,0],[1,1],[0,0]]"
FEATURE = f'{{"type":"Feature","geometry":{POINT},"properties":null}}'
TOPOLOGY = '{"type":"Topology","objects":{},"arcs":[]}'


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        (
            {"format": "email"},
            ["a@b.org", "é.x@b.org", '"a b"@c.org', " a@b.org "],
            ["a@b", "@b.org", "a b@c.org"],
        ),
        (
            {"format": "uri"},
            ["https://a.b/c?d=e#f", "mailto:x@y.org"],
            ["a.b/c", "https://a b", "http://<x>"],
        ),
        ({"format": "uuid"}, ["2bc1c94f-0deb-43e9-92a1-4775189ec9f8"], ["2bc1c94f", "x" * 36]),
        ({"format": "binary"}, ["YQ==", "YWI=", "YWJj"], ["YQ", "Y!==", "=YQ="]),
        (
            {"type": "number"},
            ["1", "1.", "+.5", "1e5", "1E-3"],
            ["1e400", "NaN", "INF", "1,5", "1_0", "1 2 x"],
        ),
        ({"type": "number", "decimalChar": ",", "groupChar": "."}, ["1.234,5", "7"], ["1,2,3"]),
        ({"type": "number", "groupChar": ","}, ["1,234.5"], ["1.2.3"]),
        ({"type": "number", "bareNumber": False}, ["$1.5", "12 %", "-3 €"], ["EUR", "1$5"]),
        ({"type": "integer", "bareNumber": False}, ["$15", "12 %", "-3 €"], ["EUR", "1.5"]),
        ({"type": "integer", "groupChar": " "}, ["1 234"], ["1.234"]),
        ({"type": "boolean", "trueValues": ["oui"], "falseValues": ["non"]}, ["oui", "non"], ["true", "1"]),
        (
            {"type": "date", "format": "%d %b %Y"},
            ["05 Jan 2026", "5 jan 2026"],
            ["31 Feb 2026", "2026-01-05"],
        ),
        ({"type": "date", "format": "any"}, ["13/01/2026", "31/01/2026"], ["2026-01-05", "32/01/2026"]),
        (
            {"type": "time"},
            ["08:00", "08:00:01", "23:59:59.5Z", "08:00:00+01:00"],
            ["24:00:00", "8", "08:60"],
        ),
        ({"type": "time", "format": "%Hh%M"}, ["08h00", "8h5"], ["25h00", "08:00"]),
        ({"type": "time", "format": "%I:%M %p"}, ["08:00 PM", "8:00 am"], ["13:00 PM", "08:00"]),
        (
            {"type": "datetime"},
            ["2026-01-05T08:00:00+01:00", "2026-01-05T08:00:00.25Z"],
            ["2026-02-30T08:00:00Z"],
        ),
        ({"type": "datetime", "format": "%d/%m/%Y %H:%M"}, ["05/01/2026 08:00"], ["2026-01-05T08:00:00Z"]),
        (
            {"type": "datetime", "format": "any"},
            ["05/01/2026 08:00", "2026-01-05", "2026-01-05T08:00:00Z"],
            ["soon"],
        ),
        ({"type": "year"}, ["2026", "0987"], ["26", "20266", "+202"]),
        ({"type": "yearmonth"}, ["2026-01", "2026-12"], ["2026-13", "2026-1", "202601"]),
        (
            {"type": "duration"},
            ["P1Y2M3DT4H5M6.7S", "PT60M", "-P1D", "P1W"],
            ["P", "PT", "1D", "P1S", "P1DT"],
        ),
        ({"type": "list", "itemType": "integer", "delimiter": ";"}, ["1;2", "1"], ["1;x", "1;;2", "1,2"]),
        ({"type": "list"}, ["a,b", "a"], []),
        ({"type": "array"}, ["[]", '[1, {"a": "x,]"}]'], ["{}", "[1,]", "[NaN]", "[1", "1"]),
        ({"type": "object"}, ["{}", '{"a": [1]}'], ["[]", '{"a": 1,}', '"a"', "null"]),
        ({"type": "geopoint"}, ["-71.2, 46.8", "180,-90"], ["181,0", "0,91", "1", "1,2,3", "a,b"]),
        ({"type": "geopoint", "format": "array"}, ["[-71.2, 46.8]"], ["[1]", "[181,0]", '["1",2]', "1,2"]),
        (
            {"type": "geopoint", "format": "object"},
            ['{"lon": 1, "lat": 2}'],
            ['{"lon": 1}', '{"lon": 1, "lat": 91}'],
        ),
        (
            {"type": "geojson"},
            [
                POINT,
                f'{{"type":"Polygon","coordinates":[{RING}]}}',
                f'{{"type":"GeometryCollection","geometries":[{POINT}]}}',
                FEATURE,
                f'{{"type":"FeatureCollection","bbox":[0,1,2,3],"features":[{FEATURE}]}}',
            ],
            [
                '{"type":"Point","coordinates":["1",2]}',
                '{"type":"LineString","coordinates":[[1,2]]}',
                '{"type":"FeatureCollection","features":[{"type":"Feature"}]}',
                '{"a":1}',
                "[1,2]",
            ],
        ),
        ({"type": "geojson", "format": "topojson"}, [TOPOLOGY], [FEATURE, '{"type":"Topology"}']),
        ({"type": "any"}, ["x", "1"], []),
    ],
)
def test_b09_each_form_of_the_standard_is_read_and_others_are_refused(
    judge_rows: JudgeRows, field: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    judged = judge_rows(cells(*right, *wrong), profile=profile(field))
    assert wrong_cells(judged, [*right, *wrong], "type-error", "constraint-error") == wrong


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ({"type": "number", "constraints": {"enum": [1, "2.50"]}}, ["1.0", "2.5", ""], ["3"]),
        (
            {"type": "number", "decimalChar": ",", "groupChar": ".", "constraints": {"maximum": 3.25}},
            ["3,25", ""],
            ["3,26", "1.000"],
        ),
        (
            {"type": "number", "decimalChar": ",", "groupChar": ".", "constraints": {"maximum": "1.000,5"}},
            ["1000,5"],
            ["1.001"],
        ),
        (
            {"type": "number", "decimalChar": ",", "groupChar": ".", "constraints": {"maximum": "3.25"}},
            ["49", "325"],
            ["326"],
        ),
        ({"type": "boolean", "constraints": {"enum": [True]}}, ["true", "1", ""], ["false"]),
        ({"type": "duration", "constraints": {"enum": ["PT1H"]}}, ["PT60M", ""], ["P1D"]),
        ({"type": "geopoint", "constraints": {"enum": ["1,2"]}}, ["1.0, 2", ""], ["2,1"]),
        ({"type": "array", "constraints": {"enum": ["[1,2]"]}}, ["[1, 2]"], ["[2,1]"]),
        ({"categories": [{"value": "a", "label": "A"}, "b"]}, ["a", "b"], ["A"]),
        ({"type": "integer", "constraints": {"exclusiveMinimum": 1, "exclusiveMaximum": 4}}, ["2", "3"], ["1", "4"]),
        ({"type": "date", "constraints": {"minimum": "2026-01-05"}}, ["2026-01-05"], ["2026-01-04"]),
        (
            {"type": "date", "format": "%d/%m/%Y", "constraints": {"maximum": "05/02/2026"}},
            ["31/01/2026"],
            ["06/02/2026"],
        ),
        ({"type": "time", "constraints": {"maximum": "17:00:00"}}, ["17:00", "16:59:59"], ["17:00:01"]),
        ({"type": "datetime", "constraints": {"minimum": "2026-01-05T08:00:00Z"}}, ["2026-01-05T08:00:00Z"],
         ["2026-01-05T08:59:00+01:00"]),
        ({"type": "duration", "constraints": {"maximum": "P1D"}}, ["PT24H", "PT1S", ""], ["PT25H"]),
        ({"type": "yearmonth", "constraints": {"exclusiveMaximum": "2026-03"}}, ["2026-02"], ["2026-03"]),
        ({"type": "year", "constraints": {"maximum": 2026}}, ["2026"], ["2027"]),
        ({"type": "array", "constraints": {"minLength": 1, "maxLength": 2}}, ["[1]", "[1,2]"], ["[]", "[1,2,3]"]),
        ({"type": "object", "constraints": {"maxLength": 1}}, ["{}", '{"a":1}'], ['{"a":1,"b":2}']),
        ({"type": "list", "constraints": {"minLength": 2}}, ["a,b"], ["a"]),
    ],
)  # fmt: skip
def test_constraints_are_compared_as_values(
    judge_rows: JudgeRows, field: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    judged = judge_rows(cells(*right, *wrong), profile=profile(field))
    assert wrong_cells(judged, [*right, *wrong], "constraint-error") == wrong
    assert judged.of("type-error") == []


def test_a_list_that_is_too_short_is_told_its_number_of_entries(judge_rows: JudgeRows) -> None:
    limited = profile({"title": "X", "type": "list", "constraints": {"minLength": 2}})
    (found,) = judge_rows(cells("a"), profile=limited).findings
    told = "“X” has too few entries; it needs at least 2."
    assert texts.message(found["code"], found["params"], "en") == told


@pytest.mark.parametrize("is_of_field", [True, False])
@pytest.mark.parametrize("type_", ["string", "integer", "date", "list"])
def test_a_word_for_nothing_is_no_value_even_in_the_form_of_one(
    judge_rows: JudgeRows, type_: str, *, is_of_field: bool
) -> None:
    word = {"integer": "-9", "date": "1900-01-01"}.get(type_, "n/a")
    field = {"type": type_, "constraints": {"required": True}}
    words = {"missingValues": ["", {"value": word, "label": "not asked"}]}
    demanding = profile({**field, **words}) if is_of_field else profile(field, **words)
    assert judge_rows(cells(word, f" {word} "), profile=demanding).rows_of("required") == [1, 2]


def test_the_missing_values_of_a_field_stand_for_those_of_the_schema(judge_rows: JudgeRows) -> None:
    own = profile({"type": "integer", "missingValues": ["?"]}, missingValues=["-"])
    assert judge_rows(cells("-", "?", "1"), profile=own).rows_of("type-error") == [1]


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("number", ["1", "2", "1.0"]),
        ("duration", ["PT60M", "P1D", "PT1H"]),
        ("geopoint", ["1,2", "2,1", "1.0 , 2"]),
        ("datetime", ["2026-01-05T08:00:00Z", "2026-01-05T09:00:00Z", "2026-01-05T09:00:00+01:00"]),
    ],
)
def test_equal_values_written_differently_break_unique(
    judge_rows: JudgeRows, type_: str, values: list[str]
) -> None:
    judged = judge_rows(cells(*values), profile=profile({"type": type_, "constraints": {"unique": True}}))
    assert judged.rows_of("unique-error") == [3]


def test_an_empty_part_of_the_primary_key_is_an_error(judge_rows: JudgeRows) -> None:
    keyed = profile({"title": "X"}, primaryKey=["id", "x"])
    found = judge_rows(cells("a", "", "b"), profile=keyed).of("primary-key")
    assert [(f["row"], f["field"], f["params"]["case"]) for f in found] == [(2, "x", "missing")]
    told = "“X” is part of the row's key and is empty."
    assert texts.message("primary-key", found[0]["params"], "en") == told


def test_an_empty_required_part_of_the_primary_key_is_told_once(judge_rows: JudgeRows) -> None:
    keyed = profile({"constraints": {"required": True}}, primaryKey="x")
    assert judge_rows(cells("a", ""), profile=keyed).codes == {"required"}


def test_each_unique_key_names_a_row_once_and_skips_rows_that_lack_a_part(judge_rows: JudgeRows) -> None:
    keyed = profile({}, uniqueKeys=[["x"], ["id", "x"]])
    judged = judge_rows(cells("a", "", "", "a"), profile=keyed)
    assert judged.rows_of("unique-error") == [4]


def test_a_foreign_key_refers_to_another_column_of_the_file(judge_rows: JudgeRows) -> None:
    parent = {"fields": "x", "reference": {"resource": "", "fields": "id"}}
    judged = judge_rows(cells("r1", "", "r9"), profile=profile({}, foreignKeys=[parent]))
    assert [(f["row"], f["field"], f["value"]) for f in judged.of("foreign-key")] == [(3, "x", "r9")]


def test_a_foreign_key_refers_to_a_reference_table_and_compares_values(judge_rows: JudgeRows) -> None:
    place = {"fields": ["x"], "reference": {"resource": "places", "fields": ["place"]}}
    judged = judge_rows(
        cells("50137", "", "59998"),
        profile=profile({"type": "integer"}, tables={"places": "quebec-places"}, foreignKeys=[place]),
    )
    assert judged.rows_of("foreign-key") == [3]


@pytest.mark.parametrize(
    ("field", "schema", "path"),
    [
        ({"type": "integer", "constraints": {"minLength": 1}}, {}, "fields[1].constraints.minLength"),
        ({"type": "boolean", "constraints": {"minimum": 1}}, {}, "fields[1].constraints.minimum"),
        ({"type": "string", "format": "wkt"}, {}, "fields[1].format"),
        ({"type": "date", "format": "%Q"}, {}, "fields[1].format"),
        ({"type": "time", "format": "hh:mm"}, {}, "fields[1].format"),
        ({"type": "number", "decimalChar": "5"}, {}, "fields[1].decimalChar"),
        ({"type": "list", "itemType": "object"}, {}, "fields[1].itemType"),
        ({}, {"uniqueKeys": [["y"]]}, "uniqueKeys[0][0]"),
        ({}, {"foreignKeys": [{"fields": "x", "reference": {"resource": "y", "fields": "id"}}]},
         "foreignKeys[0].reference.resource"),
        ({}, {"foreignKeys": [{"fields": "x", "reference": {"resource": "", "fields": "y"}}]},
         "foreignKeys[0].reference.fields[0]"),
        ({}, {"foreignKeys": [{"fields": "x", "reference": {"resource": "", "fields": ["id", "x"]}}]},
         "foreignKeys[0].reference.fields"),
    ],
)  # fmt: skip
def test_a_schema_that_asks_for_what_cannot_be_is_refused_by_its_place(
    field: dict[str, Any], schema: dict[str, Any], path: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        profile(field, **schema)
    assert caught.value.path == path
