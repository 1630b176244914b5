"""The share of files that were right when they were first sent, week by week."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations.models import Organization
from tests import factories
from validations.models import RunStatus, ValidationRun
from validations.trends import WEEKS, first_pass


def sent(organization: Organization, weeks_ago: int, name: str, verdict: str, **fields: Any) -> ValidationRun:
    run = factories.run(
        organization, status=RunStatus.COMPLETED, verdict=verdict, file_name=name, rows_total=100,
        summary={"rows_with_errors": 0 if verdict != "refused" else 25, "by_code": []}, **fields,
    )  # fmt: skip
    ValidationRun.unscoped.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(weeks=weeks_ago))
    return run


def test_files_and_rows_are_counted_in_the_week_of_their_first_sending(organization: Organization) -> None:
    sent(organization, 1, "a.csv", "refused")
    sent(organization, 1, "b.csv", "accepted_with_warnings")
    sent(organization, 0, "c.csv", "accepted")
    last, this = first_pass(organization)
    assert (last.files, last.file_percent, last.row_percent) == (2, 50, 87.5)
    assert (this.files, this.file_percent, this.row_percent) == (1, 100, 100.0)


def test_a_file_that_is_sent_again_or_corrected_does_not_count(organization: Organization) -> None:
    first = sent(organization, 1, "a.csv", "refused")
    sent(organization, 0, "a.csv", "accepted")
    sent(organization, 0, "a (corrected).csv", "accepted", repeats=first)
    last, this = first_pass(organization)
    assert (last.files, this.files, this.file_percent, this.row_percent) == (1, 0, None, None)


def test_weeks_without_files_stand_between_those_with_some(organization: Organization) -> None:
    sent(organization, 3, "a.csv", "accepted")
    sent(organization, WEEKS + 1, "b.csv", "accepted")
    assert [week.files for week in first_pass(organization)] == [1, 0, 0, 0]


def test_d05_the_files_of_others_do_not_count(
    organization: Organization, other_organization: Organization
) -> None:
    sent(other_organization, 2, "a.csv", "accepted")
    assert first_pass(organization) == []


def test_the_list_shows_the_chart_with_its_numbers(member_client: Client, organization: Organization) -> None:
    sent(organization, 1, "a.csv", "refused")
    sent(organization, 0, "b.csv", "accepted")
    page = member_client.get(reverse("validations:run-list", args=["erables"])).content.decode()
    assert "1 of 2 files" in page
    assert "Week by week" in page
    filtered = member_client.get(
        reverse("validations:run-list", args=["erables"]), {"q": "a"}
    ).content.decode()
    assert "Week by week" not in filtered
