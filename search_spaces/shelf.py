"""`Shelf`: a registry by file name, extended by entry points of other packages and by ``module:NAME``.

A file ``mixers/attention.py`` that binds ``MIXER`` is the mixer called ``attention``; there is no list to
edit. An installed package adds an alternative by an entry point whose group is the name of our package:

    [project.entry-points."search_spaces.mixers"]
    shift = "their_package.shift:MIXER"

A file of ours wins over an entry point of the same name. Anything that Python can import is taken by
``module:NAME``, and so is a module in the working folder whose name no other has. Listing a registry imports
nothing; taking an alternative imports its module and no other.
"""

import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Generic, TypeVar, cast

from typing_extensions import get_protocol_members, is_protocol, override

from search_spaces.errors import UnknownNameError

T = TypeVar("T")

_EDITION: Final = re.compile(r"(.+)_\d+")
_EXPECTED: Final = "Expected module:NAME with a module that Python can import, or one in the working folder."


class Shelf(Mapping[str, T], Generic[T]):
    """The alternatives in one package and its group of entry points, by name.

    Args:
        package: The package whose files are the alternatives, normally ``__name__``; also the group of the
            entry points.
        binds: The name that each file binds, for example ``"MIXER"``.
        kind: What an alternative is called in messages, for example ``"mixer"``.
        contract: A runtime-checkable protocol or class that alternatives from elsewhere have to satisfy;
            None for no check.
    """

    def __init__(self, package: str, binds: str, kind: str, contract: type | None = None) -> None:
        self.package: Final = package
        self.binds: Final = binds
        self.kind: Final = kind
        self.contract: Final = contract
        self._loaded: dict[str, T] = {}

    @override
    def __getitem__(self, name: str) -> T:
        """Return the alternative called `name`, or the one bound at ``module:NAME``.

        Raises:
            UnknownNameError: if there is none, offering the nearest name; if it cannot be imported, or two
                packages offer one of that name.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    @override
    def __len__(self) -> int:
        return len(self._names())

    @override
    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def owns(self, name: str) -> bool:
        """Return whether the alternative is a file of ours."""
        return name in self._files()

    def _names(self) -> list[str]:
        return sorted({*self._files(), *(point.name for point in self._entry_points())})

    def _files(self) -> list[str]:
        spec = importlib.util.find_spec(self.package)  # the package itself may import torch
        folders = [str(Path(p)) for p in (spec.submodule_search_locations if spec else None) or ()]
        return [m.name for m in pkgutil.iter_modules(folders) if not m.name.startswith("_")]

    def _entry_points(self) -> EntryPoints:
        return _installed().select(group=self.package)

    def _load(self, name: str) -> T:
        if ":" in name:
            return self._foreign(
                name,
                name,
                "Expected module:NAME with a module that Python can import, or one in the working folder.",
            )
        if self.owns(name):
            return cast("T", getattr(importlib.import_module(f"{self.package}.{name}"), self.binds))
        points = list(self._entry_points().select(name=name))
        if not points:
            raise UnknownNameError.of(self.kind, name, self._names())
        if len(points) > 1:
            raise UnknownNameError(
                f"Cannot take the {self.kind} '{name}': {' and '.join(map(_origin, points))} both offer one. "
                f"Expected one of them; uninstall the other or write module:NAME."
            )
        hint = f"It is an entry point of {_origin(points[0])}; repair or uninstall that."
        return self._foreign(name, points[0].value, hint)

    def _foreign(self, name: str, place: str, hint: str) -> T:
        """Return what is bound at `place`, ``module:NAME``, checked against the contract."""
        module_name, _, attribute = place.partition(":")
        try:
            found: object = getattr(_imported(module_name), attribute)
        except (Exception, SystemExit) as error:  # the module may raise whatever it likes
            reason = (
                str(error) if isinstance(error, ImportError | AttributeError | ValueError) else repr(error)
            )
            raise UnknownNameError(f"Cannot take the {self.kind} '{name}': {reason}. {hint}") from error
        if self.contract is not None and not isinstance(found, self.contract):
            raise UnknownNameError(
                f"Cannot take the {self.kind} '{name}': expected {_described(self.contract, found)}. {hint}"
            )
        return cast("T", found)


def without_editions(names: Collection[str]) -> tuple[str, ...]:
    """Return names without those of earlier editions: ``NAME_1`` and so on, where ``NAME`` is one of them."""
    editions = {name: _EDITION.fullmatch(name) for name in names}
    return tuple(name for name, found in editions.items() if found is None or found[1] not in editions)


def _imported(name: str) -> ModuleType:
    """Return a module; one in the working folder only where no other has its name.

    The working folder comes last in `sys.path`, and only once it is needed: what lies there by chance
    hides no package, nor is it taken for one that a library would use if it were installed.
    """
    top = name.partition(".")[0]
    here = Path.cwd()
    own = (here / f"{top}.py").exists() or (here / top).is_dir()
    if top and own and top not in sys.modules and importlib.util.find_spec(top) is None:
        sys.path.append(str(here))
    return importlib.import_module(name)


@cache
def _installed() -> Any:  # its type has another name in each version of Python; all have `select`
    """Return the entry points of all installed packages; reading them takes tens of milliseconds."""
    return entry_points()


def _described(contract: type, found: object) -> str:
    """Return in words what `found` should be, with the members that it lacks."""
    members = sorted(get_protocol_members(contract)) if is_protocol(contract) else []
    lacks = ", ".join(member for member in members if not hasattr(found, member))
    return f"{contract.__name__}{lacks and f' with {lacks}'}, as {contract.__module__} describes it"


def _origin(point: EntryPoint) -> str:
    package = "a package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
    return f"{package} ({point.value})"
