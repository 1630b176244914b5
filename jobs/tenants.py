"""Names for the tenants that jobs carry as mere numbers; the app that knows them registers its directory here."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol


class Directory(Protocol):
    """What knows the tenants by name."""

    def names(self, ids: Collection[int]) -> Mapping[int, str]:
        """The names of those of the tenants that exist."""
        ...

    def find(self, text: str) -> Sequence[int]:
        """The tenants that a person may mean by this text, the best first, at most a hundred."""
        ...

    def choices(self, limit: int) -> Sequence[tuple[int, str]]:
        """Number and name of the tenants, by name, at most so many."""
        ...


class _Numbers:
    """The directory of a project without names: a tenant is its number."""

    def names(self, ids: Collection[int]) -> Mapping[int, str]:
        return {number: str(number) for number in ids}

    def find(self, text: str) -> Sequence[int]:
        return [int(text)] if text.isascii() and text.isdecimal() and len(text) < 19 else []

    def choices(self, limit: int) -> Sequence[tuple[int, str]]:
        return []


_directory: Directory = _Numbers()


def use(directory: Directory) -> None:
    """Ask this directory from now on; called once, when the app that knows the tenants is ready."""
    global _directory  # noqa: PLW0603 -- one project has one directory
    _directory = directory


def names(ids: Collection[int | None]) -> dict[int, str]:
    """The name of each tenant; its number where the directory knows none."""
    wanted = {number for number in ids if number is not None}
    known = _directory.names(wanted) if wanted else {}
    return {number: known.get(number) or str(number) for number in wanted}


def name_of(number: int | None) -> str:
    """The name of one tenant, or its number; empty for a job of none."""
    return "" if number is None else names([number])[number]


def find(text: str) -> list[int]:
    """The tenants that a person may mean by this text: by the number of one that exists, or by a part of the name."""
    by_number = list(_directory.names(_Numbers().find(text)))
    return list(dict.fromkeys([*by_number, *_directory.find(text)]))


def choices(limit: int = 500) -> list[tuple[int, str]]:
    """Number and name of the tenants to choose from; a longer list is slower to read than to search."""
    return list(_directory.choices(limit))
