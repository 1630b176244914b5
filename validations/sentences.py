"""A finding in words, whatever has become of its rule since."""

from validations.engine import texts
from validations.models import Finding


def title_of(finding: Finding, language: str) -> str:
    """The name of the finding's rule; the bare code where this version does not know the rule any more."""
    try:
        return texts.title(finding.code, language)
    except texts.UnknownCodeError:
        return finding.code


def message_of(finding: Finding, language: str) -> str:
    """The finding as one sentence; the bare code where this version does not know the rule any more."""
    try:
        return texts.message(finding.code, finding.params, language)
    except texts.UnknownCodeError:
        return finding.code
