"""The settings pass every start-up check."""

from collections.abc import Iterator

from django.core.checks import run_checks

from config.checks import is_public
from jobs.doctor import Examination, Finding, Level, check, ok


@check("settings")
def look_at_settings(examination: Examination) -> Iterator[Finding]:
    """What `manage.py check` says; with --deploy for a site that others can reach."""
    found = [
        message for message in run_checks(include_deployment_checks=is_public()) if not message.is_silenced()
    ]
    for message in found:
        level = Level.ERROR if message.is_serious() else Level.WARNING
        why = "The site refuses to start." if level == Level.ERROR else "It is advised against."
        yield Finding(level, f"{message.id}: {message.msg}", why, message.hint or "See docs/operations.md.")
    if not found:
        yield ok("Every start-up check passes")
