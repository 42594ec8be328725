"""Gathers functions of this project, with all they need of it, into one file that needs nothing of it."""

import ast
import importlib.util
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from nas.exports.codegen.definitions import Definition, ExtractedClass, Import
from nas.exports.codegen.extract import definitions_in, imports_in
from nas.exports.codegen.merge import import_lines, merge
from nas.exports.codegen.names_used import closure, names_in
from search_spaces.errors import ExportError

_OURS: Final = frozenset({"nas", "dashboards", "trials", "search_spaces"})
_SHAPED: Final = re.compile(r'\w+\[((?:np\.|pa\.)?\w+), "[^"\n]*"\]')  # Int64[np.ndarray, " n"]


def standalone(module: str, names: frozenset[str], about: str) -> str:
    """Return the source of a file that defines some functions of a module as they are here.

    Args:
        module: Name of the module, for example ``trials.images.decoding``.
        names: Functions, classes or constants that the file is for.
        about: Docstring of the file.

    Raises:
        ExportError: if two modules use one name for different things.
    """
    found = _parts(module, names)
    shared = frozenset(str(i.name) for part in found for i in part.imports if _is_ours(i))
    parts = [_without_ours(part) for part in found]
    _check_names(parts, shared)
    definitions, _ = merge(parts)
    imports = [i for part in parts for i in part.imports]
    return "\n".join([f'"""{about}"""', "", *import_lines(imports), "", *definitions])


def plain(text: str) -> str:
    """Return a definition without annotations of shapes."""
    return _SHAPED.sub(r"\1", text).replace(": Final =", " =")


def _parts(module: str, names: frozenset[str]) -> list[ExtractedClass]:
    """Return what is needed of each module, those that others need first."""
    needed: dict[str, set[str]] = defaultdict(set)
    waiting = [(module, name) for name in sorted(names)]
    while waiting:
        found, name = waiting.pop()
        if name not in needed[found]:
            part = _part(found, frozenset({name}))
            needed[found] |= {name} | {d.name for d in part.definitions}
            waiting += [(i.module, i.name) for i in part.imports if _is_ours(i) and i.name]
    parts = {found: _part(found, frozenset(own)) for found, own in needed.items()}
    return [parts[found] for found in _ordered(module, parts, [])]


def _ordered(module: str, parts: dict[str, ExtractedClass], before: list[str]) -> list[str]:
    """Return modules in an order in which each follows those that it needs."""
    if module not in before:
        for other in [i.module for i in parts[module].imports if _is_ours(i)]:
            before = _ordered(other, parts, before)
        before = [*before, module]
    return before


def _part(module: str, names: frozenset[str]) -> ExtractedClass:
    """Return some definitions of a module, with those of the same module that they need."""
    text = _text(module)
    found = [_plain(d) for d in definitions_in(text)]
    uses = {d.name: d.uses for d in found}
    kept = frozenset[str]().union(*(closure(name, uses) for name in names if name in uses))
    definitions = tuple(d for d in found if d.name in kept)
    used = frozenset[str]().union(*(d.uses for d in definitions))
    imports = tuple(i for i in imports_in(ast.parse(text)) if i.bound in used)
    return ExtractedClass(name="", about="", imports=imports, definitions=definitions)


def _plain(definition: Definition) -> Definition:
    text = plain(definition.text)
    return Definition(name=definition.name, text=text, uses=names_in(text))


def _text(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _is_ours(found: Import) -> bool:
    return found.module.split(".")[0] in _OURS


def _without_ours(part: ExtractedClass) -> ExtractedClass:
    kept = tuple(i for i in part.imports if not _is_ours(i))
    return ExtractedClass(name="", about="", imports=kept, definitions=part.definitions)


def _check_names(parts: list[ExtractedClass], shared: frozenset[str]) -> None:
    """Check that no name which other modules import is defined in two of them: one would get another name."""
    defined = [d.name for part in parts for d in part.definitions]
    twice = sorted(name for name in shared if defined.count(name) > 1)
    if twice:
        raise ExportError(
            f"Cannot write one file: '{twice[0]}' is defined in two modules. Give it two names."
        )
