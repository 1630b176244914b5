"""Every rule of a profile in words: what it demands, why, an example, and how to fix what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from organizations.models import Organization
from validations.engine import texts
from validations.engine.examples import EXAMPLES
from validations.engine.profile import Profile as EngineProfile
from validations.engine.rules import OFF, Rule, all_rules
from validations.models import Profile, Severity, StaffRule, ValidationRun
from validations.sentences import reader_language


@dataclass(frozen=True, slots=True)
class Setting:
    """One number or list that a rule goes by, as it stands in the profile."""

    title: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule as the page shows it; `severity` is "off" where the profile switched it off."""

    code: str
    title: str
    severity: str
    severity_label: str
    explanation: str
    fix: str
    wrong: str = ""
    right: str = ""
    settings: tuple[Setting, ...] = ()


def rule_address(organization: Organization, profile_name: str, code: str) -> str:
    """Where a rule is explained, in the profile by which it was checked."""
    page = reverse("validations:rules", args=[organization.slug])
    return f"{page}?{urlencode({'profile': profile_name})}#{code}"


def address_for_run(run: ValidationRun, code: str) -> str:
    """Where a rule of a run is explained."""
    return rule_address(run.organization, run.profile.name, code)


def chapters(organization: Organization, profile: Profile) -> list[tuple[str, list[Entry]]]:
    """All rules of the profile under their headings: of the organization, of billing, of the table."""
    engine = EngineProfile.from_descriptor(profile.descriptor)
    rules = all_rules()
    own = [_own(rule) for rule in _own_rules(organization, profile)]
    billing = [_entry(code, engine, rules.get(code)) for code in texts.known_codes() if code in rules]
    table = [_entry(code, engine, None) for code in texts.known_codes() if code not in rules]
    found = [
        (_("Rules of your organization"), own),
        (_("Billing rules"), billing),
        (_("The table and its cells"), table),
    ]
    return [
        (heading, sorted(entries, key=lambda entry: entry.title)) for heading, entries in found if entries
    ]


def _own_rules(organization: Organization, profile: Profile) -> list[StaffRule]:
    rules = StaffRule.objects.filter(is_on=True, profile_name=profile.name)
    return list(rules.filter(Q(organization=None) | Q(organization=organization)))


def _own(rule: StaffRule) -> Entry:
    is_french = reader_language().startswith("fr")
    return Entry(
        code=rule.code,
        title=rule.title,
        severity=rule.severity,
        severity_label=str(Severity(rule.severity).label),
        explanation=rule.explanation_fr if is_french else rule.explanation_en,
        fix=rule.fix_fr if is_french else rule.fix_en,
    )


def _entry(code: str, profile: EngineProfile, rule: Rule | None) -> Entry:
    language = reader_language()
    told = texts.texts_of(code)
    severity = profile.setting(code).severity
    severity = severity or (OFF if rule is not None and rule.is_off_by_default else told.severity)
    example = EXAMPLES[code]
    return Entry(
        code=code,
        title=told.title.to(language),
        severity=severity,
        severity_label=_("Off") if severity == OFF else str(Severity(severity).label),
        explanation=told.explanation.to(language),
        fix=told.fix.to(language),
        wrong=example.wrong.to(language),
        right=example.right.to(language),
        settings=_settings(rule, profile.setting(code).params),
    )


def _settings(rule: Rule | None, given: Mapping[str, Any]) -> tuple[Setting, ...]:
    """What the rule goes by; severities are no numbers."""
    if rule is None:
        return ()
    language = reader_language()
    return tuple(
        Setting(
            title=parameter.title.to(language),
            value=_shown(given.get(parameter.name, parameter.default), is_money=parameter.unit == "cents"),
            source=_source(given.get(parameter.name), parameter.source),
        )
        for parameter in rule.parameters
        if parameter.unit != "severity"
    )


def _shown(value: Any, *, is_money: bool) -> str:
    """A value as it reads; a number that changes in time with its days."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return "; ".join(
            f"{_number(period['value'], is_money=is_money)} ({period.get('from', '…')} – {period.get('to', '…')})"
            for period in value
        )
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return _number(value, is_money=is_money) if isinstance(value, int) else str(value)


def _number(value: int, *, is_money: bool) -> str:
    return texts.format_money(value, reader_language()) if is_money else str(value)


def _source(given: Any, shipped: str) -> str:
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return ", ".join(sorted({period["source"] for period in given if period.get("source")}))
    return "" if given is not None else shipped
