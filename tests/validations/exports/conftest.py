"""A completed run with findings of every severity, hostile values among them, and files made from it."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import translation

from organizations.models import Organization
from tests import factories
from validations.exports import Source, formats
from validations.exports.source import Wanted
from validations.models import BillingRecord, Finding, ResultSet, RunStatus, ValidationRun

# B06 and B07: what would act in a spreadsheet, in a page, in XML. A zero byte, which no database keeps: test_csv.py.
HOSTILE = (
    "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\t+1", "＝1+1", '=HYPERLINK("http://x";"y")',
    "<script>alert(1)</script>", "<r><t>raw</t></r>", "a\ufffeb\x1b[31m", "_x0041_", '"quoted"; and, more\nlines',
)  # fmt: skip
COLUMNS = [
    {"index": 0, "label": "Facture", "letter": "A", "field": "invoice_number", "how": "exact"},
    {"index": 1, "label": "Date de Service", "letter": "B", "field": "service_date", "how": "exact"},
    {"index": 2, "label": "Montant", "letter": "C", "field": "amount", "how": "close"},
    {"index": 3, "label": "=Agence", "letter": "D", "field": None, "how": None},
]
READING = {
    "encoding": "cp1252", "had_bom": False, "delimiter": ";", "quotechar": '"', "escapechar": '"', "line_ends": "crlf",
    "header_line": 1, "skipped_lines": 0, "rows": 14, "columns": COLUMNS,
}  # fmt: skip

Export = Callable[..., bytes]


def example(row: int, cell: str) -> dict[str, Any]:
    """A finding as a summary shows it."""
    place = {"line": row + 1, "row": row, "column_index": 3}
    return {**place, "value": cell, "params": {"value": cell}, "suggestion": None}


@pytest.fixture
def run(organization: Organization) -> ValidationRun:
    """A refused run whose rows hold hostile cells, each with an error; a warning and a remark beside them."""
    made = factories.run(
        organization, status=RunStatus.COMPLETED, verdict="refused", file_name="novembre.csv",
        reading=deepcopy(READING), error_count=len(HOSTILE), warning_count=1, info_count=1,
        amount_total_cents=1_234_567, amount_at_stake_cents=-4705, finished_at=datetime(2026, 11, 25, 12, tzinfo=UTC),
    )  # fmt: skip
    result = ResultSet.unscoped.create(organization=organization, run=made)
    common: dict[str, Any] = {"organization": organization, "result": result}
    for number, cell in enumerate(HOSTILE, start=1):
        BillingRecord.unscoped.create(
            **common, line=number + 1, row=number, invoice_number=f"00000000{number:02}", amount_cents=-1250,
            service_date=datetime(2026, 11, 3, tzinfo=UTC).date(), extra={"=Agence": cell},
        )  # fmt: skip
        Finding.unscoped.create(
            **common, code="patient-id", severity="error", line=number + 1, row=number, column_index=3,
            column_label="=Agence", value=cell, params={"value": cell}, amount_cents=-1250,
        )  # fmt: skip
    Finding.unscoped.create(
        **common, code="money-format", severity="warning", line=2, row=1, column_index=2, column_label="Montant",
        field="amount", value="-12.50", suggestion="-12,50", amount_cents=1250,
    )  # fmt: skip
    Finding.unscoped.create(
        **common, code="extra-label", severity="info", line=1, column_index=3, column_label="=Agence"
    )
    made.result = result
    made.summary = {
        "rows": len(HOSTILE), "rows_checked": len(HOSTILE), "rows_not_checked": 0, "rows_with_errors": len(HOSTILE),
        "amount_accepted_cents": 1_239_272,
        "by_code": [
            {"code": "patient-id", "severity": "error", "count": len(HOSTILE), "rows": len(HOSTILE),
             "amount_cents": -17500, "lines": [5, 9],
             "examples": [example(number, cell) for number, cell in enumerate(HOSTILE[:3], start=1)]},
            {"code": "money-format", "severity": "warning", "count": 1, "rows": 1, "amount_cents": 1250,
             "lines": [1, 0]},
            {"code": "extra-label", "severity": "info", "count": 1, "rows": 0, "lines": [1, 0]},
        ],
    }  # fmt: skip
    made.save()
    return made


@pytest.fixture
def export() -> Export:
    """The bytes of a file of that format."""

    def made(name: str, run: ValidationRun, language: str = "en", **wanted: Any) -> bytes:
        with translation.override(language):
            return b"".join(formats[name].blocks(Source(run=run, language=language, wanted=Wanted(**wanted))))

    return made
