"""Health numbers that cannot exist or do not fit the name."""

from validations.engine.rules import ERROR, WARNING, Context, Parameter, Rule, hits, literal, rule
from validations.engine.texts import CodeTexts, Text

_SHAPE = "'^[A-Z]{4}[0-9]{8}([ ,;:-].*)?$'"
# With a comma the surname stands before it; without one it may be the first word or several.
_SURNAMES = ("split_part(name, ',', 1)", "split_part(name, ' ', 1)")
# The surname's first three letters are wanted: this much of the text after the number holds them.
_NAME_CHARS = 24


@rule
class PatientId(Rule):
    """A health number is four capitals and eight digits; its month is 01 to 12 or 51 to 62, its day 01 to 31.

    A warning where its first three letters are not those of the surname (accents folded, padded with X).
    """

    needs = ("patient",)
    judges_format = True
    parameters = (
        Parameter(
            "name_severity", WARNING, "severity", Text("Severity of another name", "Gravité d'un autre nom")
        ),
    )
    texts = CodeTexts(
        code="patient-id",
        severity=ERROR,
        title=Text("Health number is not possible", "Numéro d'assurance maladie impossible"),
        message=Text(
            "“{title:text}” does not begin with a health number: four capitals and eight digits.",
            "« {title:text} » ne commence pas par un numéro d'assurance maladie : quatre majuscules et huit chiffres.",
        ),
        messages={
            "birth": Text(
                "The health number holds no possible birth date: month 01–12 (51–62 for a woman) and day 01–31.",
                "Le numéro d'assurance maladie ne contient pas une date de naissance possible : mois "
                "01–12 (51–62 pour une femme), jour 01–31.",
            ),
            "name": Text(
                "The first three letters of the health number do not fit the surname.",
                "Les trois premières lettres du numéro d'assurance maladie ne correspondent pas au nom de famille.",
            ),
        },
        explanation=Text(
            "The payer identifies the patient by this number; it is built from the name and the date of birth.",
            "Le payeur identifie le patient par ce numéro, formé à partir du nom et de la date de naissance.",
        ),
        fix=Text(
            "Copy the number from the health card.",
            "Recopiez le numéro de la carte d'assurance maladie.",
        ),
    )

    def sql(self, context: Context) -> str:
        """Numbers that could not be read, and numbers that do not fit the name."""
        impossible = (
            f"SELECT {_impossible(context)} FROM odd_rows WHERE patient IS NULL AND patient_raw <> ''"
        )
        return f"{impossible} UNION ALL FROM ({_other_name(context)})"


def _impossible(context: Context) -> str:
    facts = context.fields["patient"]
    compact = "upper(replace(patient_raw, ' ', ''))"
    params = {
        "title_en": literal(facts.title_en),
        "title_fr": literal(facts.title_fr),
        "case": f"CASE WHEN regexp_matches(patient_raw, {_SHAPE}) THEN 'birth' END",
    }
    fix = f"CASE WHEN regexp_full_match({compact}, '[A-Z]{{4}}[0-9]{{8}}') THEN {compact} END"
    return hits("patient", value="patient_raw", params=params, suggestion=fix)


def _other_name(context: Context) -> str:
    """Most names begin with the number's own letters; only the others are folded, each distinct one once."""
    fits = ", ".join(
        f"rpad(left(regexp_replace({surname}, '[^A-Z]', '', 'g'), 3), 3, 'X')" for surname in _SURNAMES
    )
    selected = hits("patient", params={"case": "'name'"}, severity=context.text("name_severity"))
    given = "substr(patient, 14, 3)"
    differs = (
        f"substr(patient, 1, 3) <> upper({given}) AND substr(patient, 1, 3) <> upper(strip_accents({given}))"
    )
    return (
        f"WITH other AS MATERIALIZED (SELECT row, patient FROM typed WHERE {differs} AND length(patient) > 13), "
        f"named AS MATERIALIZED (SELECT patient, upper(strip_accents(trim(substr(patient, 13, {_NAME_CHARS}), "
        "' ,;:-'))) AS name FROM (SELECT DISTINCT patient FROM other)) "
        f"SELECT {selected} FROM other WHERE patient IN (SELECT patient FROM named "
        f"WHERE name <> '' AND substr(patient, 1, 3) NOT IN ({fits}))"
    )
