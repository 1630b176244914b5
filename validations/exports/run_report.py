"""What the report on a run says, in the reader's language: words and lengths, ready to be set on paper."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from babel.core import get_global
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from validations import pages
from validations.engine.cells import letter
from validations.engine.texts import plain
from validations.exports.source import Source
from validations.facts import Fact, amount_accepted_cents, origin_facts, reading_facts
from validations.models import Finding, Severity, ValidationRun, Verdict
from validations.pages import RuleRow, rule_rows
from validations.sentences import message_of, title_of
from validations.templatetags.bordereau import (
    code_explanation,
    code_fix,
    counted_findings,
    counted_lines,
    money,
    number,
)

# Rules in the chart: as many bars as a page has room for.
CHART_RULES = 12
# Letters of a word before it may be broken, so that no value leaves its column.
_LONGEST_WORD = 18
_MAY_BREAK = "\u200b"
# Where paper is Letter and not A4.
# Source: Unicode CLDR, supplementalData, measurementData/paperSize.
_LETTER_TERRITORIES = frozenset(
    ["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"]
)
_TONES = {Verdict.REFUSED: "error", Verdict.ACCEPTED_WITH_WARNINGS: "warning", Verdict.ACCEPTED: "ok"}


def report_of(source: Source) -> dict[str, Any]:
    """Everything that the report says.

    Shape: texts, numbers as texts, and lengths as shares of one or of a hundred; see report/report.typ.
    """
    run, rules = source.run, rule_rows(source.run)
    return {
        "language": source.language[:2],
        "paper": paper_of(timezone.get_current_timezone_name()),
        "title": _("Run report"),
        "organization": plain(run.organization.name),
        "file": breakable(plain(run.file_name)),
        "verdict": _verdict(run),
        "figures": _figures(run),
        "money": _money(run),
        "origin": [_line(fact) for fact in origin_facts(run)[1:]],
        "reading": [_line(fact) for fact in reading_facts(run)],
        **_charts(source, rules),
        "groups": list(_groups(source, rules)),
        "idle": [[title_of(rule["code"], source.language), rule["why"]] for rule in pages.idle_rules(run)],
        "columns": [_column(column) for column in pages.columns(run, source.veil)],
        "labels": _labels(run),
        "footer": _footer(run),
        "page": _("Page"),
    }


def paper_of(zone: str) -> str:
    """The paper that lies in the printers of that time zone."""
    name = get_global("zone_aliases").get(zone, zone)
    territory = get_global("zone_territories").get(name, "")
    return "us-letter" if territory in _LETTER_TERRITORIES else "a4"


def breakable(text: str) -> str:
    """The text with places at which long words may be broken."""
    return " ".join(_broken(word) for word in text.split(" "))


def _broken(word: str) -> str:
    cuts = [*range(0, len(word), _LONGEST_WORD), len(word)]
    return _MAY_BREAK.join(word[start:end] for start, end in pairwise(cuts))


def _verdict(run: ValidationRun) -> dict[str, str]:
    not_checked = run.summary.get("rows_not_checked", 0)
    checked = ngettext("%(count)s row checked", "%(count)s rows checked", run.summary.get("rows", 0)) % {
        "count": number(run.summary.get("rows", 0))
    }
    rest = _("%(count)s not fully checked") % {"count": number(not_checked)}
    tone = _TONES[Verdict(run.verdict)] if run.verdict else "plain"
    detail = f"{checked}, {rest}" if not_checked else checked
    return {"text": str(run.get_verdict_display()), "tone": tone, "detail": detail}


def _figures(run: ValidationRun) -> list[dict[str, str]]:
    rules = pages.rule_counts(run)
    figures = [
        _figure(
            _("Errors"),
            number(run.error_count),
            "error" if run.error_count else "",
            _in_rules(rules["error"]),
        ),
        _figure(
            _("Warnings"),
            number(run.warning_count),
            "warning" if run.warning_count else "",
            _in_rules(rules["warning"]),
        ),
        _figure(
            _("Remarks"), number(run.info_count), "info" if run.info_count else "", _in_rules(rules["info"])
        ),
    ]
    if run.amount_total_cents is not None:
        at_stake = run.amount_at_stake_cents or 0
        lines = counted_lines(run.summary.get("rows_with_errors", 0))
        figures = [
            _figure(_("Amount accepted"), money(amount_accepted_cents(run)), "ok", ""),
            _figure(
                _("Amount at stake"), money(at_stake), "error" if at_stake else "", lines if at_stake else ""
            ),
            *figures,
        ]
    return figures


def _in_rules(count: int) -> str:
    return (
        ngettext("in %(count)s rule", "in %(count)s rules", count) % {"count": number(count)} if count else ""
    )


def _figure(label: str, value: str, tone: str, note: str) -> dict[str, str]:
    return {"label": label, "value": value, "tone": tone or "plain", "note": note}


def _money(run: ValidationRun) -> dict[str, Any] | None:
    """The bar of amounts; None where the file has none."""
    total = run.amount_total_cents
    if not total or total < 0:
        return None
    share = max(0.0, min(100.0, amount_accepted_cents(run) * 100 / total))
    text = _("Accepted of %(total)s") % {"total": money(total)}
    return {"share": round(share, 1), "text": text}


def _line(fact: Fact) -> list[str]:
    shown = money(int(fact.value)) if fact.kind == "money" and isinstance(fact.value, int) else ""
    counted = number(fact.value) if fact.kind == "count" and isinstance(fact.value, int) else ""
    return [fact.label, shown or counted or breakable(plain(fact.value))]


def _charts(source: Source, rules: tuple[RuleRow, ...]) -> dict[str, Any]:
    shown = sorted(rules, key=lambda rule: -rule.count)[:CHART_RULES]
    most = max((rule.count for rule in shown), default=1)
    more = len(rules) - len(shown)
    return {
        "rules": [
            {
                "title": title_of(rule.code, source.language),
                "count": number(rule.count),
                "share": round(max(rule.count * 100 / most, 1), 1),
                "tone": rule.severity,
            }
            for rule in shown
        ],
        "rules_more": ngettext("and %(count)d more rule", "and %(count)d more rules", more) % {"count": more}
        if more
        else "",
        "buckets": _buckets(rules),
        "legend": [
            {"text": f"{label} {number(count)}", "tone": severity}
            for severity, label, count in pages.overview(source.run).totals
            if count
        ],
    }


def _buckets(rules: tuple[RuleRow, ...]) -> list[list[dict[str, Any]]]:
    """The findings over the length of the file: parts of bars by severity, the remarks on top."""
    length = max((len(rule.histogram) for rule in rules), default=0)
    counts = [dict.fromkeys(pages.SEVERITIES, 0) for _index in range(length)]
    for rule in rules:
        for index, count in enumerate(rule.histogram):
            counts[index][rule.severity] += count
    most = max((sum(bucket.values()) for bucket in counts), default=0) or 1
    return [
        [
            {"tone": severity, "height": round(max(bucket[severity] / most, 0.02), 4)}
            for severity in reversed(pages.SEVERITIES)
            if bucket[severity]
        ]
        for bucket in counts
    ]


def _groups(source: Source, rules: tuple[RuleRow, ...]) -> Iterator[dict[str, Any]]:
    headings = {"error": _("Errors to fix"), "warning": _("Warnings to look at"), "info": _("Remarks")}
    found = {
        (row["code"], row["severity"]): row.get("examples", [])
        for row in source.veil.over_summary(source.run.summary).get("by_code", [])
    }
    for severity in pages.SEVERITIES:
        chosen = [rule for rule in rules if rule.severity == severity]
        if chosen:
            shown = [_rule(source, rule, found.get(rule.key, [])) for rule in chosen]
            yield {"heading": headings[severity], "rules": shown}


def _rule(source: Source, rule: RuleRow, examples: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": title_of(rule.code, source.language),
        "code": rule.code,
        "tone": rule.severity,
        "severity": str(Severity(rule.severity).label),
        "counted": _counted(rule),
        "explanation": code_explanation(rule.code),
        "fix": code_fix(rule.code),
        "examples": [_example(source, rule.code, example) for example in examples],
        "rest": _rest(rule.count, len(examples)),
    }


def _counted(rule: RuleRow) -> str:
    parts = [counted_findings(rule.count)]
    if rule.lines:
        parts.append(counted_lines(rule.lines))
    if rule.amount_cents:
        parts.append(_("%(amount)s at stake") % {"amount": money(rule.amount_cents)})
    return " · ".join(parts)


def _rest(count: int, shown: int) -> str:
    """What is not on paper, and where it is."""
    if count <= shown:
        return ""
    return _("%(shown)s of %(count)s shown; all of them are in the findings that can be downloaded.") % {
        "shown": number(shown),
        "count": number(count),
    }


def _example(source: Source, code: str, example: dict[str, Any]) -> dict[str, str]:
    index = example.get("column_index")
    labels = [
        str(column.get("label", ""))
        for column in source.veil.over_reading(source.run.reading).get("columns", [])
    ]
    label = labels[index] if index is not None and index < len(labels) else ""
    finding = Finding(code=code, params=example.get("params") or {})
    finding.is_veiled = bool(example.get("is_veiled"))
    return {
        "line": number(example.get("line")),
        "column": "" if index is None else breakable(f"{letter(index)} {plain(label)}"[:40].strip()),
        "value": breakable(plain(example.get("value") or "")),
        "message": breakable(message_of(finding, source.language)),
        "suggestion": breakable(plain(example.get("suggestion") or "")),
    }


def _column(column: dict[str, str]) -> list[str]:
    return [
        column["letter"],
        breakable(plain(column["label"])) or "–",
        breakable(column["title"]) or "–",
        column["how"],
    ]


def _labels(run: ValidationRun) -> dict[str, Any]:
    return {
        "reading": _("How the file was read"),
        "by_rule": _("Findings by rule"),
        "where": _("Where in the file"),
        "first_row": _("row 1"),
        "last_row": number(run.summary.get("rows", 0)),
        "nothing": _("Every row passed every check. The file is ready to be sent."),
        "example": [_("Line"), _("Column"), _("Value"), _("What is wrong")],
        "suggestion": _("Fix:"),
        "fix": _("What to do."),
        "idle": _("What could not be checked"),
        "columns": _("Columns"),
        "column": [pgettext("of a spreadsheet column", "Letter"), _("Column"), _("Read as"), _("Match")],
    }


def _footer(run: ValidationRun) -> str:
    made_at = timezone.localtime().strftime("%Y-%m-%d %H:%M")
    told = {"run": str(run.pk)[:8], "at": made_at}
    return _("Run %(run)s · made on %(at)s · may hold values of patients") % told
