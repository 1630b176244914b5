"""Act codes that are not in the tariff."""

from validations.engine.rules import ERROR, Context, Parameter, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text

MAX_COMPARED = 2000


@rule
class CodeKnown(Rule):
    """The act code is in the tariff table and valid on the date of service.

    The nearest code is named where exactly one lies within `maximum_slips` letters; it is a proposal to confirm.
    """

    needs = ("code", "service_date")
    tables = ("codes",)
    parameters = (
        Parameter(
            "maximum_slips",
            1,
            "count",
            Text("Slips to the nearest code", "Écarts jusqu'au code le plus proche"),
        ),
    )
    texts = CodeTexts(
        code="code-known",
        severity=ERROR,
        title=Text("Unknown act code", "Code d'acte inconnu"),
        message=Text(
            "The code is not in the tariff on the date of service.",
            "Le code n'est pas au tarif à la date du service.",
        ),
        messages={
            "near": Text(
                "The code is not in the tariff; the nearest one is {nearest:text}.",
                "Le code n'est pas au tarif ; le plus proche est {nearest:text}.",
            ),
            "expired": Text(
                "The code is in the tariff, but not on the date of service.",
                "Le code est au tarif, mais pas à la date du service.",
            ),
        },
        explanation=Text(
            "The payer refuses a code it does not know on the day of the service.",
            "Le payeur refuse un code qu'il ne connaît pas au jour du service.",
        ),
        fix=Text(
            "Check the code against the tariff of that day.",
            "Vérifiez le code dans le tarif de ce jour.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Rows whose code is not valid on their day."""
        slips = context.number("maximum_slips")
        # A file of nothing but wrong codes must not compare each with all; several small files together are bounded.
        bound = "" if context.each_file else f" LIMIT {MAX_COMPARED}"
        params = {
            "nearest": "nearest",
            "case": "CASE WHEN is_listed THEN 'expired' WHEN nearest IS NOT NULL THEN 'near' END",
        }
        # A code that is in the tariff was meant, whatever its day.
        fix = "CASE WHEN NOT is_listed THEN nearest END"
        valid = (
            "SELECT 1 FROM ref_codes r WHERE r.code = d.code "
            "AND (r.valid_from = '' OR d.service_date >= TRY_CAST(r.valid_from AS DATE)) "
            "AND (r.valid_to = '' OR d.service_date <= TRY_CAST(r.valid_to AS DATE))"
        )
        return (
            "WITH pairs AS (SELECT code, service_date, count(*) AS n FROM "
            f"{context.rows} GROUP BY code, service_date), wrong AS (SELECT code, service_date FROM pairs d "
            f"WHERE NOT EXISTS ({valid})), distances AS (SELECT w.code, r.code AS known, "
            f"damerau_levenshtein(w.code, r.code) AS slips FROM (SELECT DISTINCT code FROM wrong{bound}) w "
            "CROSS JOIN (SELECT DISTINCT code FROM ref_codes) r), near AS (SELECT code, min(known) AS nearest "
            f"FROM distances WHERE slips BETWEEN 1 AND {slips} GROUP BY code HAVING count(*) = 1) "
            f"SELECT {hits('code', params=params, suggestion=fix)} FROM (SELECT t.row, n.nearest, "
            "t.code IN (SELECT code FROM ref_codes) AS is_listed "
            f"FROM {context.rows} t JOIN wrong USING (code, service_date) LEFT JOIN near n USING (code))"
        )
