"""Rules that staff wrote: which ones a run is checked by, what they say, and switching them on and off."""

import time
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from validations.engine import texts
from validations.engine.ownrules import OwnRule
from validations.engine.texts import OWN_PREFIX, CodeTexts, Text
from validations.models import StaffRule, ValidationRun

# One run is checked by no more own rules than this: each starts a process.
MOST_RULES = 50
# How long a process may show the texts of a version that is no longer the newest.
REMEMBERED_SECONDS = 5


def rules_for(run: ValidationRun) -> list[StaffRule]:
    """The own rules that are on for the run's organization and profile."""
    rules = StaffRule.objects.filter(is_on=True, profile_name=run.profile.name)
    return list(
        rules.filter(Q(organization=None) | Q(organization_id=run.organization_id)).order_by("name")[
            :MOST_RULES
        ]
    )


def as_engine_rule(rule: StaffRule) -> OwnRule:
    """The rule as the engine runs it."""
    return OwnRule(rule.code, rule.severity, Text(rule.title_en, rule.title_fr), rule.sql, rule.version)


def next_version(rule: StaffRule) -> int:
    """The number after the newest version of the rule's name."""
    newest = StaffRule.objects.filter(name=rule.name).order_by("-version").values_list("version", flat=True)
    return (newest.first() or 0) + 1


def note_trial(rule: StaffRule, trial: dict[str, Any]) -> None:
    """Keep what the rule would have found, without any cell."""
    rule.trial = trial
    rule.tried_at = timezone.now()
    rule.save(update_fields=["trial", "tried_at"])


def can_switch_on(rule: StaffRule) -> bool:
    """Whether this very version was tried on a past run and could be run."""
    return not rule.is_on and rule.tried_at is not None and not rule.trial.get("error")


def switch_on(rule: StaffRule) -> bool:
    """Whether the rule is checked by from now on, in place of any other version of it."""
    if not can_switch_on(rule):
        return False
    with transaction.atomic():
        StaffRule.objects.filter(name=rule.name, is_on=True).update(is_on=False)
        return bool(StaffRule.objects.filter(pk=rule.pk).update(is_on=True))


def switch_off(rule: StaffRule) -> bool:
    """Whether the rule was on; runs that are under way keep it."""
    return bool(StaffRule.objects.filter(pk=rule.pk, is_on=True).update(is_on=False))


def texts_of(code: str, version: int | None) -> CodeTexts | None:
    """What a rule of staff says, in a version or (None) the newest; None where there is no such rule."""
    if not code.startswith(OWN_PREFIX):
        return None
    return _texts(code, version, int(time.monotonic() // REMEMBERED_SECONDS))


# A page of findings, and an export of a million, ask for the same texts again and again.
@lru_cache(maxsize=256)
def _texts(code: str, version: int | None, moment: int) -> CodeTexts | None:
    rules = StaffRule.objects.filter(name=code.removeprefix(OWN_PREFIX)).order_by("-version")
    rule = (rules.filter(version=version).first() if version else None) or rules.first()
    if rule is None:
        return None
    return CodeTexts(
        code=code,
        severity=rule.severity,
        title=Text(rule.title_en, rule.title_fr),
        message=Text(rule.message_en, rule.message_fr),
        explanation=Text(rule.explanation_en, rule.explanation_fr),
        fix=Text(rule.fix_en, rule.fix_fr),
    )


@receiver(post_save, sender=StaffRule)
def forget_texts(**kwargs: Any) -> None:
    """What this process remembers of texts may be of an older version now."""
    _texts.cache_clear()


texts.resolve_with(texts_of)
