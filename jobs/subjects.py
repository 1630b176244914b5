"""What jobs work on: apps say for their tasks which rows those are, so that the page of a job can lead there."""

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Model

from jobs.declarations import declared
from jobs.models import Job

# Rows of the app that the job works on; an empty answer where they are gone.
Finder = Callable[[Job], Iterable[Model]]

_finders: dict[str, list[Finder]] = {}


def works_on(task: str) -> Callable[[Finder], Finder]:
    """A decorator for the function that finds the rows on which jobs of this task work."""

    def registered(finder: Finder) -> Finder:
        _finders.setdefault(task, []).append(finder)
        return finder

    return registered


def subjects_of(job: Job) -> Iterator[Model]:
    """The rows that the job works on; arguments that no longer fit give none."""
    declaration = declared(job.task)
    for finder in _finders.get(declaration.name if declaration else job.task, ()):
        try:
            yield from finder(job)
        except (KeyError, ValueError, TypeError, LookupError):
            continue
