"""Why a run could not be processed, for templates that know its code only."""

from typing import Any

from django import template

from validations import failures

register = template.Library()


@register.simple_tag
def failure_sentence(code: str, params: dict[str, Any]) -> str:
    """The reason of a failed run in the language of the template."""
    return failures.sentence(code, params)
