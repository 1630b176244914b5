"""Alerts in the sentences of messages."""

from collections.abc import Mapping
from typing import Any

from django import template

from jobs.alerts import words

register = template.Library()


@register.simple_tag
def alert_headline(parameters: Mapping[str, Any]) -> str:
    """What is wrong, from the parameters of a notification; without the name of a schedule where that stays inside."""
    subject = parameters.get("subject") or parameters.get("schedule_name") or ""
    return words.headline(parameters["alert"], subject, parameters)


@register.simple_tag
def alert_advice(parameters: Mapping[str, Any]) -> str:
    """What to do about it."""
    return words.advice(parameters["alert"])
