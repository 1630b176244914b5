"""The findings of a run by rule, severity, column, value and text together; totals, order and pages."""

from itertools import pairwise
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from organizations.models import Organization
from tests import factories
from validations import pages, querysets
from validations.models import Finding, ValidationRun
from validations.querysets import FindingFilter, findings_before, findings_filtered, findings_page

COLUMNS = [
    {"index": index, "label": label, "letter": letter, "field": None}
    for index, (label, letter) in enumerate([("Facture", "A"), ("Montant", "B"), ("Note", "C")])
]


@pytest.fixture
def run(organization: Organization) -> ValidationRun:
    """120 findings of three rules in three columns, with the counts that the engine makes of them."""
    made = factories.completed_run(organization, findings=0, verdict="refused", reading={"columns": COLUMNS})
    Finding.unscoped.bulk_create(
        Finding(
            organization=organization,
            result=made.result,
            code=("required", "money-format", "id-format")[number % 3],
            severity="warning" if number % 6 == 1 else "error",
            line=number + 2,
            row=number + 1,
            column_index=(0, 1, 0, 2)[number % 4],
            column_label=str(COLUMNS[(0, 1, 0, 2)[number % 4]]["label"]),
            value="" if number % 3 == 0 else f"{number % 10},É{number % 7}",
            amount_cents=None if number % 5 == 0 else number * 100,
        )
        for number in range(120)
    )
    count(made)
    return made


def count(run: ValidationRun) -> None:
    """Give the run the counts of its findings."""
    by_column: dict[tuple[str, str, int | None], list[str]] = {}
    for finding in Finding.unscoped.filter(result=run.result_id):
        by_column.setdefault((finding.code, finding.severity, finding.column_index), []).append(finding.value)
    names = ("code", "severity", "column_index")
    run.summary["by_column"] = [
        dict(zip(names, key, strict=True)) | {"count": len(values), "values": len(set(values)), "fixes": 0}
        for key, values in by_column.items()
    ]
    run.summary["by_value"] = [
        dict(zip(names, key, strict=True)) | {"value": value, "count": values.count(value)}
        for key, values in by_column.items()
        for value in sorted(set(values), key=lambda each: -values.count(each))[:3]
    ]
    run.save()


FILTERS: list[dict[str, Any]] = [
    {},
    {"code": "required"},
    {"severity": "warning"},
    {"column": 0},
    {"column": 2},
    {"value": ""},
    {"value": "1,É1"},
    {"search": "É3"},
    {"search": "montant"},
    {"search": "17"},
    {"code": "money-format", "severity": "error"},
    {"code": "money-format", "severity": "error", "column": 1},
    {"code": "money-format", "column": 1, "value": "1,É1"},
    {"code": "id-format", "column": 0, "value": "8,É1", "search": "é1"},
    {"code": "required", "severity": "warning"},
    {"code": "made-up"},
    {"column": 99},
]


@pytest.mark.parametrize("filters", FILTERS)
def test_a_page_holds_what_fits_all_filters_and_its_total_is_exact(
    run: ValidationRun, filters: dict[str, Any]
) -> None:
    wanted = FindingFilter(**filters)
    expected = list(findings_filtered(run, wanted))
    assert expected == [finding for finding in all_of(run) if fits(finding, filters)]
    page = findings_page(run, wanted, per_page=500)
    assert page.items == expected
    assert (page.total, page.has_more) == (len(expected), False)


def all_of(run: ValidationRun) -> list[Finding]:
    return list(Finding.unscoped.filter(result=run.result_id).order_by("line", "id"))


def fits(finding: Finding, filters: dict[str, Any]) -> bool:
    """What the filters mean, said once more without a database."""
    search = filters.get("search", "")
    found = (
        search.upper() in finding.value
        or search.casefold() in finding.column_label.casefold()
        or search == str(finding.line)
    )
    names = {"column": "column_index"}
    plain = {name: value for name, value in filters.items() if name != "search"}
    return found and all(getattr(finding, names.get(name, name)) == value for name, value in plain.items())


@pytest.mark.parametrize("sort", ["line", "-line", "code", "-code", "value", "-value", "amount", "-amount"])
def test_the_pages_of_every_order_hold_each_finding_once(run: ValidationRun, sort: str) -> None:
    shown = [
        finding.pk
        for number in range(1, 6)
        for finding in findings_page(run, FindingFilter(), sort=sort, page=number, per_page=25).items
    ]
    assert shown == [finding.pk for finding in findings_filtered(run, FindingFilter(), sort)]
    assert len(set(shown)) == 120


