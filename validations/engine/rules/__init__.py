"""Billing rules: one file each, found by being here.

A rule states one condition, brings its own texts and parameters, and compiles to one SELECT over the table `typed`.
What that SELECT must yield stands at `hits`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal, TypeVar

from jobs.registry import Registry
from validations.engine import texts
from validations.engine.texts import CodeTexts, Text

ERROR = "error"
WARNING = "warning"
INFO = "info"
OFF = "off"
SEVERITIES = (ERROR, WARNING, INFO, OFF)

HIT_COLUMNS = (
    "row",
    "field",
    "value",
    "params",
    "suggestion",
    "rows",
    "other_row",
    "amount_cents",
    "severity",
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Unit = Literal["cents", "minutes", "days", "count", "percent", "code", "text", "severity", "time"]
RuleType = TypeVar("RuleType", bound="type[Rule]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number, word or list that staff may change per profile.

    `source` names the payer's text the default was taken from; empty means "to be confirmed". In a profile the value
    may also be a list of `{"value", "from", "to", "source"}`, each holding for services within its dates.
    """

    name: str
    default: int | str | tuple[str, ...]
    unit: Unit
    title: Text
    # The payer's text behind the default; empty while it is to be confirmed.
    source: str = ""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What a rule may know about one field of the profile.

    `column` is the field's name in `typed`, `index` its position in the file (None where the file has no such column),
    `form_*` how a value is written, for the reader, `pattern` the date format decided for the column.
    """

    name: str
    column: str
    index: int | None
    is_required: bool = False
    error_code: str = ""
    title_en: str = ""
    title_fr: str = ""
    form_en: str = ""
    form_fr: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a rule may look at while it is compiled for one file."""

    fields: Mapping[str, FieldFacts]
    today: date
    needs: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    severity: str = ERROR
    tables: frozenset[str] = frozenset()
    # Whether the tables `earlier` and `earlier_runs` stand beside `typed` (see `engine.earlier`).
    has_earlier: bool = False
    file_column: str = ""

    @property
    def each_file(self) -> str:
        """What stands before the columns of every group of rows, so that no group spans two files.

        Empty when `typed` holds one file; then it costs nothing.
        """
        return f"{self.file_column}, " if self.file_column else ""

    def has(self, name: str) -> bool:
        """Whether the file has a column for this field."""
        return name in self.fields and self.fields[name].index is not None

    def failing(self, code: str) -> tuple[FieldFacts, ...]:
        """The fields in the file whose unreadable values are reported under this code."""
        return tuple(f for f in self.fields.values() if f.index is not None and f.error_code == code)

    @property
    def rows(self) -> str:
        """The rows this rule may judge, as a FROM item: those without an error in a field it needs."""
        needed = [self.fields[name] for name in self.needs if self.has(name)]
        conditions = [f"{facts.column} IS NOT NULL" for facts in needed if facts.is_required]
        unread = " OR ".join(self._unsound(facts) for facts in needed if not facts.is_required)
        if unread:
            conditions.append(f"row NOT IN (SELECT row FROM odd_rows WHERE {unread})")
        return f"(SELECT * FROM typed WHERE {' AND '.join(conditions)})" if conditions else "typed"

    @property
    def unsound(self) -> str:
        """The condition under which a row is left out of this rule; empty when none is."""
        return " OR ".join(self._unsound(self.fields[name]) for name in self.needs if self.has(name))

    def text(self, name: str) -> str:
        """A parameter as an SQL text."""
        return literal(str(self.params[name]))

    def codes(self, name: str) -> str:
        """A list parameter as the inside of an SQL IN."""
        return ", ".join(literal(code) for code in self.params[name]) or "NULL"

    def number(self, name: str, day: str | None = None) -> str:
        """A number parameter as an SQL expression, by the day of service where it changes in time."""
        value = self.params[name]
        if isinstance(value, int):
            return str(value)
        if day is None:
            return str(value[-1]["value"])
        branches = " ".join(f"WHEN {_within(day, period)} THEN {int(period['value'])}" for period in value)
        return f"(CASE {branches} END)"

    @staticmethod
    def _unsound(facts: FieldFacts) -> str:
        if facts.is_required:
            return f"{facts.column} IS NULL"
        return f"({facts.column} IS NULL AND {facts.name}_raw IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class LookBack:
    """What a rule wants of the records of earlier runs.

    `days` is a SELECT over `typed` of one row: the first and the last day, and a list of codes or NULL. `keep` is the
    condition under which such a record can matter to a row of this file.
    """

    days: str
    keep: str
    includes_refused: bool = False


