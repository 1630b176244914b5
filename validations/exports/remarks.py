"""What is written beside a row of the file: how bad its findings are, and what to do about them."""

from collections.abc import Sequence

from validations.engine.texts import plain
from validations.models import Finding, Severity
from validations.sentences import message_of

_WORST_FIRST = (Severity.ERROR.value, Severity.WARNING.value, Severity.INFO.value)


def worst(findings: Sequence[Finding]) -> str:
    """The severity of the worst one; empty when there is none."""
    found = {finding.severity for finding in findings}
    return next((severity for severity in _WORST_FIRST if severity in found), "")


def remark(findings: Sequence[Finding], language: str, *, between: str = " · ") -> str:
    """What is wrong, and the suggestions, on as few lines as there are findings."""
    return between.join(_sentence(finding, language) for finding in findings)


def by_column(findings: Sequence[Finding]) -> dict[int, list[Finding]]:
    """The findings of each cell."""
    found: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.column_index is not None:
            found.setdefault(finding.column_index, []).append(finding)
    return found


def _sentence(finding: Finding, language: str) -> str:
    text = message_of(finding, language)
    return f"{text} → {plain(finding.suggestion)}" if finding.suggestion else text
