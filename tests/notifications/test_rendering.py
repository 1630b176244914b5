"""Kinds and parameters into sentences."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import timezone, translation

from notifications import rendering
from notifications.kinds import KIND_NAMES
from notifications.models import Notification
from organizations.models import Organization, User
from tests.support.news import FAILED, FINISHED, RUN

CLINIC = Organization(pk=1, name="Clinique des Érables", slug="erables")


def notice(
    kind: str = "run_finished", parameters: dict[str, Any] | None = None, **fields: Any
) -> Notification:
    """A notification that is not stored."""
    defaults = {
        "organization": CLINIC,
        "user": User(pk=1, email="reader@example.com"),
        "path": f"/o/erables/runs/{RUN}/",
        "created_at": datetime(2026, 3, 14, 2, 30, tzinfo=UTC),
    }
    return Notification(
        kind=kind, parameters=FINISHED if parameters is None else parameters, **defaults | fields
    )


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({}, "facturation_mars.csv: 1,312 errors to fix"),
        ({"errors": 1}, "facturation_mars.csv: 1 error to fix"),
        ({"verdict": "accepted_with_warnings"}, "facturation_mars.csv: ready to send, with 1 warning"),
        ({"verdict": "accepted"}, "facturation_mars.csv: ready to send"),
    ],
)
def test_the_headline_of_a_finished_run_is_its_verdict(changes: dict[str, Any], headline: str) -> None:
    with translation.override("en"):
        assert rendering.headline(notice(parameters=FINISHED | changes)) == headline


def test_the_details_of_a_failed_run_say_what_to_do() -> None:
    with translation.override("en"):
        [day] = rendering.by_day([notice("run_failed", FAILED)])
    assert day.notices[0].headline == "facturation_mars.csv: could not be processed"
    assert "Export it again" in day.notices[0].details


def test_a_kind_without_templates_of_its_own_is_told_by_the_default_ones() -> None:
    letter = rendering.letter(notice("brand_new", {}))
    assert letter.subject == "News from Clinique des Érables"
    assert "https" not in letter.subject
    assert str(notice("brand_new").pk) not in letter.subject


def test_a_letter_shows_the_time_of_its_readers_zone() -> None:
    tokyo = User(pk=1, email="reader@example.com", time_zone="Asia/Tokyo")
    assert "14 Mar 2026, 11:30" in rendering.letter(notice(user=tokyo)).text


def test_a_time_zone_that_does_not_exist_falls_back_to_that_of_the_site(settings: Any) -> None:
    nowhere = User(pk=1, email="reader@example.com", time_zone="../Nowhere")
    settings.TIME_ZONE = "UTC"
    assert "14 Mar 2026, 02:30" in rendering.letter(notice(user=nowhere)).text


def test_a_letter_leaves_the_language_of_the_process_alone() -> None:
    french = User(pk=1, email="reader@example.com", language="fr")
    with translation.override("en"):
        assert rendering.letter(notice(user=french)).language == "fr"
        assert translation.get_language() == "en"


def test_h03_a_reader_who_chose_no_language_gets_that_of_the_site(settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"
    assert rendering.letter(notice()).language == "fr"


def test_plain_text_is_not_escaped_and_html_is() -> None:
    letter = rendering.letter(notice(organization=Organization(name="Roy & <Fils>", slug="roy")))
    assert "Roy & <Fils>" in letter.text
    assert "Roy &amp; &lt;Fils&gt;" in letter.html


def test_b07_a_hostile_file_name_is_one_line_of_text() -> None:
    name = "a\r\nb\u202e<script>{{ 7 }}%s.csv"
    shown = rendering.headline(notice(parameters=FINISHED | {"file_name": name}))
    assert shown.startswith("a b <script>{{ 7 }}%s.csv: ")


def test_days_are_those_of_the_readers_calendar() -> None:
    late = notice(created_at=datetime(2026, 3, 14, 2, 30, tzinfo=UTC))
    early = notice(created_at=datetime(2026, 3, 13, 20, 0, tzinfo=UTC))
    with timezone.override(ZoneInfo("America/Montreal")):
        assert [len(day.notices) for day in rendering.by_day([late, early])] == [2]
    with timezone.override(UTC):
        assert [len(day.notices) for day in rendering.by_day([late, early])] == [1, 1]


@pytest.mark.parametrize(
    ("path", "reference"),
    [
        (f"/o/erables/runs/{RUN}/", "3f2a91c0"),
        (f"/o/x/runs/{RUN}", "3f2a91c0"),
        ("/o/erables/", ""),
        ("", ""),
    ],
)
def test_the_reference_is_the_short_form_of_the_id_in_the_path(path: str, reference: str) -> None:
    assert rendering.reference(path) == reference


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n b\tc", "a b c"),
        ("a\u2028b\x00c\u202ed", "a b c d"),
        ("1\xa0312 erreurs", "1\xa0312 erreurs"),
        ("  é  ", "é"),
    ],
)
def test_one_line_has_no_break_and_no_hidden_character(text: str, line: str) -> None:
    assert rendering.one_line(text) == line


def test_only_numbers_and_words_of_our_own_go_into_mail() -> None:
    parameters = {"file_name": "Marie.csv", "rows": 3, "verdict": "refused", "share": 0.5, "note": "Marie"}
    assert rendering.for_mail(parameters) == {"rows": 3, "verdict": "refused", "share": 0.5}


def test_every_kind_that_has_templates_has_a_name_and_no_other() -> None:
    folders = {
        path.name for path in (Path(settings.BASE_DIR) / "templates/notifications").iterdir() if path.is_dir()
    }

    assert folders - {"default"} == set(KIND_NAMES)
