"""`manage.py doctor`: what is wrong with this installation, why it matters, and what to do about it.

A check is one function in a module of an app's `doctor` package; importing it is enough, no list is edited.

@check("disk")
def look_at_disk(examination: Examination) -> Iterator[Finding]:
    '''The disk has room.'''
    yield ok("12 GB are free")
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from importlib.util import find_spec

from django.apps import apps

from jobs.doctor.masking import masked
from jobs.registry import Registry


class Level(IntEnum):
    """How bad a finding is; the worst one is the command's exit status."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw."""

    level: Level
    seen: str
    # Both empty where all is well.
    why: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """What the person who calls the doctor allows."""

    # A message is sent to this address; without one the mail server is only greeted.
    send_to: str = ""


Check = Callable[[Examination], Iterator[Finding]]
CHECKS: Registry[Check] = Registry("check")


def check(name: str) -> Callable[[Check], Check]:
    """A decorator that makes a function a check of that name."""
    return lambda function: CHECKS.register(name, function)


def ok(seen: str) -> Finding:
    """All is well here."""
    return Finding(Level.OK, seen)


def warning(seen: str, why: str, action: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(Level.WARNING, seen, why, action)


def error(seen: str, why: str, action: str) -> Finding:
    """It does not work, or loses something."""
    return Finding(Level.ERROR, seen, why, action)


def discover() -> None:
    """Import the checks of every app that has some."""
    # Reversed: what the others stand on is looked at first.
    for app in reversed(list(apps.get_app_configs())):
        if find_spec(f"{app.name}.doctor") is not None:
            CHECKS.discover(f"{app.name}.doctor")


def examine(examination: Examination, names: list[str] | None = None) -> Iterator[tuple[str, Finding]]:
    """The name of each check with each of its findings, secrets masked; a check that breaks is a finding too.

    Raises: UnknownNameError for a name that no check has.
    """
    chosen = [(name, CHECKS[name]) for name in names or CHECKS]
    for name, look in chosen:
        try:
            found = list(look(examination))
        except Exception as problem:  # noqa: BLE001 -- one broken check must not hide what the others see
            found = [
                error(
                    f"The check itself failed: {type(problem).__name__}: {problem}",
                    "What it looks at is unknown.",
                    "If the other findings do not explain it, report it.",
                )
            ]
        for finding in found:
            yield name, Finding(finding.level, masked(finding.seen), finding.why, masked(finding.action))
    for module, problem_text in CHECKS.broken.items():
        why = "Its checks were not made."
        yield module, error(f"The module cannot be loaded: {masked(problem_text)}", why, "Report it.")
