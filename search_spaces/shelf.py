"""A shelf: the alternatives of one kind, one file each, found by their file names.

A file ``mixers/attention.py`` that binds ``MIXER`` is the mixer called ``attention``; there is no
registry to edit. Listing a shelf imports nothing; taking an alternative imports its file and no
other. Somebody else's alternative is taken by ``module:NAME``.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

from typing_extensions import override

from search_spaces.errors import UnknownNameError

T = TypeVar("T")


class Shelf(Mapping[str, T], Generic[T]):
    """The alternatives in one package, by name.

    Args:
        package: The package whose files are the alternatives, normally ``__name__``.
        binds: The name that each file binds, for example ``"MIXER"``.
        kind: What an alternative is called in messages, for example ``"mixer"``.
    """

    def __init__(self, package: str, binds: str, kind: str) -> None:
        self.package: Final = package
        self.binds: Final = binds
        self.kind: Final = kind
        self._taken: dict[str, T] = {}

    @override
    def __getitem__(self, name: str) -> T:
        """Return the alternative called `name`, or the one bound at ``module:NAME``.

        Raises:
            UnknownNameError: if there is none; offers the nearest name.
        """
        if name not in self._taken:
            self._taken[name] = self._foreign(name) if ":" in name else self._own(name)
        return self._taken[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    @override
    def __len__(self) -> int:
        return len(self._names())

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def _names(self) -> list[str]:
        folders = [str(Path(p)) for p in importlib.import_module(self.package).__path__]
        return sorted(m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_"))

    def _own(self, name: str) -> T:
        if name not in self._names():
            raise UnknownNameError.of(self.kind, name, self._names())
        return cast("T", getattr(importlib.import_module(f"{self.package}.{name}"), self.binds))

    def _foreign(self, name: str) -> T:
        module_name, _, attribute = name.partition(":")
        try:
            found: Any = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise UnknownNameError(
                f"Cannot take the {self.kind} '{name}': {error}. "
                f"Expected module:NAME with a module that Python can import."
            ) from error
        return cast("T", found)
