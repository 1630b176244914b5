"""A form for the arguments of a task, made from the annotations of its function, and the values that fit them."""

import inspect
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

from jobs.declarations import Declaration
from jobs.errors import ArgumentsError

# Whole numbers beyond this no column takes, and no JSON reader agrees about.
LARGEST_NUMBER = 2**63 - 1
# Lists in lists beyond this nobody types, and no reader is safe with.
DEEPEST = 50
_TOO_DEEP = _("This is nested too deep, or holds a number that is too long.")


class ArgumentsForm(forms.Form):
    """The arguments of one job of a task, each a field of its type; empty optional ones are left to the task."""

    def __init__(
        self,
        declaration: Declaration,
        arguments: Mapping[str, Any],
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, prefix="argument", initial=dict(arguments))
        self.declaration = declaration
        self.before = dict(arguments)
        self.parameters = parameters_of(declaration)
        for name, parameter in self.parameters.items():
            self.fields[name] = _field(name, parameter)
            if isinstance(self.initial.get(name), bool):
                # As the choices of its field are written.
                self.initial[name] = str(self.initial[name]).lower()

    def clean(self) -> dict[str, Any]:
        """The values, as the task would get them."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                self.declaration.check_arguments(self._given(cleaned))
            except ArgumentsError:
                raise ValidationError(_("The task does not take these arguments.")) from None
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a valid form."""
        return self._given(self.cleaned_data)

    @property
    def changed_names(self) -> list[str]:
        """The arguments that are other ones than before."""
        before, now = self.before, self.arguments
        return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))

    def _given(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        given = {}
        for name, parameter in self.parameters.items():
            value = cleaned.get(name)
            is_left_out = value in (None, "") and parameter.default is not inspect.Parameter.empty
            if not is_left_out or (name in self.before and value == self.before[name]):
                given[name] = value
        return given


class TypedJSONField(forms.JSONField):
    """JSON of one shape: a list, an object, or whatever the annotation says."""

    # An empty list is a value.
    empty_values = [None, ""]

    def __init__(self, annotation: Any, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}), **options)
        self.annotation = annotation

    def to_python(self, value: Any) -> Any:
        """The value, if every database can store it."""
        try:
            found = super().to_python(value)
        except (RecursionError, ValueError):
            # Lists in lists without an end, or a number of thousands of digits.
            raise ValidationError(_TOO_DEEP) from None
        if not _is_shallow(found):
            raise ValidationError(_TOO_DEEP)
        if not all(_is_storable(one) for one in _parts(found)):
            raise ValidationError(_("This holds a character or a number that cannot be stored."))
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What the field shows again: the text itself when it cannot be read."""
        try:
            found = super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)
        return found if _is_shallow(found) else InvalidJSONInput(data)

    def clean(self, value: Any) -> Any:
        """The value, if it fits."""
        found = super().clean(value)
        if found is not None and not fits(found, self.annotation):
            raise ValidationError(_("This has to be %(type)s."), params={"type": type_text(self.annotation)})
        return found


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _depth in range(DEEPEST):
        level = [inner for one in level for inner in _children(one)]
    return not level


def _parts(value: Any) -> Iterator[Any]:
    """The value and everything in it, keys included."""
    waiting = [value]
    while waiting:
        yield (one := waiting.pop())
        waiting += _children(one)
        if isinstance(one, dict):
            yield from one


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _is_storable(value: Any) -> bool:
    """Whether PostgreSQL takes it in JSON: no NUL, no half of a character, no number without an end."""
    if isinstance(value, str):
        return not re.search("[\x00\ud800-\udfff]", value)
    return not isinstance(value, float) or math.isfinite(value)


def parameters_of(declaration: Declaration) -> dict[str, inspect.Parameter]:
    """The parameters of a task by name, with resolved annotations; the job itself is none."""
    signature = inspect.signature(declaration.function)
    try:
        hints = get_type_hints(declaration.function)
    except (NameError, TypeError):
        hints = {}
    named = list(signature.parameters.values())[1:]
    return {
        one.name: one.replace(annotation=hints.get(one.name, Any))
        for one in named
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }


def fits(value: Any, annotation: Any) -> bool:
    """Whether a JSON value is of the type; a type that JSON does not know takes any."""
    origin, kinds = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, kind) for kind in kinds)
    if origin is Literal:
        return value in kinds
    if origin is list:
        return isinstance(value, list) and (not kinds or all(fits(one, kinds[0]) for one in value))
    if origin is dict:
        return isinstance(value, dict) and (not kinds or all(fits(one, kinds[1]) for one in value.values()))
    if origin is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin) if origin in (str, bool, type(None)) else True


def _field(name: str, parameter: inspect.Parameter) -> forms.Field:
    """The form's field for one parameter."""
    annotation, is_optional = _without_none(parameter.annotation)
    has_default = parameter.default is not inspect.Parameter.empty
    options: dict[str, Any] = {
        "label": name,
        "required": not (has_default or is_optional),
        "help_text": _help(parameter),
    }
    if annotation is bool:
        choices: list[tuple[str, Any]] = [("true", _("yes")), ("false", _("no"))]
        if not options["required"]:
            choices.insert(0, ("", _("as the task says")))
        return forms.TypedChoiceField(choices=choices, coerce=_truth, empty_value=None, **options)
    if annotation is int:
        return forms.IntegerField(min_value=-LARGEST_NUMBER, max_value=LARGEST_NUMBER, **options)
    if annotation is float:
        return forms.FloatField(**options)
    if annotation is str:
        empty = None if is_optional else ""
        return forms.CharField(strip=False, empty_value=empty, max_length=10_000, **options)
    if get_origin(annotation) is Literal:
        kinds = {str(value): value for value in get_args(annotation)}
        choices = [(text, text) for text in kinds]
        if not options["required"]:
            choices.insert(0, ("", "–"))
        return forms.TypedChoiceField(choices=choices, coerce=kinds.get, empty_value=None, **options)
    return TypedJSONField(annotation, **options)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """The type without its None, and whether it had one."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        if len(kinds) < len(get_args(annotation)):
            return (kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]), True  # noqa: UP007 -- made at run time
    return annotation, False


def _help(parameter: inspect.Parameter) -> str:
    text = type_text(parameter.annotation)
    if parameter.default is inspect.Parameter.empty:
        return text
    return f"{text} = {json.dumps(parameter.default, default=str)}"


def _truth(text: str) -> bool:
    return text in ("true", "True")


def type_text(annotation: Any) -> str:
    """A type as it stands in the code."""
    return (
        annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    )
