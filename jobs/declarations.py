"""What is known of a task before it ever runs: its function and its policy, checked when it is declared."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from jobs.errors import ArgumentsError
from jobs.registry import Registry, UnknownNameError
from jobs.retries import Backoff

# Arguments are ids and settings; what is larger belongs into a row of its own.
LARGEST_ARGUMENTS_BYTES = 64 * 1024

WithoutRedis = Literal["hold", "run"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One task: the function, and how its jobs are run."""

    name: str
    function: Callable[..., dict[str, Any] | None]
    queue: str
    timeout_seconds: int
    attempts: int
    backoff: Backoff
    priority: int
    # "hold": a job stays a row until Redis is back. "run": it runs at once in the caller, after the commit.
    without_redis: WithoutRedis
    # Former names, under which rows may still wait.
    aliases: tuple[str, ...]

    @property
    def description(self) -> str:
        """The first line of the function's docstring, which operators are shown."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Pass arguments that fit the function and survive JSON unchanged.

        Raises: ArgumentsError for any other.
        """
        try:
            _signature(self.function).bind(None, **arguments)
        except TypeError as error:
            # The interpreter's text names parameters, never values.
            raise ArgumentsError(f"{self.name}: {error}") from None
        try:
            text = json.dumps(arguments, allow_nan=False)
            unchanged = json.loads(text) == arguments
        except (TypeError, ValueError):
            unchanged, text = False, ""
        if not unchanged:
            raise ArgumentsError(f"{self.name}: the arguments are not plain JSON values")
        if len(text) > LARGEST_ARGUMENTS_BYTES:
            raise ArgumentsError(
                f"{self.name}: the arguments are longer than {LARGEST_ARGUMENTS_BYTES} bytes"
            )


# Working it out takes longer than all the rest of an enqueue but the database.
_signature = lru_cache(maxsize=None)(inspect.signature)


# Every declared task by its name, and by each of its former names.
TASKS: Registry[Declaration] = Registry("task")


def declared(name: str) -> Declaration | None:
    """The task of that name or former name, if this deployment knows it."""
    try:
        return TASKS[name]
    except UnknownNameError:
        return None
