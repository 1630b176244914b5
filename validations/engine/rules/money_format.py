"""Amounts in another form than the profile's."""

from validations.engine.rules import (
    ERROR,
    WARNING,
    Context,
    FieldFacts,
    Parameter,
    Rule,
    decimal_text,
    hits,
    literal,
    rule,
)
from validations.engine.texts import CodeTexts, Text

# Plain enough that the amount meant is certain; anything else may be read in two ways.
_FEW_DECIMALS = "'-?[0-9]{1,13}(,[0-9])?'"
_ENGLISH = r"'-?[0-9]{1,3}(,[0-9]{3}){1,3}\.[0-9]{2}'"
_DOTTED = r"'-?[0-9]{1,3}(\.[0-9]{3}){1,3},[0-9]{2}'"


@rule
class MoneyFormat(Rule):
    r"""An amount has the form `-?\d{1,3}(?:[ ]?\d{3})*,\d{2}`, no-break spaces allowed, with an optional ` $`.

    A point for the comma is read, and is a warning with the fix shown. More or fewer than two decimals, letters, other
    groupings and digits of other scripts are errors.
    """

    judges_format = True
    parameters = (
        Parameter(
            "point_severity", WARNING, "severity", Text("Severity of a point", "Gravité d'un point décimal")
        ),
    )
    texts = CodeTexts(
        code="money-format",
        severity=ERROR,
        title=Text("Amount in the wrong form", "Montant mal écrit"),
        message=Text(
            "“{title:text}” is not an amount with two decimals, such as 1234,56.",
            "« {title:text} » n'est pas un montant à deux décimales, comme 1234,56.",
        ),
        messages={
            "point": Text(
                "“{title:text}” has a point where a comma belongs; it was read as {amount_cents:money}.",
                "« {title:text} » a un point à la place de la virgule ; le montant lu est {amount_cents:money}.",
            ),
            "decimals": Text(
                "“{title:text}” has more than two decimals; it cannot be billed to the cent.",
                "« {title:text} » a plus de deux décimales ; il ne peut être facturé au cent près.",
            ),
            "digits": Text(
                "“{title:text}” is written with digits of another script.",
                "« {title:text} » est écrit avec des chiffres d'une autre écriture.",
            ),
            "not-finite": Text(
                "“{title:text}” is a computer's notation (NaN, Infinity, 1e400), not an amount.",
                "« {title:text} » est une notation informatique (NaN, Infinity, 1e400), pas un montant.",
            ),
            "too-long": Text(
                "“{title:text}” has more digits than any amount.",
                "« {title:text} » a plus de chiffres qu'aucun montant.",
            ),
        },
        explanation=Text(
            "Amounts are read to the cent and never rounded; a form that can be read in two ways is refused.",
            "Les montants sont lus au cent près et jamais arrondis ; une forme lisible de deux façons est refusée.",
        ),
        fix=Text("Write the amount as 1234,56.", "Écrivez le montant sous la forme 1234,56."),
    )

    def sql(self, context: Context) -> str:
        """Amounts that could not be read, and amounts read with a point."""
        point_severity = context.text("point_severity")
        return " UNION ALL ".join(_failures(facts, point_severity) for facts in context.failing(self.code))


def _failures(facts: FieldFacts, point_severity: str) -> str:
    raw, value = f"{facts.name}_raw", facts.column
    case = (
        f"CASE WHEN {value} IS NOT NULL THEN 'point' "
        f"WHEN regexp_matches(regexp_replace({raw}, '[0-9]', '', 'g'), '\\p{{Nd}}') THEN 'digits' "
        rf"WHEN regexp_matches({raw}, '(?i)^[-+]?(nan|inf(inity)?|[0-9.,]+e[-+]?[0-9]+)$') THEN 'not-finite' "
        f"WHEN length({raw}) > 30 AND regexp_full_match({raw}, '[-0-9 .,]+') THEN 'too-long' "
        f"WHEN regexp_full_match({raw}, '-?[0-9 ]+[.,][0-9]{{3,}}') THEN 'decimals' END"
    )
    params = {
        "title_en": literal(facts.title_en),
        "title_fr": literal(facts.title_fr),
        "amount_cents": value,
        "case": case,
    }
    suggestion = f"CASE WHEN {value} IS NOT NULL THEN {decimal_text(value)} ELSE {_certain_fix(raw)} END"
    severity = f"CASE WHEN {value} IS NOT NULL THEN {point_severity} END"
    selected = hits(facts.name, value=raw, params=params, suggestion=suggestion, severity=severity)
    has_point = f"({value} IS NOT NULL AND contains({raw}, '.'))"
    return f"SELECT {selected} FROM odd_rows WHERE {raw} IS NOT NULL AND ({value} IS NULL OR {has_point})"


def _certain_fix(raw: str) -> str:
    """The SQL of the amount as it should be written, where only one amount can be meant."""
    ascii_digits = f"translate({raw}, '０１２３４５６７８９', '0123456789')"
    return (
        f"CASE WHEN regexp_full_match({raw}, '-?[0-9]{{1,13}}') THEN {raw} || ',00' "
        f"WHEN regexp_full_match({raw}, {_FEW_DECIMALS}) THEN {raw} || '0' "
        f"WHEN regexp_full_match({raw}, {_ENGLISH}) THEN replace(replace({raw}, ',', ''), '.', ',') "
        f"WHEN regexp_full_match({raw}, {_DOTTED}) THEN replace({raw}, '.', '') "
        f"WHEN {ascii_digits} <> {raw} AND regexp_full_match({ascii_digits}, '-?[0-9]{{1,13}},[0-9]{{2}}') "
        f"THEN {ascii_digits} END"
    )
