"""Findings and rules in words, whatever has become of a rule since."""

from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from validations.engine import texts
from validations.models import Finding


def reader_language() -> str:
    """The language of whoever reads now, `en` where none is active."""
    return get_language() or "en"


def title_of(code: str, language: str) -> str:
    """The name of a rule; the bare code where this version does not know the rule any more."""
    try:
        return texts.title(code, language)
    except texts.UnknownCodeError:
        return code


def message_of(finding: Finding, language: str) -> str:
    """The finding as one sentence; the bare code where this version does not know the rule any more.

    Under a veil it says no more than that, since the sentence may quote the file.
    """
    if finding.is_veiled:
        with translation.override(language):
            return _("Masked, since it may quote data of a patient.")
    try:
        return texts.message(finding.code, finding.params, language)
    except texts.UnknownCodeError:
        return finding.code
