"""Money left on the table."""

from validations.engine.rules import INFO, Context, Parameter, Rule, elements, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class Missed(Rule):
    """Visits of `minimum_minutes` or more whose code pays less than the intervention code; and registered patients
    seen in a year without the annual supplement.

    The amount is what the other code would have paid more, or the supplement. A patient is registered where no visit
    has a walk-in context; the finding stands at the patient's first visit of the year.
    """

    needs = ("code", "patient", "provider", "service_date", "start_time", "end_time", "amount")
    tables = ("codes",)
    parameters = (
        Parameter("minimum_minutes", 30, "minutes", Text("Shortest long visit", "Durée d'une longue visite")),
        Parameter("intervention_code", "8857", "code", Text("Intervention", "Intervention")),
        Parameter("supplement_code", "8875", "code", Text("Annual supplement", "Supplément annuel")),
        Parameter(
            "walk_in_contexts", ("G160", "AR"), "code", Text("Walk-in contexts", "Contextes sans rendez-vous")
        ),
    )
    texts = CodeTexts(
        code="missed",
        severity=INFO,
        title=Text("Money left on the table", "Montants non réclamés"),
        message=Text(
            "The visit took {minutes:number} minutes; {other:text} would pay {amount_cents:money} more.",
            "La visite a duré {minutes:number} minutes ; {other:text} paierait {amount_cents:money} de plus.",
        ),
        messages={
            "supplement": Text(
                "This registered patient was seen in {year:text} without {other:text} ({amount_cents:money}).",
                "Ce patient inscrit a été vu en {year:text} sans {other:text} ({amount_cents:money}).",
            )
        },
        explanation=Text(
            "These lines are right as they are, but another code, or one more, seems to be due.",
            "Ces lignes sont correctes, mais un autre code, ou un code de plus, semble dû.",
        ),
        fix=Text(
            "Check the patient's chart and bill what was done.",
            "Vérifiez le dossier du patient et facturez ce qui a été fait.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Long visits billed with a cheap code, and registered patients without the supplement."""
        parts = [_long_visits(context)]
        if context.has("context"):  # without it, nobody can be told to be registered
            parts.append(_without_supplement(context))
        return f"{_common(context)} {' UNION ALL '.join(parts)}"


def _common(context: Context) -> str:
    walk_in = f"[{', '.join(literal(code) for code in context.params['walk_in_contexts'])}]::VARCHAR[]"
    return (
        "WITH visit_codes AS (SELECT code FROM ref_codes WHERE \"group\" = 'visit'), "
        f"tariff AS (SELECT code, TRY_CAST(amount_cents AS BIGINT) AS cents FROM ref_codes), "
        f"contexts AS MATERIALIZED (SELECT context, list_has_any({elements('context')}, {walk_in}) AS is_walk_in "
        "FROM (SELECT DISTINCT context FROM typed WHERE context IS NOT NULL))"
    )


def _long_visits(context: Context) -> str:
    other = context.text("intervention_code")
    minutes = "date_diff('minute', start_time, end_time)"
    gain = f"(SELECT max(cents) FROM tariff WHERE code = {other}) - amount_cents"
    params = {"minutes": "minutes", "other": other, "amount_cents": "gain"}
    return (
        f"SELECT {hits('code', params=params, amount_cents='gain')} FROM (SELECT row, {minutes} AS "
        f"minutes, {gain} AS gain "
        f"FROM {context.rows} WHERE start_time > TIME '00:00' "
        f"AND {minutes} >= {context.number('minimum_minutes', 'service_date')} "
        "AND code IN (SELECT code FROM visit_codes)) WHERE gain > 0"
    )


def _without_supplement(context: Context) -> str:
    other = context.text("supplement_code")
    cents = f"(SELECT max(cents) FROM tariff WHERE code = {other})"
    params = {"year": "year", "other": other, "amount_cents": cents, "case": "'supplement'"}
    return (
        f"SELECT {hits('patient', params=params, amount_cents=cents)} FROM (SELECT min(row) FILTER (is_visit) AS row, "
        "year(service_date) AS year, bool_or(is_walk_in) AS is_walk_in, bool_or(is_supplement) AS has_supplement "
        f"FROM (SELECT {context.each_file}row, patient_key, service_date, coalesce(is_walk_in, false) AS is_walk_in, "
        f"code = {other} AS is_supplement, code IN (SELECT code FROM visit_codes) AS is_visit "
        f"FROM {context.rows} LEFT JOIN contexts USING (context)) "
        f"GROUP BY {context.each_file}patient_key, year(service_date)) "
        f"WHERE row IS NOT NULL AND NOT is_walk_in AND NOT has_supplement AND {cents} IS NOT NULL"
    )
