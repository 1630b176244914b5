"""Every sentence, in both languages, filled safely."""

import re

import pytest

from validations.engine import texts
from validations.engine.texts import Text, format_money, message, render

CODES = texts.known_codes()


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_everything_in_both_languages(code: str) -> None:
    entry = texts.texts_of(code)
    for text in (entry.title, entry.message, entry.explanation, entry.fix, *entry.messages.values()):
        assert text.en.strip()
        assert text.fr.strip()
        assert text.en != text.fr or text is entry.title


@pytest.mark.parametrize("code", CODES)
def test_french_sentences_keep_their_marks_by_no_break_spaces(code: str) -> None:
    entry = texts.texts_of(code)
    for text in (entry.title, entry.message, entry.explanation, entry.fix, *entry.messages.values()):
        assert not re.search(r"[ ][:;?!»]|«[^\u00a0]|'", text.fr)


@pytest.mark.parametrize("code", CODES)
def test_both_languages_name_the_same_values(code: str) -> None:
    entry = texts.texts_of(code)
    for text in (entry.message, *entry.messages.values()):
        names = [set(re.findall(r"\{([a-z_]+)", side)) for side in (text.en, text.fr)]
        assert names[0] == names[1]


def test_b07_a_value_is_only_ever_text() -> None:
    hostile = "{0.__class__} {value} %s <script>"
    assert render("“{value:text}”", {"value": hostile}, "en") == f"“{hostile}”"


def test_b07_control_and_direction_marks_are_shown_as_such() -> None:
    assert render("{value:text}", {"value": "a\x1b[31m\n\u202eb"}, "en") == "a�[31m��b"


def test_a_long_value_is_cut() -> None:
    assert len(render("{value:text}", {"value": "x" * 10_000}, "en")) == texts.VALUE_LENGTH + 1


def test_zero_is_singular_in_french_and_plural_in_english() -> None:
    assert render("{count:number} {count|ligne|lignes}", {"count": 0}, "fr") == "0 ligne"
    assert render("{count:number} {count|line|lines}", {"count": 0}, "en") == "0 lines"


def test_numbers_and_money_follow_the_language() -> None:
    assert format_money(-123_456_789, "fr-ca") == "-1\u00a0234\u00a0567,89\u00a0$"
    assert format_money(123_456_789, "en") == "$1,234,567.89"
    assert (
        render("{n:number} {share:percent}", {"n": 1234567, "share": 0.125}, "fr")
        == "1\u00a0234\u00a0567 12,5\u00a0%"
    )


def test_a_number_that_is_none_is_shown_as_text() -> None:
    assert render("{n:money} {n:number}", {"n": "1e999999999"}, "en") == "1e999999999 1e999999999"


def test_a_value_that_is_missing_is_shown_by_dots() -> None:
    assert render("{a:text} {b:money}", {}, "en") == "… …"


def test_a_long_list_is_cut() -> None:
    assert render("{lines:list}", {"lines": list(range(100))}, "en").endswith("11, …")


def test_the_case_chooses_another_wording() -> None:
    assert "private office" in message("daily-fee-eligible", {"case": "place", "fee": "19928"}, "en")


def test_a_title_is_taken_in_the_language_of_the_reader() -> None:
    params = {"title_en": "Invoice", "title_fr": "Facture"}
    assert message("required", params, "fr") == "«\u00a0Facture\u00a0» est vide."


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(texts.UnknownCodeError):
        texts.title("no-such-code", "en")


def test_typesetting_is_done_once_for_all_authors() -> None:
    assert Text("", "l'acte : « oui » ?").fr == "l’acte\u00a0: «\u00a0oui\u00a0»\u00a0?"
