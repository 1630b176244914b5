"""The checking half of the engine: tables with cells in, typed records, findings and a summary out.

It begins where reading ends: `cells`, `lines` and `findings` are in the database. It knows nothing of files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from validations.engine import columns as column_matching
from validations.engine import earlier, identity, ownrules, report, runner, schema, values
from validations.engine.earlier import EarlierRun, Span
from validations.engine.findings import Found
from validations.engine.options import Options
from validations.engine.ownrules import OwnRule
from validations.engine.profile import Profile, reference_table
from validations.engine.reading import kept_label
from validations.engine.rules import OFF, Context, Rule, all_rules, literal
from validations.engine.runner import Outcome, Worker
from validations.engine.values import TypedColumn

RECORD_COLUMNS = (
    "line", "row", "row_no", "invoice_number", "record_id", "service_date", "start_time", "end_time", "period",
    "place", "sector", "diagnosis", "code", "units", "role", "context", "amount_cents", "amount_paid_cents",
    "provider", "patient", "extra",
)  # fmt: skip
FINDING_COLUMNS = (
    "code", "severity", "line", "row", "column_index", "column_label", "field", "value", "params", "suggestion",
    "amount_cents", "key",
)  # fmt: skip
_RECORD_TYPES = {
    "row_no": "BIGINT",
    "service_date": "DATE",
    "start_time": "TIME",
    "end_time": "TIME",
    "units": "DECIMAL(12, 2)",
    "amount_cents": "BIGINT",
    "amount_paid_cents": "BIGINT",
}
# How the share of progress falls on the steps of the third phase, as measured on a million rows.
_RULES_SHARE = 0.8

Fraction = Callable[[float], None]


class Judge:
    """Everything the engine does with a table once it is read, for one profile.

    With many files in the table, the number of a row's file stands in the column behind the last one.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        labels: Sequence[str],
        profile: Profile,
        options: Options,
        *,
        has_many_files: bool = False,
        own_rules: Sequence[OwnRule] = (),
        own_folder: Path | None = None,
    ) -> None:
        self.connection = connection
        self.labels = tuple(labels)
        self.profile = profile
        self.options = options
        self.matching = column_matching.match(labels, profile)
        self.indexes = {name: i for i, name in enumerate(self.matching.fields) if name is not None}
        self.columns: tuple[TypedColumn, ...] = ()
        self.file_column = f"k{len(self.labels)}" if has_many_files else ""
        self._column_count = len(self.labels) + has_many_files
        # Findings that stand at no row, where the table has many files: number of the file (None: each), finding.
        self.file_findings: list[tuple[int | None, Found]] = []
        self.worker = Worker(connection)
        # What staff wrote, and a folder that the connection may write to, for the sandbox.
        self.own_rules = own_rules
        self.own_folder = own_folder
        self._has_earlier = False

    def close(self) -> None:
        """Stop the helper thread."""
        self.worker.close()

    @property
    def amount(self) -> str | None:
        """The column of `typed` whose sum is the value of the file, None where there is no such column."""
        found = [f.column for f in self.profile.fields if f.name == "amount" and f.unit == "cents"]
        return found[0] if found and "amount" in self.indexes else None

    def type_values(self, tick: Callable[[], None]) -> None:
        """Make the table `typed`, with everything that is said about the header and the columns as a whole."""
        self._apply_severities()
        runner.prepare(self.connection)
        self._read_values(schema.guess_dates(self.connection, self.profile, self.indexes), tick)
        better = schema.better_dates(self.connection, self.columns)
        if better:
            self._read_values({c.field.name: c.pattern for c in self.columns} | better[0], tick)
        schema.take_out_totals(self.connection, self.columns, len(self.labels))
        self._set_aside(tick)

    def type_files(self, decided: dict[str, str]) -> frozenset[int]:
        """Make the table `typed` of many files whose dates are written alike; the files that must be checked alone.

        Those are the files with total rows, and with dates in another form than it seemed.
        """
        runner.prepare(self.connection)
        self._read_values(decided, _silent)
        alone = set(schema.better_dates(self.connection, self.columns, self.file_column))
        schema.take_out_totals(self.connection, self.columns, len(self.labels))
        totals = f"SELECT DISTINCT c{len(self.labels)} FROM cells WHERE row IN (SELECT row FROM total_rows)"
        alone.update(int(file) for (file,) in self.connection.execute(totals).fetchall())
        self._set_aside(_silent)
        return frozenset(alone)

    def check_files(self) -> Outcome:
        """What running every check over many files came to; afterwards the findings at rows are in `findings`."""
        self._report_header()
        self._check_schema(_silent)
        rules = [(rule, self._context(rule)) for rule in all_rules().values()]
        outcome = runner.run_rules(self.worker, rules, lambda _share: None)
        runner.settle(self.worker, self.columns, self.amount, _silent)
        return outcome

    def run_rules(self, progress: Fraction, *, rows: int, last_line: int) -> report.Summary:
        """Check schema and rules; afterwards every finding is in `findings`."""
        progress(0.0)
        self._report_header()
        self._check_schema(lambda: progress(0.0))
        rules = [(rule, self._context(rule)) for rule in all_rules().values()]
        outcome = runner.run_rules(self.worker, rules, lambda share: progress(share * _RULES_SHARE))
        if self.own_folder is not None:
            own = (self.own_rules, self.worker, self.columns, self.own_folder, outcome)
            ownrules.run(*own, lambda: progress(_RULES_SHARE))
        self._report_broken(outcome)
        runner.settle(self.worker, self.columns, self.amount, lambda: progress(_RULES_SHARE))
        summary = report.summarize(
            self.connection, rows=rows, last_line=last_line, amount=self.amount, outcome=outcome
        )
        progress(1.0)
        return summary

    def look_back(self) -> tuple[Span, ...]:
        """What the rules that are on want of earlier runs."""
        return earlier.spans(self.connection, self._looking_back())

    def load_earlier(self, source: Path, runs: Iterable[EarlierRun]) -> None:
        """Put the earlier records that can matter beside `typed`; the file has EARLIER_COLUMNS."""
        wanted = [earlier.looks_back(rule, context) for rule, context in self._looking_back()]
        by_name = {column.field.name: column for column in self.columns}
        keep = [look.keep for look in wanted if look is not None]
        earlier.load(self.connection, source, runs, by_name, keep)
        self._has_earlier = True

    def service_days(self) -> tuple[date, date] | None:
        """The first and the last date of service in the file, None where there is none."""
        if "service_date" not in self.indexes:
            return None
        row = self.connection.execute("SELECT min(service_date), max(service_date) FROM typed").fetchone()
        return None if row is None or not isinstance(row[0], date) else (row[0], row[1])

    def try_own_rules(self, tick: Callable[[], None]) -> Outcome:
        """What running nothing but the own rules came to; what they found is in `findings`."""
        outcome = Outcome()
        if self.own_folder is not None:
            ownrules.run(self.own_rules, self.worker, self.columns, self.own_folder, outcome, tick)
        runner.settle(self.worker, self.columns, self.amount, tick)
        return outcome

    def records_query(self, rows: tuple[int, int] | None = None) -> str:
        """The SELECT of the records in RECORD_COLUMNS order, of all rows or from the first to the last one wanted."""
        by_column = {column.field.column: column for column in self.columns}
        chosen = ["l.first_line + t.row - l.first_row AS line", "t.row"]
        chosen += [
            f"{self._record_value(name, by_column.get(name))} AS {name}" for name in RECORD_COLUMNS[2:-1]
        ]
        chosen.append(f"{self._extra()} AS extra")
        count = self.connection.execute("SELECT count(*) FROM lines").fetchone()
        joined = "CROSS JOIN lines l" if count == (1,) else "ASOF JOIN lines l ON t.row >= l.first_row"
        wanted = "" if rows is None else f" WHERE t.row BETWEEN {rows[0]:d} AND {rows[1]:d}"
        return (
            f"SELECT {', '.join(chosen)} FROM typed t {joined} LEFT JOIN odd_texts u ON u.row = t.row{wanted}"
        )

    def absent_columns(self) -> dict[str, str | None]:
        """The columns of records that no column of the file fills, with the one value that they have."""
        filled = {column.field.column for column in self.columns if column.index is not None}
        return {
            name: None if name in _RECORD_TYPES else "" for name in RECORD_COLUMNS[2:-1] if name not in filled
        }

    def findings_query(self) -> str:
        """The SELECT of all findings in FINDING_COLUMNS order, by line and code."""
        labels = ", ".join(
            f"({i}, {literal(label)}, {literal(self.matching.fields[i] or '')})"
            for i, label in enumerate(self.labels)
        )
        keyed = identity.keyed_findings(self.profile, self.columns, self._kept_indexes())
        return (
            "SELECT f.code, f.severity, f.line, f.row, f.column_index, coalesce(n.label, '') AS column_label, "
            "coalesce(n.field, '') AS field, coalesce(f.value, '') AS value, coalesce(f.params, '{}') AS params, "
            f"f.suggestion, f.amount_cents, f.key FROM ({keyed}) f LEFT JOIN (VALUES {labels or '(-1, NULL, NULL)'}) "
            "n(i, label, field) ON n.i = f.column_index ORDER BY f.line NULLS FIRST, f.code, f.column_index, f.row, "
            "coalesce(f.params, '')"
        )

    def batches(self, query: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in lists of `size`, never all at once; nothing else may run until the last one."""
        self.connection.execute(query)
        while batch := self.connection.fetchmany(size):
            yield batch

    def _read_values(self, decided: dict[str, str], tick: Callable[[], None]) -> None:
        self.columns = values.plan(self.profile, self.indexes, decided)
        self.worker.execute(schema.create_typed(self.columns, self._kept_indexes()), tick)
        self.connection.execute(schema.view_typed(self.columns))

    def _set_aside(self, tick: Callable[[], None]) -> None:
        """Make the small tables that rules look things up in: odd rows, their texts, the reference tables."""
        for statement in schema.keep_odd_rows(self.columns):
            self.worker.execute(statement, tick)
        self._load_tables()

    def _apply_severities(self) -> None:
        """Give the findings of the reading pass the severities the profile wants."""
        for code, setting in self.profile.settings.items():
            if setting.severity == OFF:
                self.connection.execute("DELETE FROM findings WHERE code = ?", [code])
            elif setting.severity is not None:
                self.connection.execute(
                    "UPDATE findings SET severity = ? WHERE code = ?", [setting.severity, code]
                )

    def _load_tables(self) -> None:
        """Put the profile's reference tables beside the cells, as `ref_<role>`."""
        for role, name in self.profile.tables.items():
            header, rows = reference_table(name)
            columns = ", ".join(f'"{column}" VARCHAR' for column in header)
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE ref_{role} ({columns})")
            entries = ", ".join("(" + ", ".join(literal(cell) for cell in row) + ")" for row in rows)
            self.connection.execute(f"INSERT INTO ref_{role} VALUES {entries}")
        if self.options.codes is not None:
            self._replace_codes(self.options.codes)

    def _replace_codes(self, codes: frozenset[str]) -> None:
        """Let a list of known codes stand for the tariff; what the tariff knows about them stays."""
        self.connection.execute("CREATE OR REPLACE TEMP TABLE known_codes (code VARCHAR)")
        for start in range(0, len(codes), 1000):
            part = sorted(codes)[start : start + 1000]
            self.connection.execute(
                f"INSERT INTO known_codes VALUES {', '.join(f'({literal(c)})' for c in part)}"
            )
        if "codes" not in self.profile.tables:
            self.connection.execute(
                "CREATE OR REPLACE TEMP TABLE ref_codes (code VARCHAR, title VARCHAR, amount_cents VARCHAR, "
                '"group" VARCHAR, max_units VARCHAR, valid_from VARCHAR, valid_to VARCHAR, source VARCHAR)'
            )
        self.connection.execute(
            "DELETE FROM ref_codes WHERE code NOT IN (SELECT code FROM known_codes); "
            "UPDATE ref_codes SET valid_from = '', valid_to = ''; "
            "INSERT INTO ref_codes BY NAME SELECT code, '' AS valid_from, '' AS valid_to FROM known_codes "
            "WHERE code NOT IN (SELECT code FROM ref_codes)"
        )

    def _context(self, rule: Rule) -> Context:
        setting = self.profile.setting(rule.code)
        params: dict[str, Any] = {parameter.name: parameter.default for parameter in rule.parameters}
        params.update(setting.params)
        tables = set(self.profile.tables) | ({"codes"} if self.options.codes is not None else set())
        return Context(
            fields={column.field.name: column.facts for column in self.columns},
            today=self.options.today,
            needs=rule.needs,
            params=params,
            severity=setting.severity or (OFF if rule.is_off_by_default else rule.texts.severity),
            tables=frozenset(tables),
            has_earlier=self._has_earlier,
            file_column=self.file_column,
        )

    def _looking_back(self) -> list[tuple[Rule, Context]]:
        rules = [(rule, self._context(rule)) for rule in all_rules().values() if rule.back_needs]
        return [(rule, context) for rule, context in rules if context.severity != OFF]

    def _check_schema(self, tick: Callable[[], None]) -> None:
        each_file = f"{self.file_column}, " if self.file_column else ""
        checks = [
            *schema.format_failures(self.columns),
            *schema.constraint_failures(self.columns, each_file),
            *schema.key_failures(self.profile, self.columns, each_file),
        ]
        if self.profile.setting("duplicate-row").severity not in (None, OFF):
            checks.append(("duplicate-row", schema.duplicate_rows(self._column_count)))
        checks.append(("total-row", schema.total_rows()))
        for code, query in checks:
            if schema.is_on(self.profile, code):
                self.worker.execute(runner.gather(code, schema.severity_in(self.profile, code), query), tick)
        for file, column, count in schema.normalized_counts(self.connection, self.columns, self.file_column):
            self._add_column_finding("value-normalized", column, {"count": count}, file)
        for file, column, other in schema.ambiguous_dates(self.connection, self.columns, self.file_column):
            self._add_column_finding("date-ambiguous", column, {"other": schema.shown_format(other)}, file)

    def _report_header(self) -> None:
        for problem in self.matching.problems:
            self._add_file_finding(
                problem.code, problem.column_index, problem.value, dict(problem.params), problem.suggestion
            )

    def _report_broken(self, outcome: Outcome) -> None:
        own = ownrules.named(self.own_rules)
        for code in outcome.broken:
            told = {"rule": code}
            if code in own:
                told |= {"rule_en": own[code].en, "rule_fr": own[code].fr}
            self._add_file_finding("rule-failed", None, None, told, None)

    def _add_column_finding(self, code: str, column: TypedColumn, params: dict[str, Any], file: int) -> None:
        params |= {"title_en": column.field.title.en, "title_fr": column.field.title.fr}
        params |= {"form_en": column.form.en, "form_fr": column.form.fr}
        self._add_file_finding(code, column.index, None, params, None, file)

    def _add_file_finding(
        self,
        code: str,
        index: int | None,
        value: str | None,
        params: dict[str, Any],
        suggestion: str | None,
        file: int | None = None,
    ) -> None:
        if not schema.is_on(self.profile, code):
            return
        cut = None if value is None else value[: runner.MAX_VALUE_CHARS]
        severity, told = schema.severity_in(self.profile, code), schema.as_json(params)
        if self.file_column:
            found = (code, severity, None, None, index, cut or "", told, suggestion)
            self.file_findings.append((file, found))
            return
        self.connection.execute(
            "INSERT INTO findings VALUES (?, ?, NULL, NULL, ?, ?, ?, ?, NULL)",
            [code, severity, index, cut, told, suggestion],
        )

    def _record_value(self, name: str, column: TypedColumn | None) -> str:
        sql_type = _RECORD_TYPES.get(name, "VARCHAR")
        if column is None:
            return f"NULL::{sql_type}" if name in _RECORD_TYPES else "''"
        value = f"t.{column.field.column}"
        if name not in _RECORD_TYPES:
            return f"coalesce({column.text.format(value)}, '')"
        return value if column.sql_type == sql_type else f"TRY_CAST({value} AS {sql_type})"

    def _kept_indexes(self) -> list[int]:
        """The columns that have no place of their own in a record, or would lose something in it."""
        placed = {
            c.index
            for c in self.columns
            if c.field.column in RECORD_COLUMNS
            and _RECORD_TYPES.get(c.field.column, c.sql_type) == c.sql_type
        }
        return [index for index in range(self._column_count) if index not in placed]

    def _extra(self) -> str:
        """The SQL of the JSON object that keeps unplaced columns and the text of cells not in the plain form."""
        names = [f.name for f in self.profile.fields]
        kept = [
            f"CASE WHEN t.k{i} <> '' THEN {literal(schema.as_text(kept_label(self.labels, i, names)))} "
            f"|| ':' || to_json(t.k{i}) END"
            for i in self._kept_indexes()
        ]
        return f"'{{' || concat_ws(',', {', '.join([*kept, 'u.texts'])}) || '}}'"


def _silent() -> None:
    """Progress nobody asked for."""
