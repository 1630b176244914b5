"""Daily fees billed on days with too few patients."""

from validations.engine.rules import ERROR, Context, Parameter, Rule, elements, hits, literal, rule
from validations.engine.texts import CodeTexts, Text


@rule
class DailyFeeEligible(Rule):
    """A daily fee needs enough patients that day, and a private office (place beginning with `place_prefix`).

    The small fee (19928) needs `small_registered` registered or `small_walk_in` walk-in patients, the large one (19929)
    `large_registered` or `large_walk_in`. Counted are distinct patients with a paid visit code (group `visit` of the
    tariff; paid: an amount paid above zero or, where that is empty, an amount above zero) at such a place; walk-in are
    those with a context in `walk_in_contexts`.
    """

    needs = ("provider", "service_date", "code", "place", "patient")
    tables = ("codes",)
    parameters = (
        Parameter("small_code", "19928", "code", Text("Small fee", "Petit forfait")),
        Parameter("large_code", "19929", "code", Text("Large fee", "Grand forfait")),
        Parameter("small_registered", 6, "count", Text("Registered, small fee", "Inscrits, petit forfait")),
        Parameter(
            "small_walk_in", 10, "count", Text("Walk-in, small fee", "Sans rendez-vous, petit forfait")
        ),
        Parameter("large_registered", 12, "count", Text("Registered, large fee", "Inscrits, grand forfait")),
        Parameter(
            "large_walk_in", 20, "count", Text("Walk-in, large fee", "Sans rendez-vous, grand forfait")
        ),
        Parameter(
            "walk_in_contexts", ("G160", "AR"), "code", Text("Walk-in contexts", "Contextes sans rendez-vous")
        ),
        Parameter("place_prefix", "5", "text", Text("Places begin with", "Lieux commençant par")),
    )
    texts = CodeTexts(
        code="daily-fee-eligible",
        severity=ERROR,
        title=Text("Too few patients for the daily fee", "Trop peu de patients pour le forfait quotidien"),
        message=Text(
            "{fee:text} needs {need_registered:number} registered or {need_walk_in:number} walk-in "
            "patients; on {day:date} "
            "there were {registered:number} and {walk_in:number}.",
            "{fee:text} exige {need_registered:number} patients inscrits ou {need_walk_in:number} "
            "sans rendez-vous ; le "
            "{day:date}, il y en avait {registered:number} et {walk_in:number}.",
        ),
        messages={
            "place": Text(
                "{fee:text} is paid only at a private office; this place is another kind.",
                "{fee:text} n'est payé qu'en cabinet privé ; ce lieu est d'un autre type.",
            )
        },
        explanation=Text(
            "The fee covers the costs of an office on days with enough visits.",
            "Le forfait couvre les frais du cabinet les jours où il y a assez de visites.",
        ),
        fix=Text(
            "Remove the fee, or bill the smaller one if the patients suffice for it.",
            "Retirez le forfait, ou facturez le plus petit si le nombre de patients suffit.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Each fee line on a day, or at a place, that does not allow it."""
        small, large = context.text("small_code"), context.text("large_code")

        def need(kind: str) -> str:
            number = (context.number(f"{size}_{kind}", "service_date") for size in ("small", "large"))
            return f"(CASE WHEN code = {small} THEN {next(number)} ELSE {next(number)} END)"

        params = {
            "fee": "code",
            "day": "service_date::VARCHAR",
            "registered": "registered",
            "walk_in": "walk_in",
            "need_registered": "need_registered",
            "need_walk_in": "need_walk_in",
            "case": "CASE WHEN NOT is_office THEN 'place' END",
        }
        fees = (
            f"SELECT {context.each_file}row, provider_key, service_date, code, starts_with(place, "
            f"{context.text('place_prefix')}) AS is_office, "
            f"{need('registered')} AS need_registered, {need('walk_in')} AS need_walk_in FROM {context.rows} "
            f"WHERE code IN ({small}, {large})"
        )
        return (
            f"WITH fees AS MATERIALIZED ({fees}), {_patients(context)} SELECT {hits('code', params=params)} FROM ("
            "SELECT fees.*, coalesce(registered, 0) AS registered, coalesce(walk_in, 0) AS walk_in "
            f"FROM fees LEFT JOIN days USING ({context.each_file}provider_key, service_date)) "
            "WHERE NOT is_office OR (registered < need_registered AND walk_in < need_walk_in)"
        )


def _patients(context: Context) -> str:
    """The common tables that count, per day with a fee, the registered and the walk-in patients."""
    walk_in = f"[{', '.join(literal(code) for code in context.params['walk_in_contexts'])}]::VARCHAR[]"
    day = f"{context.each_file}provider_key, service_date"
    return (
        f"contexts AS MATERIALIZED (SELECT context, list_has_any({elements('context')}, {walk_in}) AS is_walk_in "
        "FROM (SELECT DISTINCT context FROM typed WHERE context IS NOT NULL)), "
        f"visits AS (SELECT {day}, patient_key, bool_or(coalesce(is_walk_in, false)) AS is_walk_in "
        f"FROM {context.rows} LEFT JOIN contexts USING (context) "
        "WHERE code IN (SELECT code FROM ref_codes WHERE \"group\" = 'visit') "
        f"AND coalesce(nullif(amount_paid_cents, 0), amount_cents) > 0 AND starts_with(place, "
        f"{context.text('place_prefix')}) "
        f"AND ({day}) IN (SELECT ({day}) FROM fees) "
        f"GROUP BY {day}, patient_key), "
        f"days AS (SELECT {day}, count(*) FILTER (NOT is_walk_in) AS registered, "
        f"count(*) FILTER (is_walk_in) AS walk_in FROM visits GROUP BY {day})"
    )
