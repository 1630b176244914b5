"""Proposed fixes: which findings have one, what was decided about each, and the cells that the decisions change.

A fix is safe where only the writing of a value changes and one value alone can be meant; it is to be confirmed where
another value is proposed. Nothing is changed unless a person accepts it, and every acceptance can be taken back.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from validations.models import Finding, FixDecision, ValidationRun
from validations.querysets import findings_of
from validations.rebuilding import Changes
from validations.veil import Veil

# Rules whose fixes write the same value in the form that the column has.
SAFE = frozenset({"money-format", "date-format", "patient-id", "value-normalized"})
# Told of a column as a whole: all of its cells are written in their plain form.
OF_COLUMN = "value-normalized"
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided about a run's fixes; a decision about one finding stands above the one about its rule."""

    rules: frozenset[str] = frozenset()
    accepted: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()

    @classmethod
    def of(cls, run: ValidationRun) -> "Decisions":
        """The decisions that hold now."""
        rows = list(FixDecision.objects.for_organization(run.organization_id).filter(run=run))
        return cls(
            rules=frozenset(row.code for row in rows if row.finding_id is None and row.is_accepted),
            accepted=frozenset(row.finding_id for row in rows if row.finding_id and row.is_accepted),
            refused=frozenset(row.finding_id for row in rows if row.finding_id and not row.is_accepted),
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Decisions":
        """The decisions as a run keeps them that was started with them."""
        return cls(**{name: frozenset(stored.get(name, [])) for name in ("rules", "accepted", "refused")})

    def to_json(self) -> dict[str, list[Any]]:
        """The decisions as plain values, in a fixed order."""
        return {name: sorted(getattr(self, name)) for name in ("rules", "accepted", "refused")}

    def includes(self, finding: Finding) -> bool:
        """Whether the finding's fix is accepted."""
        if finding.pk in self.accepted or finding.pk in self.refused:
            return finding.pk in self.accepted
        return finding.code in self.rules

    def __bool__(self) -> bool:
        return bool(self.rules or self.accepted)


@dataclass(frozen=True, slots=True)
class RuleFixes:
    """The proposed fixes of one rule: how many, how many of them are accepted, and a few to look at."""

    code: str
    count: int
    accepted: int
    is_whole: bool
    examples: tuple[Finding, ...]

    @property
    def is_safe(self) -> bool:
        """Whether only the writing of values changes."""
        return self.code in SAFE


def has_fix(finding: Finding) -> bool:
    """Whether a text is proposed for the finding's cell, or the plain form for its column."""
    if finding.column_index is None:
        return False
    return finding.code == OF_COLUMN or (finding.suggestion is not None and finding.row is not None)


def proposed(run: ValidationRun) -> QuerySet[Finding]:
    """The run's findings whose cell has a proposed text."""
    return findings_of(run).filter(suggestion__isnull=False, row__isnull=False, column_index__isnull=False)


def fix_counts(run: ValidationRun) -> dict[str, int]:
    """How many cells each rule proposes to change; the safe rules first, then the most frequent."""
    counts = Counter[str]()
    for row in run.summary.get("by_column", []):
        counts[row["code"]] += row["fixes"]
    if OF_COLUMN in counts:
        counts[OF_COLUMN] += sum(
            params["count"] for params in _of_columns(run).values_list("params", flat=True)
        )
    found = [(code, count) for code, count in counts.items() if count]
    return dict(sorted(found, key=lambda entry: (entry[0] not in SAFE, -entry[1], entry[0])))


def fixes_by_rule(run: ValidationRun, decisions: Decisions, veil: Veil) -> tuple[RuleFixes, ...]:
    """What each rule proposes, and what of it is accepted."""
    accepted = _accepted_counts(run, decisions, counts := fix_counts(run))
    return tuple(
        RuleFixes(
            code=code,
            count=count,
            accepted=accepted[code],
            is_whole=code in decisions.rules,
            examples=tuple(veil.over_all(_examples(run, code))),
        )
        for code, count in counts.items()
    )


def accepted_count(run: ValidationRun, decisions: Decisions) -> int:
    """How many cells the corrected file would change."""
    return sum(_accepted_counts(run, decisions, fix_counts(run)).values()) if decisions else 0


def changes_of(run: ValidationRun, decisions: Decisions) -> Changes:
    """What the accepted fixes write into the run's table."""
    wanted = Q(pk__in=decisions.accepted) | (Q(code__in=decisions.rules) & ~Q(pk__in=decisions.refused))
    findings = proposed(run).filter(wanted)

    def cells(first_line: int, last_line: int) -> dict[tuple[int, int], str]:
        near = findings.filter(line__gte=first_line, line__lte=last_line)
        found = near.values_list("code", "row", "column_index", "suggestion")
        # Where two rules propose a text for one cell, the safe one stands.
        ordered = sorted(found, key=lambda entry: entry[0] in SAFE)
        return {(row, column): text for _code, row, column, text in ordered}  # type: ignore[misc]  # filtered above

    columns = _of_columns(run).filter(wanted).values_list("column_index", flat=True)
    return Changes(cells, plain_columns=frozenset(index for index in columns if index is not None))


def _accepted_counts(run: ValidationRun, decisions: Decisions, counts: Mapping[str, int]) -> Counter[str]:
    accepted = Counter({code: counts.get(code, 0) for code in decisions.rules})
    single = decisions.accepted | decisions.refused
    for finding in findings_of(run).filter(pk__in=single) if single else ():
        weight = finding.params["count"] if finding.code == OF_COLUMN else 1
        if finding.pk in decisions.accepted and finding.code not in decisions.rules:
            accepted[finding.code] += weight
        elif finding.pk in decisions.refused and finding.code in decisions.rules:
            accepted[finding.code] -= weight
    return accepted


def _of_columns(run: ValidationRun) -> QuerySet[Finding]:
    return findings_of(run).filter(code=OF_COLUMN, column_index__isnull=False)


def _examples(run: ValidationRun, code: str) -> QuerySet[Finding]:
    source = _of_columns(run) if code == OF_COLUMN else proposed(run).filter(code=code)
    return source.order_by("line", "id")[: None if code == OF_COLUMN else EXAMPLES]
