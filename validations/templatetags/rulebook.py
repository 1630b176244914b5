"""Links to the page that explains a rule."""

from django import template

from validations.models import ValidationRun
from validations.rulebook import address_for_run

register = template.Library()


@register.simple_tag
def rule_url(run: ValidationRun, code: str) -> str:
    """The address at which a rule of the run is explained."""
    return address_for_run(run, code)
