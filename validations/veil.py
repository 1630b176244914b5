"""What hides the data of patients from readers who may not see it: every value on its way out passes here.

A profile says which of its fields hold data of patients (`"sensitive": true`). Fails closed: a profile that marks
none hides all of its fields, and a column that no field was found for is always hidden, with its name, as is what a
rule quotes of a whole row.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from organizations.models import User
from organizations.roles import Permission
from validations.models import Finding, ValidationRun

# Says neither how long the value is nor how it begins.
MASK = "•••"
SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True)
class Veil:
    """What a reader of one run may not see; an open veil hides nothing."""

    # The columns whose values may be seen; None for all of them.
    shown: frozenset[int] | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether it hides anything."""
        return self.shown is not None

    def hides(self, column_index: int | None) -> bool:
        """Whether values of the column are hidden; of what stands in no single column, always."""
        return self.shown is not None and column_index not in self.shown

    def over_text(self, text: str, column_index: int | None) -> str:
        """The text of a cell as the reader sees it; an empty cell shows as empty."""
        return MASK if text and self.hides(column_index) else text

    def over_label(self, label: str, field: str | None) -> str:
        """The name of a column as the reader sees it: where a row was taken for the header, names are data too."""
        return MASK if label and not field and self.is_drawn else label

    def over_reading(self, reading: Mapping[str, Any]) -> dict[str, Any]:
        """How the file was read, with the names of those columns only that a field was found for."""
        columns = [
            {**column, "label": self.over_label(str(column.get("label", "")), column.get("field"))}
            for column in reading.get("columns", [])
        ]
        return {**reading, "columns": columns} if columns else dict(reading)

    def over(self, finding: Finding) -> Finding:
        """The finding without what the reader may not see: of its sentence is told only that it is masked."""
        if self.hides(finding.column_index):
            finding.is_veiled = True
            finding.value = MASK if finding.value else ""
            finding.suggestion = MASK if finding.suggestion else finding.suggestion
            finding.params = {}
            if not finding.field:
                finding.column_label = self.over_label(finding.column_label, None)
        return finding

    def over_all(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings, each with the veil over it."""
        return [self.over(finding) for finding in findings]

    def over_example(self, example: Mapping[str, Any]) -> dict[str, Any]:
        """A stored example of a rule as the reader sees it."""
        if not self.hides(example.get("column_index")):
            return dict(example)
        hidden = {name: MASK if example.get(name) else example.get(name) for name in ("value", "suggestion")}
        return {**example, **hidden, "params": {}, "is_veiled": True}

    def over_summary(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """The summary of a run without frequent values and examples of what is hidden."""
        if not self.is_drawn:
            return dict(summary)
        by_value = [row for row in summary.get("by_value", []) if not self.hides(row["column_index"])]
        by_code = [
            {**row, "examples": [self.over_example(example) for example in row.get("examples", [])]}
            for row in summary.get("by_code", [])
        ]
        return {**summary, "by_value": by_value, "by_code": by_code}


OPEN = Veil()


def may_see_patients(reader: User | AnonymousUser, run: ValidationRun) -> bool:
    """Whether the reader's role in the run's organization includes the right, now."""
    return reader.has_perm(Permission.VIEW_PATIENTS, run)


def veil_for(reader: User | AnonymousUser, run: ValidationRun) -> Veil:
    """The veil over a run for one reader."""
    return OPEN if may_see_patients(reader, run) else drawn_over(run)


def drawn_over(run: ValidationRun) -> Veil:
    """The veil over a run for readers without the right."""
    fields = run.profile.descriptor.get("fields", [])
    if not any(entry.get(SENSITIVE) for entry in fields):
        return Veil(frozenset())
    harmless = {entry["name"] for entry in fields if not entry.get(SENSITIVE)}
    columns = run.reading.get("columns", [])
    return Veil(frozenset(column["index"] for column in columns if column.get("field") in harmless))
