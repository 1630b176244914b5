"""Acts that are not billed together."""

from validations.engine.rules import ERROR, Context, Rule, elements, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Pair(Rule):
    """Two codes of the table of pairs are not billed for the same patient, provider and day.

    The pair's override context on either line allows it. The finding stands at the line of the second code.
    """

    needs = ("code", "patient", "provider", "service_date", "context")
    tables = ("pairs",)
    texts = CodeTexts(
        code="pair",
        severity=ERROR,
        title=Text("Acts not billed together", "Actes non facturables ensemble"),
        message=Text(
            "{second:text} is not paid with {first:text} (line {other_line:text}) for the same patient and day.",
            "{second:text} n'est pas payé avec {first:text} (ligne {other_line:text}) pour le même "
            "patient et le même jour.",
        ),
        explanation=Text(
            "The first act already includes the second one.",
            "Le premier acte comprend déjà le second.",
        ),
        fix=Text(
            "Remove one of the two, or give the context that allows both.",
            "Retirez l'un des deux, ou indiquez le contexte qui permet les deux.",
        ),
    )

    def applies(self, context: Context) -> bool:
        """Whether the file has what is needed; without contexts nothing is overridden."""
        needed = (name for name in self.needs if name != "context")
        return all(context.has(name) for name in needed) and context.tables.issuperset(self.tables)

    def sql(self, context: Context) -> str:
        """The second line of each pair, once."""
        selected = hits("code", row="b_row", params={"first": "first", "second": "second"}, other_row="a_row")
        first_contexts, second_contexts = (f"coalesce({elements(f'{side}_context')}, [])" for side in "ab")
        return (
            f"WITH acts AS MATERIALIZED (SELECT row, code, "
            f"hash({context.each_file}patient_key, provider_key, service_date) AS visit, context FROM {context.rows} "
            "WHERE code IN (SELECT first FROM ref_pairs UNION SELECT second FROM ref_pairs)), "
            "met AS (SELECT a.row AS a_row, b.row AS b_row, p.first, p.second, p.override, a.context AS a_context, "
            "b.context AS b_context FROM ref_pairs p JOIN acts a ON a.code = p.first JOIN acts b ON b.code = p.second "
            "AND b.visit = a.visit) "
            f"SELECT {selected} FROM (SELECT min(a_row) AS a_row, b_row, min(first) AS first, min(second) AS second "
            f"FROM met WHERE override = '' OR NOT (list_contains({first_contexts}, override) "
            f"OR list_contains({second_contexts}, override)) GROUP BY b_row)"
        )