class Rule(ABC):
    """One condition a billing file must meet.

    `needs` are the fields without which it says nothing; `tables` the reference tables it looks things up in;
    `back_needs` the fields without which it cannot look back at earlier runs.
    """

    texts: ClassVar[CodeTexts]
    needs: ClassVar[tuple[str, ...]] = ()
    back_needs: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = ()
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    is_off_by_default: ClassVar[bool] = False
    # Rules that report what could not be read leave no row out.
    judges_format: ClassVar[bool] = False

    @property
    def code(self) -> str:
        """The stable name of the rule and of its findings."""
        return self.texts.code

    def applies(self, context: Context) -> bool:
        """Whether the file has what the rule needs."""
        if self.judges_format:
            return bool(context.failing(self.code))
        return all(context.has(name) for name in self.needs) and context.tables.issuperset(self.tables)

    def looks_back(self, context: Context) -> LookBack | None:
        """What it wants of earlier runs; nothing, for most rules."""
        return None

    @abstractmethod
    def sql(self, context: Context) -> str:
        """One SELECT that yields a `hits` row for each finding."""


RULES: Registry[Rule] = Registry("rule")


def rule(rule_class: RuleType) -> RuleType:
    """The class itself, one instance of it now registered with its texts."""
    RULES.register(rule_class.texts.code, rule_class())
    texts.register(rule_class.texts)
    return rule_class


def all_rules() -> Mapping[str, Rule]:
    """Every rule of this package by code; a module that cannot be loaded is noted in `RULES.broken`."""
    texts.known_codes()
    return RULES


def literal(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''").replace("\0", "") + "'"


def literals(values: Sequence[str]) -> str:
    """Texts as the inside of an SQL IN."""
    return ", ".join(literal(value) for value in values)


def hits(
    field_name: str,
    *,
    row: str = "row",
    value: str = "NULL",
    params: Mapping[str, str] | None = None,
    suggestion: str = "NULL",
    rows: str = "NULL",
    other_row: str = "NULL",
    amount_cents: str = "NULL",
    severity: str = "NULL",
    field_sql: str | None = None,
) -> str:
    """The SELECT list of a rule's query: one finding a row.

    `row` is the row the finding stands at, `value` the cell (NULL: as it stands in the file), `params` SQL
    expressions by
    the name the message uses, `rows` every row a group finding names (their lines become the parameter `lines`, their
    amounts the amount at stake), `other_row` one row the message points to (`other_line`), `severity` a milder one than
    the rule's, `field_sql` an expression where the field differs from hit to hit.
    """
    pairs = ", ".join(f"{literal(name)}, {expression}" for name, expression in (params or {}).items())
    return (
        f"{row}::BIGINT AS row, {field_sql or literal(field_name)} AS field, ({value})::VARCHAR AS value, "
        f"json_object({pairs})::VARCHAR AS params, ({suggestion})::VARCHAR AS suggestion, ({rows})::BIGINT[] AS rows, "
        f"({other_row})::BIGINT AS other_row, ({amount_cents})::BIGINT AS amount_cents, "
        f"({severity})::VARCHAR AS severity"
    )


def elements(text: str) -> str:
    """The SQL list of a comma list's elements: trimmed, in capitals, without a leading `#`."""
    return f"list_transform(string_split(upper({text}), ','), lambda e: ltrim(trim(e), '# '))"


def decimal_text(cents: str) -> str:
    """An SQL expression of cents as the file writes money: `1234,56`."""
    return (
        f"(CASE WHEN {cents} < 0 THEN '-' ELSE '' END || (abs({cents}) // 100)::VARCHAR || ',' "
        f"|| lpad((abs({cents}) % 100)::VARCHAR, 2, '0'))"
    )


def _within(day: str, period: Mapping[str, Any]) -> str:
    """The SQL condition that a day lies in a dated parameter's period."""
    bounds = []
    for operator, key in ((">=", "from"), ("<=", "to")):
        bound = period.get(key)
        if bound and _DAY.fullmatch(str(bound)):
            bounds.append(f"{day} {operator} DATE {literal(str(bound))}")
    return " AND ".join(bounds) or "true"
