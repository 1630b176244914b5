"""Forms for the arguments of tasks."""

from typing import Any, Literal

import pytest
from django import forms
from django.core.exceptions import ValidationError

from jobs.context import RunningJob
from jobs.declarations import Declaration
from jobs.forms import ArgumentsForm, TypedJSONField, fits
from jobs.retries import Backoff


def everything(
    job: RunningJob,
    number: int,
    share: float,
    text: str,
    flag: bool,  # noqa: FBT001 -- a task's parameters are given by name
    kind: Literal["a", "b"],
    ids: list[int],
    table: dict[str, str],
    maybe: int | None = None,
    note: str = "none",
) -> None:
    """Take one of each."""


BEFORE: dict[str, Any] = {
    "number": 1,
    "share": 0.5,
    "text": " x ",
    "flag": True,
    "kind": "a",
    "ids": [1, 2],
    "table": {"a": "b"},
}


def form(data: dict[str, Any] | None = None, before: dict[str, Any] | None = None) -> ArgumentsForm:
    declaration = Declaration(
        name="tests.everything",
        function=everything,
        queue="critical",
        timeout_seconds=1,
        attempts=1,
        backoff=Backoff(),
        priority=0,
        without_redis="hold",
        aliases=(),
    )
    sent = None if data is None else {f"argument-{name}": value for name, value in data.items()}
    return ArgumentsForm(declaration, BEFORE if before is None else before, sent)


def sent(**changes: str) -> dict[str, str]:
    """What a browser sends when nothing was changed, and these changes."""
    shown = form()
    values = {name: shown[name].value() for name in shown.fields}
    return {name: "" if value is None else str(value) for name, value in values.items()} | changes


def test_each_argument_is_a_field_of_its_type() -> None:
    kinds = {name: type(field) for name, field in form().fields.items()}
    assert kinds["number"] is kinds["maybe"] is forms.IntegerField
    assert kinds["share"] is forms.FloatField
    assert kinds["text"] is forms.CharField
    assert kinds["flag"] is kinds["kind"] is forms.TypedChoiceField
    assert "job" not in kinds


def test_a_form_that_is_sent_as_it_was_shown_changes_nothing() -> None:
    filled = form(sent())
    assert filled.is_valid(), filled.errors
    assert filled.arguments == BEFORE
    assert filled.changed_names == []


def test_what_was_typed_gets_the_type_of_the_argument() -> None:
    typed = {
        "number": "7",
        "share": "1.5",
        "flag": "false",
        "kind": "b",
        "ids": "[3]",
        "table": "{}",
        "maybe": "0",
    }
    filled = form(sent(**typed))
    assert filled.is_valid(), filled.errors
    expected = {"number": 7, "share": 1.5, "flag": False, "kind": "b", "ids": [3], "table": {}, "maybe": 0}
    assert filled.arguments == BEFORE | expected
    assert filled.changed_names == sorted(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("number", "x"),
        ("number", ""),
        ("number", "1.5"),
        ("number", "9" * 30),
        ("share", "nan"),
        ("share", "inf"),
        ("text", ""),
        ("flag", "perhaps"),
        ("kind", "c"),
        ("ids", "{}"),
        ("ids", '["a"]'),
        ("ids", "[true]"),
        ("ids", "not json"),
        ("table", '{"a": 1}'),
        ("table", "[]"),
        ("ids", "[NaN]"),
    ],
)
def test_what_does_not_fit_is_refused_beside_its_field(name: str, text: str) -> None:
    filled = form(sent(**{name: text}))
    assert not filled.is_valid()
    assert set(filled.errors) == {name}


def test_fields_that_the_task_does_not_know_are_ignored() -> None:
    filled = form(sent(command="id"))
    assert filled.is_valid()
    assert "command" not in filled.arguments


def test_an_optional_argument_is_left_to_the_task_when_it_is_empty() -> None:
    filled = form(sent(note="", maybe=""), before=BEFORE | {"note": "x", "maybe": 3})
    assert filled.is_valid(), filled.errors
    assert filled.arguments == BEFORE
    assert filled.changed_names == ["maybe", "note"]


@pytest.mark.parametrize(
    ("value", "annotation", "answer"),
    [
        (1, int, True),
        (True, int, False),
        (1, float, True),
        ("a", str | None, True),
        (None, str | None, True),
        (1, str | None, False),
        ([{"a": [1]}], list[dict[str, list[int]]], True),
        ([{"a": ["1"]}], list[dict[str, list[int]]], False),
        ("b", Literal["a"], False),
        (object(), Any, True),
    ],
)
def test_values_are_compared_with_types(value: Any, annotation: Any, answer: bool) -> None:  # noqa: FBT001
    assert fits(value, annotation) is answer


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 51 + "1" + "]" * 51,
        "[" + "9" * 5000 + "]",
        '["a\\u0000"]',
        '{"a\\u0000": 1}',
        '["\\ud800"]',
        "[NaN]",
        "[1e999]",
    ],
)
def test_x_json_that_no_database_can_store_is_refused_and_shown_again(text: str) -> None:
    field = TypedJSONField(list[Any])
    with pytest.raises(ValidationError):
        field.clean(text)
    filled = form(sent(ids=text))
    assert not filled.is_valid()
    assert filled["ids"].as_widget()


def test_json_that_is_nested_as_people_do_is_taken() -> None:
    assert TypedJSONField(dict[str, Any]).clean('{"a": [{"b": [1.5, "é", null]}]}') == {
        "a": [{"b": [1.5, "é", None]}]
    }