def test_amounts_are_sorted_as_numbers_and_none_is_nothing(run: ValidationRun) -> None:
    amounts = [
        f.amount_cents or 0 for f in findings_page(run, FindingFilter(), sort="-amount", per_page=500).items
    ]
    assert all(one >= other for one, other in pairwise(amounts))


def test_a_finding_knows_how_many_stand_before_it(run: ValidationRun) -> None:
    wanted = FindingFilter(code="money-format")
    found = list(findings_filtered(run, wanted))
    assert [findings_before(run, wanted, finding) for finding in found] == list(range(len(found)))


def test_counting_what_nobody_counted_ends_in_time(
    run: ValidationRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The bound is a constant of the module; a run of ten thousand findings would say the same, slowly.
    monkeypatch.setattr(querysets, "COUNTED", 30)
    page = findings_page(run, FindingFilter(search="É"), page=2, per_page=25)
    assert (page.total, page.has_more, page.number, len(page.items)) == (30, True, 2, 5)


def test_runs_from_before_there_were_counts_are_filtered_too(run: ValidationRun) -> None:
    run.summary = {"by_code": [{"code": "required", "severity": "error", "count": 40}]}
    assert findings_page(run, FindingFilter(code="required")).total == 40
    assert findings_page(run, FindingFilter(column=1)).total == 30


def shown(client: Client, run: ValidationRun, **query: str) -> str:
    response = client.get(reverse("validations:run-detail", args=[run.organization.slug, run.pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_offers_the_columns_and_shows_the_filters_in_force(
    member_client: Client, run: ValidationRun
) -> None:
    page = shown(member_client, run, code="all", column="1", value="1,É1", q="É")
    assert "B Montant (30)" in page
    assert page.count("Remove the filter:") == 3


def test_findings_are_grouped_by_column_and_by_value(member_client: Client, run: ValidationRun) -> None:
    by_column = shown(member_client, run, code="all", group="column")
    assert "column=0" in by_column[by_column.index("Findings by column") :]
    by_value = shown(member_client, run, code="all", group="value")
    assert "different values" in by_value


def test_a_link_to_one_finding_opens_the_page_on_which_it_stands(
    member_client: Client, run: ValidationRun
) -> None:
    finding = all_of(run)[110]
    page = shown(member_client, run, code="all", finding=str(finding.pk))
    assert f'id="finding-{finding.pk}"' in page
    assert "Page 5 of 5" in page


def test_the_facets_count_what_the_chosen_rule_found(run: ValidationRun) -> None:
    facets = pages.column_facets(run, FindingFilter(code="required"))
    assert sum(facet.count for facet in facets) == 40


@pytest.mark.parametrize(
    "query",
    [
        {"column": "-1"},
        {"column": "9" * 30},
        {"column": "0 OR 1=1"},
        {"value": "%"},
        {"value": "'; DROP TABLE x --"},
        {"value": "a\0b"},
        {"value": "x" * 100_000},
        {"q": "%_\\'\""},
        {"q": "é" * 1_000},
        {"group": "password"},
        {"finding": "9" * 18},
        {"sort": "password", "page": "-1"},
        {"page": "9" * 18},
    ],
)
def test_b08_nonsense_in_the_filters_is_data_or_as_if_it_were_not_there(
    member_client: Client, run: ValidationRun, query: dict[str, str]
) -> None:
    shown(member_client, run, **query)


def test_b07_values_in_filters_and_groups_are_text(member_client: Client, run: ValidationRun) -> None:
    mark = "<script>alert(1)</script>"
    Finding.unscoped.filter(result=run.result_id, code="id-format").update(value=mark)
    count(run)
    for query in ({"value": mark}, {"q": mark}, {"group": "value"}):
        page = shown(member_client, run, code="all", **query)
        assert mark not in page
        assert "&lt;script&gt;" in page


def test_d05_the_counts_and_findings_of_others_are_never_counted(
    run: ValidationRun, other_organization: Organization
) -> None:
    factories.completed_run(other_organization, findings=7)
    assert findings_page(run, FindingFilter(search="Facture")).total == 60
