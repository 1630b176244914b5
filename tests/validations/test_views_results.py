"""What a completed run shows, how it is searched, and how it is downloaded."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests import factories
from tests.conftest import signed_in
from validations.models import BillingRecord, Finding, RunStatus, ValidationRun

COLUMNS = [
    {"index": 0, "label": "Facture", "letter": "A", "field": "invoice_number", "how": "exact"},
    {"index": 1, "label": "Montant", "letter": "B", "field": "amount", "how": "close"},
    {"index": 2, "label": "Agence", "letter": "C", "field": None, "how": None},
]


@pytest.fixture
def run(organization: Organization) -> ValidationRun:
    """A refused run: three errors of one rule, one of another, a warning, and their records."""
    made = factories.completed_run(organization, findings=3, verdict="refused")
    common = {"organization": organization, "result": made.result}
    for line in range(2, 8):
        BillingRecord.unscoped.create(
            **common, line=line, row=line - 1, invoice_number=f"10000000{line}", amount_cents=123456,
            extra={"Agence": "<b>Nord</b>"},
        )  # fmt: skip
    Finding.unscoped.create(
        **common, code="money-format", severity="error", line=6, row=5, column_index=1, column_label="Montant",
        field="amount", value="12.5O", suggestion="12,50", amount_cents=1250,
    )  # fmt: skip
    Finding.unscoped.create(**common, code="extra-label", severity="warning", line=1, column_label="Agence")
    made.reading = {
        "encoding": "cp1252",
        "delimiter": ";",
        "quotechar": '"',
        "header_line": 1,
        "rows": 6,
        "columns": COLUMNS,
    }
    made.summary = {
        "rows": 6, "rows_checked": 6, "rows_not_checked": 0, "rows_with_errors": 4, "amount_accepted_cents": 45190215,
        "by_code": [
            {"code": "extra-label", "severity": "warning", "count": 1, "rows": 0, "lines": [1, 0]},
            {"code": "money-format", "severity": "error", "count": 1, "amount_cents": 1250, "lines": [0, 1]},
            {"code": "required", "severity": "error", "count": 3, "rows": 3, "lines": [3, 0]},
        ],
    }  # fmt: skip
    made.error_count, made.warning_count = 4, 1
    made.amount_total_cents, made.amount_at_stake_cents = 48231640, 3041425
    made.save()
    return made


def shown(client: Client, run: ValidationRun, **query: Any) -> str:
    response = client.get(reverse("validations:run-detail", args=[run.organization.slug, run.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def rows(page: str) -> int:
    return page.count('<tr id="finding-')


def test_the_verdict_and_the_money_come_first(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run)
    assert "Errors to fix" in page
    assert "$451,902.15" in page
    assert "Accepted of $482,316.40" in page
    assert "$30,414.25 at stake in 4 lines" in page


def test_french_readers_see_french_amounts_and_dates(organization: Organization, run: ValidationRun) -> None:
    page = shown(signed_in(factories.member(organization, language="fr")), run)
    assert "451\u00a0902,15\u00a0$" in page
    assert "Ce qu’il faut corriger" in page


def test_the_most_frequent_error_is_open_at_first(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run)
    assert rows(page) == 3
    assert page.index("required") < page.index("money-format") < page.index("extra-label")


def test_a_rule_is_chosen_by_the_address(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run, code="money-format")
    assert rows(page) == 1
    assert "12.5O" in page
    assert "12,50" in page


def test_all_findings_are_filtered_by_severity(member_client: Client, run: ValidationRun) -> None:
    assert rows(shown(member_client, run, code="all")) == 5
    assert rows(shown(member_client, run, code="all", severity="warning")) == 1


def test_findings_are_searched_by_value_and_line(member_client: Client, run: ValidationRun) -> None:
    assert rows(shown(member_client, run, code="all", q="12.5")) == 1
    assert rows(shown(member_client, run, code="all", q="6")) == 1
    assert "No finding fits" in shown(member_client, run, code="all", q="nowhere")


def test_findings_are_sorted_by_line_backwards(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run, code="all", sort="-line")
    assert 'aria-sort="descending"' in page
    assert page.index("12.5O") < page.index("show it in the file", page.index("12.5O"))


def test_findings_are_paged(member_client: Client, organization: Organization) -> None:
    run = factories.completed_run(organization, findings=60)
    assert rows(shown(member_client, run)) == 25
    assert rows(shown(member_client, run, page="3")) == 10
    assert "51–60 of 60" in shown(member_client, run, page="3")


@pytest.mark.parametrize(
    "query",
    [
        {"code": "' OR 1=1 --"},
        {"severity": "password"},
        {"sort": "password"},
        {"page": "-1"},
        {"page": "1000000000"},
        {"finding": "9" * 30},
        {"finding": "x"},
        {"q": "%' OR 1=1 -- _\0"},
        {"q": "x" * 7000},
    ],
)
def test_b08_senseless_filters_are_data(
    member_client: Client, run: ValidationRun, query: dict[str, str]
) -> None:
    shown(member_client, run, **query)


def test_b08_the_number_of_queries_does_not_grow_with_the_findings(
    member_client: Client, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    run = factories.completed_run(organization, findings=200)
    with django_assert_max_num_queries(30):
        shown(member_client, run, code="all", q="x")


def test_the_offending_row_stands_in_its_context_with_the_cell_marked(
    member_client: Client, run: ValidationRun
) -> None:
    page = shown(member_client, run, code="money-format")
    context = page[page.index("context-box") : page.index("</table>", page.index("context-box"))]
    assert "100000004" in context
    assert "100000007" in context
    marked = context[context.index("data-hit") :]
    assert "12.5O" in marked[: marked.index("</td>")]
    assert context.count("data-hit") == 1


def test_b07_cells_of_the_file_are_text(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run, code="money-format")
    assert "&lt;b&gt;Nord&lt;/b&gt;" in page
    assert "<b>Nord</b>" not in page


def test_the_page_says_how_each_column_was_understood(member_client: Client, run: ValidationRun) -> None:
    page = shown(member_client, run)
    assert "Windows-1252" in page
    assert "close spelling" in page
    assert "not known, kept as it is" in page


def test_a_file_without_findings_is_ready(member_client: Client, organization: Organization) -> None:
    run = factories.run(
        organization, status=RunStatus.COMPLETED, verdict="accepted", summary={"rows": 3, "by_code": []}
    )
    page = shown(member_client, run)
    assert "Nothing to fix" in page
    assert "findings.csv" not in page


def test_charts_are_drawn_with_points_in_french_too(organization: Organization, run: ValidationRun) -> None:
    page = shown(signed_in(factories.member(organization, language="fr")), run)
    assert 'width="93.7"' in page
    assert 'width="33.3"' in page


def download(client: Client, run: ValidationRun, **query: Any) -> tuple[Any, list[list[str]]]:
    response = client.get(
        reverse("validations:run-findings-csv", args=[run.organization.slug, run.pk]), query
    )
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return response, list(
        csv.reader(io.StringIO(text), delimiter=";" if ";" in text.split("\r\n")[0] else ",")
    )


def test_the_download_holds_the_filtered_findings(member_client: Client, run: ValidationRun) -> None:
    assert len(download(member_client, run)[1]) == 1 + 5
    assert len(download(member_client, run, code="required", severity="error")[1]) == 1 + 3
    assert len(download(member_client, run, code="all", q="12.5")[1]) == 1 + 1


def test_a08_the_name_of_the_download_is_a_valid_header(member_client: Client, run: ValidationRun) -> None:
    ValidationRun.unscoped.filter(pk=run.pk).update(file_name='é"\u2028<script>.csv')
    response, _lines = download(member_client, run)
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%A9%22")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_french_readers_download_what_their_spreadsheet_opens(
    organization: Organization, run: ValidationRun
) -> None:
    _response, lines = download(
        signed_in(factories.member(organization, language="fr")), run, code="money-format"
    )
    assert lines[0][0] == "Ligne"
    assert lines[1][-1] == "12,50"


def test_the_page_says_how_surely_the_file_was_read(member_client: Client, run: ValidationRun) -> None:
    run.reading |= {"encoding_confidence": 0.97, "delimiter_confidence": 0.4, "header_confidence": 0.7}
    run.options = {"encoding": "cp1252"}
    run.save()
    page = shown(member_client, run)
    assert re.search(r"Windows-1252 *<span class=\"pill accent\">set by hand</span>", page)
    assert '<span class="pill warning">uncertain 40%</span>' in page
    assert '<span class="pill info">likely 70%</span>' in page


def test_the_page_of_a_workbook_names_its_sheet_and_no_separator(
    member_client: Client, run: ValidationRun
) -> None:
    run.reading |= {"kind": "xlsx", "sheet": "Mars <2025>", "sheet_number": 2}
    run.save()
    page = shown(member_client, run)
    assert "sheet 2 (“Mars &lt;2025&gt;”)" in page
    assert "<dt>Separator</dt>" not in page
