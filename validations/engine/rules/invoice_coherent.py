"""Invoices whose lines disagree."""

from validations.engine.rules import ERROR, Context, Rule, hits, rule
from validations.engine.texts import CodeTexts, Text


@rule
class InvoiceCoherent(Rule):
    """All rows of one invoice share date of service, provider and patient; one finding an invoice."""

    needs = ("invoice_number", "service_date", "provider", "patient")
    texts = CodeTexts(
        code="invoice-coherent",
        severity=ERROR,
        title=Text("Lines of one invoice disagree", "Les lignes d'une facture se contredisent"),
        message=Text(
            "The {line_count:number} lines of this invoice do not have the same {what:text}: lines {lines:list}.",
            "Les {line_count:number} lignes de cette facture n'ont pas {what:text} : lignes {lines:list}.",
        ),
        explanation=Text(
            "One invoice is one visit: one day, one provider, one patient.",
            "Une facture correspond à une visite : un jour, un médecin, un patient.",
        ),
        fix=Text(
            "Correct the line that differs, or give it an invoice of its own.",
            "Corrigez la ligne qui diffère, ou donnez-lui sa propre facture.",
        ),
    )

    def sql(self, context: Context) -> str:
        """The first row of each invoice that differs from the invoice's first row.

        One number stands for the three values in the pass over all rows; only invoices where it varies are opened.
        """
        english = (
            "CASE field WHEN 'service_date' THEN 'date' WHEN 'provider' THEN 'provider' ELSE 'patient' END"
        )
        french = (
            "CASE field WHEN 'service_date' THEN 'la même date' WHEN 'provider' THEN 'le même médecin' "
            "ELSE 'le même patient' END"
        )
        params = {"what_en": english, "what_fr": french}
        selected = hits("", row="found", params=params, rows="rows", field_sql="field")
        mark = "hash(service_date, provider_key, patient_key)"
        invoice = f"{context.each_file}invoice_number"
        firsts = ", ".join(
            f"first_value({column}) OVER w AS first_{name}"
            for name, column in (
                ("date", "service_date"),
                ("provider", "provider_key"),
                ("patient", "patient_key"),
            )
        )
        return (
            f"WITH mixed AS (SELECT {invoice} FROM {context.rows} GROUP BY {invoice} "
            f"HAVING min({mark}) <> max({mark})), opened AS (SELECT row, {invoice}, service_date "
            f"<> first_date AS d, "
            f"provider_key <> first_provider AS p, patient_key <> first_patient AS n FROM (SELECT row, {invoice}, "
            f"service_date, provider_key, patient_key, {firsts} FROM {context.rows} "
            f"WHERE ({invoice}) IN (SELECT ({invoice}) FROM mixed) "
            f"WINDOW w AS (PARTITION BY {invoice} ORDER BY row))), judged AS (SELECT min(row) FILTER (d OR p OR n) "
            "AS found, list(row ORDER BY row) AS rows, CASE WHEN bool_or(d) THEN 'service_date' WHEN bool_or(p) "
            f"THEN 'provider' ELSE 'patient' END AS field FROM opened GROUP BY {invoice}) "
            f"SELECT {selected} FROM judged WHERE found IS NOT NULL"
        )
