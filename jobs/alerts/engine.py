"""Sightings into alerts: pending, raised, well again, resolved. Called by the leading dispatcher every ten seconds.

Each change is one conditional update, so that two leaders by accident tell nothing twice. What a look sees once
and not again leaves no trace.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from jobs.alerts.rules import RULES, CannotTellError, Rule, Scene, Sighting
from jobs.models import Alert
from jobs.signals import alert_changed

logger = logging.getLogger(__name__)

# Whoever has not acknowledged an alert is told again after this long.
REMIND_AFTER = timedelta(hours=6)


class Change(models.TextChoices):
    """What `alert_changed` says of an alert."""

    RAISED = "raised"
    REMINDED = "reminded"
    RESOLVED = "resolved"


def evaluate() -> int:
    """The number of alerts that were raised or resolved now, or that people were reminded of.

    Raises: DatabaseError when the database is away: then the dispatcher's log and the metrics say so.
    """
    scene = Scene()
    standing: dict[str, dict[str, Alert]] = {}
    for alert in Alert.objects.filter(resolved_at=None):
        standing.setdefault(alert.kind, {})[alert.subject] = alert
    return sum(_judge(rule, scene, standing.get(rule.kind, {})) for rule in RULES)


def acknowledge(*, alert: Alert, by: AbstractBaseUser | None) -> bool:
    """Whether the open alert is now known to be in somebody's hands, so that nobody is reminded of it."""
    rows = Alert.objects.standing().filter(pk=alert.pk, acknowledged_at=None)
    return bool(rows.update(acknowledged_at=Now(), acknowledged_by=by))


def _judge(rule: Rule, scene: Scene, standing: Mapping[str, Alert]) -> int:
    try:
        seen = {sighting.subject: sighting for sighting in rule.look(scene)}
    except CannotTellError:
        return 0
    changes = sum(_on_seen(rule, scene, standing.get(name), it) for name, it in seen.items())
    return changes + sum(_on_well(rule, scene, alert) for name, alert in standing.items() if name not in seen)


def _on_seen(rule: Rule, scene: Scene, alert: Alert | None, sighting: Sighting) -> bool:
    """Whether what is wrong has lasted long enough to be raised, or to be told again."""
    if alert is None:
        alert = Alert(
            kind=rule.kind, subject=sighting.subject, params=sighting.params, pending_since=scene.now
        )
        # Another leader may have seen it in the same moment.
        Alert.objects.bulk_create([alert], ignore_conflicts=True)
        found = Alert.objects.filter(kind=rule.kind, subject=sighting.subject, resolved_at=None).first()
        if found is None:
            return False
        alert = found
    elif alert.params != sighting.params or alert.well_since is not None:
        Alert.objects.filter(pk=alert.pk).update(params=sighting.params, well_since=None)
    rows = Alert.objects.filter(pk=alert.pk, resolved_at=None)
    if alert.raised_at is None:
        ripe = rows.filter(raised_at=None, pending_since__lte=scene.now - rule.raise_after)
        return _change(ripe, Change.RAISED, raised_at=Now(), told_at=Now())
    old_news = Q(told_at=None) | Q(told_at__lt=scene.now - REMIND_AFTER)
    return _change(rows.filter(old_news, acknowledged_at=None), Change.REMINDED, told_at=Now())


def _on_well(rule: Rule, scene: Scene, alert: Alert) -> bool:
    """Whether what was wrong has been well long enough to be resolved; a mere blip is forgotten."""
    rows = Alert.objects.filter(pk=alert.pk, resolved_at=None)
    if alert.raised_at is None:
        rows.filter(raised_at=None).delete()
        return False
    if alert.well_since is None:
        rows.filter(well_since=None).update(well_since=scene.now)
    return _change(
        rows.filter(well_since__lte=scene.now - rule.resolve_after), Change.RESOLVED, resolved_at=Now()
    )


def _change(rows: models.QuerySet[Alert], change: Change, **values: Any) -> bool:
    """Whether the row was there to be changed; those who listen hear of it in the same transaction."""
    alert = rows.first()
    if alert is None:
        return False
    with transaction.atomic():
        if not rows.update(**values):
            return False
        alert.refresh_from_db()
        level = logging.INFO if change == Change.RESOLVED else logging.WARNING
        extra = {"action": "alert", "status": change.value}
        logger.log(level, "Alert: %s %s", alert.kind, alert.subject, extra=extra)
        alert_changed.send(sender=Alert, alert=alert, change=change)
    return True
