"""Totals that do not add up."""

from validations.engine.rules import ERROR, Context, Rule, decimal_text, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Totals(Rule):
    """A "Grand Total" row or column equals the sum of the amounts to the cent.

    A row is held against the sum of all records. A column with one value throughout is held against the same sum, a
    column with several against the sum of each invoice; one finding for each that differs.
    """

    needs = ("amount",)
    texts = CodeTexts(
        code="totals",
        severity=ERROR,
        title=Text("Total does not add up", "Le total ne correspond pas"),
        message=Text(
            "The total given is {given:money}; the lines add up to {sum:money}.",
            "Le total indiqué est {given:money} ; la somme des lignes est {sum:money}.",
        ),
        explanation=Text(
            "A total that differs from its lines means that lines were lost, added or changed after the export.",
            "Un total différent de ses lignes signifie que des lignes ont été perdues, ajoutées ou modifiées après "
            "l'exportation.",
        ),
        fix=Text("Export the file again.", "Exportez de nouveau le fichier."),
    )

    def sql(self, context: Context) -> str:
        """Total rows, and values of the total column, that differ from their sum."""
        parts = [_total_rows()]
        if context.has("grand_total"):
            parts.append(_total_column(context))
        return " UNION ALL ".join(parts)


def _total_rows() -> str:
    shape = r"'-?[0-9]{1,3}([ \x{a0}\x{202f}]?[0-9]{3})*[.,][0-9]{2}([ \x{a0}\x{202f}]?\$)?'"
    readable = ", ".join(
        f"CASE WHEN regexp_full_match(trim({cell}), {shape}) THEN {cell} END"
        for cell in ("amount", "grand_total")
    )
    given = f"TRY_CAST(regexp_replace(coalesce({readable}), '[^0-9-]', '', 'g') AS BIGINT)"
    params = {"given": "given", "sum": "total"}
    selected = hits("amount", value="shown", params=params, suggestion=decimal_text("total"))
    return (
        f"SELECT {selected} FROM (SELECT row, {given} AS given, coalesce(amount, grand_total) AS shown, "
        "(SELECT coalesce(sum(amount_cents), 0) FROM typed)::BIGINT AS total FROM total_rows WHERE NOT is_partial) "
        "WHERE given <> total"
    )


def _total_column(context: Context) -> str:
    several = "max(grand_total_cents) <> min(grand_total_cents)"
    varies = f"(SELECT {several} FROM typed)"
    if context.file_column:
        varies = (
            f"{context.file_column} IN (SELECT {context.file_column} FROM typed GROUP BY 1 HAVING {several})"
        )
    selected = hits(
        "grand_total", params={"given": "given", "sum": "total"}, suggestion=decimal_text("total")
    )
    return (
        f"SELECT {selected} FROM (SELECT min(row) FILTER (grand_total_cents IS NOT NULL) AS row, "
        "max(grand_total_cents) AS given, sum(amount_cents)::BIGINT AS total, max(grand_total_cents) "
        f"<> min(grand_total_cents) AS is_mixed FROM (SELECT {context.each_file}row, grand_total_cents, amount_cents, "
        f"CASE WHEN {varies} THEN invoice_number END AS unit FROM {context.rows}) GROUP BY {context.each_file}unit) "
        "WHERE given <> total OR is_mixed"
    )
