"""What a query of staff may say: one SELECT over `typed`, with functions from a list, and nothing recursive.

DuckDB's own parser gives the tree, which is walked node by node. Whatever is not known here is refused, so that what a
later version of DuckDB adds is refused too.
Source: docs/decisions/0017-own-rules.md
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NoReturn

import duckdb

from validations.engine.texts import Text

# A rule is a sentence or two of SQL.
MAX_CHARS = 5_000
MAX_DEPTH = 60
TABLE = "typed"
# What a value is: columns, constants, comparisons, and functions from the list below.
_CLASSES = frozenset(
    {
        "COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CAST", "CASE", "BETWEEN", "SUBQUERY",
        "FUNCTION", "WINDOW", "STAR", "TYPE", "LAMBDA", "COLLATE",
    }
)  # fmt: skip
_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE"})
_FROM = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "EXPRESSION_LIST"})
_TYPES = frozenset(
    {
        "BIGINT", "INTEGER", "SMALLINT", "HUGEINT", "DOUBLE", "DECIMAL", "VARCHAR", "BOOLEAN", "DATE", "TIME",
        "TIMESTAMP", "INTERVAL",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*", "**", "^", "@", "between", "in",
        "abs", "ceil", "ceiling", "floor", "round", "trunc", "sign", "greatest", "least", "mod", "sqrt", "ln", "log",
        "coalesce", "ifnull", "nullif", "if", "isnan", "try_cast",
        "lower", "upper", "trim", "ltrim", "rtrim", "length", "len", "strlen", "substr", "substring", "left", "right",
        "starts_with", "ends_with", "prefix", "suffix", "contains", "strpos", "instr", "position", "replace", "reverse",
        "strip_accents", "split_part", "string_split", "concat", "concat_ws", "ascii", "unicode",
        "regexp_matches", "regexp_full_match", "regexp_extract", "regexp_replace", "like_escape", "not_like_escape",
        "levenshtein", "damerau_levenshtein", "jaccard", "hamming", "translate",
        "year", "month", "day", "quarter", "week", "isoyear", "weekday", "isodow", "dayofweek", "dayofyear", "hour",
        "minute", "second", "date_part", "datepart", "date_trunc", "datetrunc", "date_diff", "datediff", "date_sub",
        "date_add", "make_date", "last_day", "dayname", "monthname", "strftime", "strptime", "try_strptime", "age",
        "to_days", "to_weeks", "to_months", "to_years", "to_hours", "to_minutes", "to_seconds",
        "count", "count_star", "sum", "sum_no_overflow", "avg", "mean", "min", "max", "median", "mode", "quantile",
        "quantile_cont", "quantile_disc", "stddev", "stddev_samp", "stddev_pop", "var_samp", "variance", "first",
        "last",
        "any_value", "arg_min", "arg_max", "min_by", "max_by", "bool_and", "bool_or", "count_if", "list", "array_agg",
        "list_contains", "array_contains", "list_has", "list_has_any", "list_value", "list_transform", "list_apply",
        "list_filter", "list_sort", "list_distinct", "list_extract", "array_extract", "hash", "row",
        "row_number", "rank", "dense_rank", "rank_dense", "percent_rank", "cume_dist", "ntile", "lag", "lead",
        "first_value", "last_value", "nth_value",
        "add", "subtract", "multiply", "divide",
    }
)  # fmt: skip


class QueryError(ValueError):
    """A query that is no rule; `problem` says why, in both languages."""

    def __init__(self, problem: Text) -> None:
        self.problem = problem
        super().__init__(problem.en)


def check_query(sql: str) -> None:
    """Look at a query without running any of it.

    Raises: QueryError, in words, when it is no single SELECT over `typed` with known functions.
    """
    if len(sql) > MAX_CHARS:
        _fail(f"Write at most {MAX_CHARS} characters.", f"Écrivez au plus {MAX_CHARS} caractères.")
    if "\0" in sql:
        _fail("The query holds a NUL byte.", "La requête contient un octet NUL.")
    statements = _parsed(sql)
    if len(statements) != 1:
        _fail("Write one SELECT.", "Écrivez un seul SELECT.")
    node = statements[0].get("node") or {}
    _walk(node, frozenset({TABLE}), 0)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """A connection that parses and does nothing else."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "64MB"})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _parsed(sql: str) -> list[dict[str, Any]]:
    try:
        told = _parser().cursor().execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        tree: dict[str, Any] = json.loads(told[0]) if told else {"error": True}
    except (duckdb.Error, RecursionError, ValueError) as error:
        _fail(f"The query cannot be read: {error}"[:300], f"La requête est illisible : {error}"[:300])
    if tree["error"]:
        reason = str(tree.get("error_message", ""))[:200]
        if tree.get("error_type") == "not implemented":
            _fail("Only a SELECT can be a rule.", "Seul un SELECT peut être une règle.")
        _fail(f"The query cannot be read: {reason}", f"La requête est illisible : {reason}")
    statements: list[dict[str, Any]] = tree["statements"]
    return statements


