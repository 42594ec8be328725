"""Lifts the source of a module into a file of its own: the class, and of its file only what it needs.

What describes and prices a module stays behind: static methods that list layers, the attributes by which
a space chooses, and the guards against choices that cannot be made.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import nn

from search_spaces.errors import ExportError

LISTINGS: Final = frozenset({"layers", "stem_layers", "head_layers", "kind", "structural"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name: ``from module import name as bound``, or ``import module`` without a name."""

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A class, function or constant at the top of a file.

    Attributes:
        name: What it binds.
        text: Its source, with the comment lines above it.
        uses: Every name that occurs in it.
    """

    name: str
    text: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """The part of one file that a class needs.

    Attributes:
        name: Of the class.
        about: The docstring of the file, which names the paper.
        imports: What its definitions import.
        definitions: In the order of the file.
    """

    name: str
    about: str
    imports: tuple[Import, ...]
    definitions: tuple[Definition, ...]


def lift(module: type[nn.Module], without: frozenset[str] = frozenset()) -> Lifted:
    """Return what it takes to define `module` elsewhere.

    Args:
        module: A class that a file of its own defines.
        without: Members that stay behind with those that describe and price it.

    Raises:
        ExportError: if its source cannot be read, or needs more than torch and Python.
    """
    try:
        text = Path(str(sys.modules[module.__module__].__file__)).read_text(encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"Cannot export '{module.__name__}': its source cannot be read ({error}). "
            f"Define it in a file of its own."
        ) from error
    tree = ast.parse(text)
    definitions = _definitions(tree, text.splitlines(), {module.__name__: LISTINGS | without})
    needed = _closure(module.__name__, {d.name: d for d in definitions})
    uses = frozenset[str]().union(*(d.uses for d in needed))
    imports = tuple(i for i in _imports(tree) if i.bound in uses)
    for found in imports:
        root = found.module.split(".")[0]
        if root != "torch" and root not in sys.stdlib_module_names:
            raise ExportError(
                f"Cannot export '{module.__name__}': its file imports '{found.module}', expected torch and "
                f"the standard library only. Move what it needs into its file."
            )
    about = ast.get_docstring(tree) or ""
    return Lifted(name=module.__name__, about=about, imports=imports, definitions=needed)


def span(node: ast.stmt, lines: Sequence[str]) -> tuple[int, int]:
    """Return the first line of a statement, with the comments above it, and the line after its last."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(d.lineno for d in decorators)]) - 1
    while start > 0 and lines[start - 1].strip().startswith("#"):
        start -= 1
    return start, node.end_lineno or node.lineno


def names_in(text: str) -> frozenset[str]:
    """Return the names that occur in a piece of code, also those in quoted annotations."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return frozenset(found)


def _guards(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield what refuses choices on construction: an export makes none but those of its table."""
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        for child in node.body:
            if isinstance(child, ast.If) and not child.orelse and isinstance(child.body[0], ast.Raise):
                yield child


def _closure(name: str, known: dict[str, Definition]) -> tuple[Definition, ...]:
    needed, waiting = {name}, [name]
    while waiting:
        for other in known[waiting.pop()].uses & known.keys() - needed:
            needed.add(other)
            waiting.append(other)
    return tuple(definition for key, definition in known.items() if key in needed)


def _imports(tree: ast.Module) -> Iterator[Import]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                yield Import(module=alias.name, name=None, bound=bound)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(module=str(node.module), name=alias.name, bound=alias.asname or alias.name)


def _definitions(
    tree: ast.Module, lines: Sequence[str], without: Mapping[str, frozenset[str]]
) -> Iterator[Definition]:
    for node in tree.body:
        name = _bound_name(node)
        if name is not None:
            text = _source(node, lines, without.get(name, frozenset()))
            yield Definition(name=name, text=text, uses=names_in(text))


def _bound_name(node: ast.stmt) -> str | None:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _source(node: ast.stmt, lines: Sequence[str], without: frozenset[str]) -> str:
    """Return the lines of a definition, without some members of a class and without its guards."""
    start, end = span(node, lines)
    dropped: set[int] = set()
    for child in node.body if isinstance(node, ast.ClassDef) else ():
        name = child.name if isinstance(child, ast.FunctionDef) else _bound_name(child)
        if name in without:
            dropped.update(range(*span(child, lines)))
        for guard in _guards(child):
            dropped.update(range(*span(guard, lines)))
    return "\n".join(line for i, line in enumerate(lines[start:end], start) if i not in dropped).rstrip()
