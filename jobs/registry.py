"""Names to objects: the one way in which an extension (task, rule, channel) makes itself known.

An extension is a module in a known package, or a decorated function in a known module. Importing it is
enough: no list is edited. The module knows no Django, so that the checking engine may use it too.
"""

import importlib
import logging
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class DuplicateNameError(Exception):
    """Two extensions of one kind claim the same name."""


class UnknownNameError(KeyError):
    """No extension of this kind has that name."""


class Registry(Mapping[str, T], Generic[T]):
    """All extensions of one kind, by name, in the order in which they were registered."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.broken: dict[str, str] = {}
        self._entries: dict[str, T] = {}

    def register(self, name: str, entry: T) -> T:
        """The entry itself, now known under its name.

        Raises: DuplicateNameError when another entry already has the name.
        """
        if self._entries.get(name, entry) is not entry:
            raise DuplicateNameError(f"two {self.kind}s are named {name!r}")
        self._entries[name] = entry
        return entry

    def discover(self, package_name: str) -> None:
        """Import every module of a package, so that its extensions register themselves.

        A module that cannot be imported is noted in `broken` and logged; the others still load.
        """
        package = importlib.import_module(package_name)
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{package_name}."):
            try:
                importlib.import_module(module.name)
            except Exception as error:
                self.broken[module.name] = f"{type(error).__name__}: {error}"
                logger.exception("%s module %s could not be loaded", self.kind, module.name)

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(f"no {self.kind} is named {name!r}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
