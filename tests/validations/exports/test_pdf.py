"""The report on paper: what it says in both languages, and that data is never read as markup."""

import re
from html import unescape
from typing import Any

import pytest
from django.utils import timezone, translation

from tests.validations.exports.conftest import HOSTILE, Export
from validations.engine.texts import plain
from validations.exports import Source
from validations.exports.pdf import set_report
from validations.exports.run_report import breakable, paper_of, report_of
from validations.models import ValidationRun

# What Typst would run, look up, or stumble over, if it stood in a document and not in its data.
MARKUP = (
    '#panic("run")', '#read("/etc/passwd")', "$ sum_(i=0)^n $", "`code` ``` raw ```", "*bold* _slanted_ @reference",
    "<label>",
    "= Heading", "// a comment", "/* open", "] } )", '"quote" \\ \\u{41} \\', "'; DROP TABLE x", "\0 \x1b[31m",
    "中文 العربية 🎉",
    "\u202e turned", '#import "@preview/cetz:0.3.0"', "{{ 7|add:7 }}", "%s {0.__class__}",
)  # fmt: skip


def spoken(run: ValidationRun, language: str) -> Source:
    return Source(run=run, language=language)


def text_of(run: ValidationRun, language: str = "en") -> str:
    """What the report says, without places at which words may break."""
    with translation.override(language):
        page = set_report(spoken(run, language), "html").decode()
    text = unescape(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]))
    return re.sub(r"[ \n]+", " ", text.replace("\u200b", "").replace("\u00ad", ""))


def test_the_report_is_a_pdf(run: ValidationRun, export: Export) -> None:
    for language in ("en", "fr"):
        content = export("report-pdf", run, language)
        assert content.startswith(b"%PDF-")
        assert content.rstrip().endswith(b"%%EOF")


def test_the_verdict_the_amounts_and_the_counts_come_first(run: ValidationRun) -> None:
    text = text_of(run)
    before = text[: text.index("How the file was read")]
    assert all(part in before for part in ("Run report", "novembre.csv", "Errors to fix", "14 rows checked"))
    said = report_of(spoken(run, "en"))
    figures = {figure["label"]: figure["value"] for figure in said["figures"]}
    assert figures == {
        "Amount accepted": "$12,392.72", "Amount at stake": "-$47.05", "Errors": "14", "Warnings": "1", "Remarks": "1",
    }  # fmt: skip
    assert said["reading"][:2] == [["Encoding", "Windows-1252"], ["Separator", "semicolon ;"]]


def test_a_rule_says_what_to_do_with_examples_and_where_the_rest_is(run: ValidationRun) -> None:
    text = text_of(run)
    assert "What to do." in text
    assert "D =Agence" in text
    assert f"3 of {len(HOSTILE)} shown; all of them are in the findings that can be downloaded." in text
    # One page may end a rule: no cap hides that there is more.
    assert f"{len(HOSTILE)} findings" in text


def test_a_french_reader_gets_french_words_amounts_and_paper(run: ValidationRun) -> None:
    text = text_of(run, "fr")
    assert "Rapport de vérification" in text
    assert "12\u00a0345,67\u00a0$" in text
    assert "Que faire." in text
    assert "Run report" not in text


@pytest.mark.parametrize("markup", MARKUP)
def test_b07_markup_in_names_labels_and_values_is_text(run: ValidationRun, markup: str) -> None:
    run.file_name = markup
    run.organization.name = markup
    run.reading["columns"][3]["label"] = markup
    for example in run.summary["by_code"][0]["examples"]:
        example |= {"value": markup, "params": {"value": markup}, "suggestion": markup}
    said = re.sub(r"\s+", "", text_of(run))
    # As the title, the owner, a column and the values and suggestions of three examples.
    assert said.count(re.sub(r"\s+", "", plain(markup))) >= 9
    assert set_report(spoken(run, "en")).startswith(b"%PDF-")


def test_a_run_without_findings_says_that_there_is_nothing_to_fix(run: ValidationRun) -> None:
    run.summary = {"rows": 14, "by_code": []}
    run.verdict, run.error_count, run.warning_count, run.info_count = "accepted", 0, 0, 0
    text = text_of(run)
    assert "Every row passed every check" in text
    assert "What to do" not in text


def test_a_run_without_amounts_or_columns_has_a_report_too(run: ValidationRun) -> None:
    run.amount_total_cents = run.amount_at_stake_cents = None
    run.reading = {}
    assert "Amount at stake" not in text_of(run)


def test_the_rules_beyond_the_chart_are_counted(run: ValidationRun) -> None:
    rule = run.summary["by_code"][1]
    run.summary["by_code"] += [dict(rule, code=f"rule-{number}", examples=[]) for number in range(20)]
    assert "and 11 more rules" in text_of(run)


@pytest.mark.parametrize(
    ("zone", "paper"),
    [
        ("America/Montreal", "us-letter"),
        ("America/Toronto", "us-letter"),
        ("America/New_York", "us-letter"),
        ("Europe/Paris", "a4"),
        ("America/Sao_Paulo", "a4"),
        ("UTC", "a4"),
    ],
)
def test_the_paper_is_the_one_of_the_readers_country(zone: str, paper: str) -> None:
    assert paper_of(zone) == paper


def test_the_paper_follows_the_time_zone_of_the_reader(run: ValidationRun) -> None:
    papers: list[Any] = []
    for zone in ("America/Montreal", "Europe/Paris"):
        with timezone.override(zone):
            papers.append(report_of(spoken(run, "fr"))["paper"])
    assert papers == ["us-letter", "a4"]


def test_a_word_longer_than_its_column_may_be_broken() -> None:
    assert max(map(len, breakable("x" * 200).split("\u200b"))) == 18
    assert breakable("x" * 200).replace("\u200b", "") == "x" * 200
    assert breakable("a short text") == "a short text"