def _walk(node: Any, tables: frozenset[str], depth: int) -> None:
    """Look at a node and at everything below it; `tables` are the names that may stand behind FROM here."""
    if depth > MAX_DEPTH:
        _fail("The query is nested too deeply.", "La requête est trop imbriquée.")
    if isinstance(node, list):
        for entry in node:
            _walk(entry, tables, depth + 1)
    elif isinstance(node, Mapping):
        tables |= frozenset(_common_tables(node))
        _look(node, tables)
        for name, entry in node.items():
            if name != "qualified_name":
                _walk(entry, tables, depth + 1)


def _common_tables(node: Mapping[str, Any]) -> Iterator[str]:
    """The names that WITH gives inside this node."""
    for entry in (node.get("cte_map") or {}).get("map") or []:
        name = str(entry["key"]).lower()
        if name == TABLE:
            _fail(
                "Give the query in WITH another name than “typed”.",
                "Donnez un autre nom que « typed » au WITH.",
            )
        yield name


def _look(node: Mapping[str, Any], tables: frozenset[str]) -> None:
    if "class" in node:
        _look_at_value(node)
    elif "function" in node and node.get("type") == "TABLE_FUNCTION":
        _refuse_function(node["function"].get("function_name"))
    elif "table_name" in node and node.get("type") == "BASE_TABLE":
        _look_at_table(node, tables)
    elif str(node.get("type", "")).endswith("_NODE") and node["type"] not in _NODES:
        _fail("A rule may not be recursive.", "Une règle ne peut pas être récursive.")
    elif "from_table" in node:
        kind = (node["from_table"] or {}).get("type", "EMPTY")
        if kind not in (*_FROM, "TABLE_FUNCTION"):
            _fail(f"“{kind}” cannot stand behind FROM.", f"« {kind} » ne peut pas suivre FROM.")
    if node.get("type") in (
        "SHOW_REF",
        "PIVOT",
        "TABLE_FUNCTION",
        "COLUMN_DATA",
        "DELIM_GET",
        "BOUND_TABLE_REF",
    ):
        _fail("Read “typed” with a plain SELECT.", "Lisez « typed » par un simple SELECT.")


def _look_at_value(node: Mapping[str, Any]) -> None:
    kind = node["class"]
    if kind not in _CLASSES:
        _fail(f"“{kind}” cannot be used in a rule.", f"« {kind} » ne peut pas servir dans une règle.")
    if kind in ("FUNCTION", "WINDOW"):
        path = [part for part in (node.get("qualified_name") or {}).get("path", []) if part]
        if len(path) > 1 or str(node.get("function_name", "")).lower() not in FUNCTIONS:
            _refuse_function(".".join(map(str, path)) or node.get("function_name"))
    if kind == "TYPE" and str(node.get("type_name", "")).upper() not in _TYPES:
        name = node.get("type_name")
        _fail(f"The type “{name}” cannot be used.", f"Le type « {name} » ne peut pas être utilisé.")


def _look_at_table(node: Mapping[str, Any], tables: frozenset[str]) -> None:
    path = [part for part in (node.get("qualified_name") or {}).get("path", []) if part]
    has_place = bool(node.get("schema_name") or node.get("catalog_name")) or len(path) > 1
    if has_place or str(node["table_name"]).lower() not in tables:
        name = ".".join(map(str, path)) or node["table_name"]
        _fail(
            f"A rule reads “typed” and nothing else; “{name}” is another table.",
            f"Une règle lit « typed » et rien d'autre ; « {name} » est une autre table.",
        )


def _refuse_function(name: Any) -> NoReturn:
    _fail(
        f"The function “{name}” cannot be used in a rule.",
        f"La fonction « {name} » ne peut pas être utilisée dans une règle.",
    )


def _fail(english: str, french: str) -> NoReturn:
    raise QueryError(Text(english, french))
