"""How well the platform is right now, in one word and in sentences: what alerts look at, without their patience."""

from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

from jobs.alerts.rules import RULES, CannotTellError, Scene
from jobs.alerts.words import advice, headline
from jobs.census import Census
from jobs.models import AlertKind
from jobs.redis_state import RedisState

OK, DEGRADED, DOWN = "ok", "degraded", "down"
# While one of these stands, jobs run late or not at all. The others are a worry, and the platform works.
_HINDRANCES = frozenset(
    {
        AlertKind.NO_WORKER,
        AlertKind.TOO_OLD,
        AlertKind.STUCK,
        AlertKind.REDIS_AWAY,
        AlertKind.DATABASE_SLOW,
        AlertKind.NO_LEADER,
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong now."""

    kind: AlertKind
    subject: str = ""
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is wrong, in the reader's language."""
        return headline(self.kind, self.subject, self.params)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.kind)


@dataclass(frozen=True, slots=True)
class Health:
    """The platform at one moment; without a database nothing else is known."""

    status: str
    problems: list[Problem]
    census: Census | None
    redis: RedisState | None

    def count(self, kind: AlertKind) -> int:
        """How many problems there are of one kind."""
        return sum(problem.kind == kind for problem in self.problems)


def look() -> Health:
    """The health now; never raises for an absent database or Redis."""
    scene = Scene()
    try:
        problems = list(_problems(scene))
    except DatabaseError:
        return Health(DOWN, [], None, None)
    return Health(_status(scene, problems), problems, scene.census, scene.redis)


def _problems(scene: Scene) -> list[Problem]:
    found: list[Problem] = []
    for rule in RULES:
        try:
            found += [Problem(rule.kind, seen.subject, seen.params) for seen in rule.look(scene)]
        except CannotTellError:
            continue
    if scene.census.leader is None:
        found.append(Problem(AlertKind.NO_LEADER))
    return found


def _status(scene: Scene, problems: list[Problem]) -> str:
    if not scene.census.workers:
        return DOWN
    return DEGRADED if any(problem.kind in _HINDRANCES for problem in problems) else OK
