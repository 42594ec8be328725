"""Lifts the source of a module into a file of its own: the class, and of its file only what it needs.

What describes and prices a module stays behind: static methods that list layers, the attributes by which
a space chooses, and the guards against choices that cannot be made.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from torch import nn

from nas.exports.codegen.definitions import Definition, Import, Lifted
from nas.exports.codegen.docstrings import only_used
from nas.exports.codegen.known_values import Known
from nas.exports.codegen.names_used import closure, names_in
from nas.exports.codegen.specialise import specialised
from nas.exports.codegen.statement_span import span
from search_spaces.errors import ExportError

LISTINGS: Final = frozenset({"layers", "stem_layers", "head_layers", "kind", "structural"})


def lift(
    module: Callable[..., nn.Module], choices: Known | None = None, without: frozenset[str] = frozenset()
) -> Lifted:
    """Return what it takes to define `module` elsewhere.

    Args:
        module: A class that a file of its own defines.
        choices: The values that its keywords take there; those that are left out may take any.
        without: Members that stay behind with those that describe and price it.

    Raises:
        ExportError: if its source cannot be read, or needs more than torch and Python.
    """
    name = module.__name__
    try:
        text = Path(str(sys.modules[module.__module__].__file__)).read_text(encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"Cannot export '{name}': its source cannot be read ({error}). Define it in a file of its own."
        ) from error
    tree = ast.parse(text)
    definitions = list(_definitions(tree, text.splitlines(), {name: LISTINGS | without}))
    needed = closure(name, {d.name: d.uses for d in definitions})
    kept = specialised([d for d in definitions if d.name in needed], name, choices or {})
    uses = frozenset[str]().union(*(d.uses for d in kept))
    imports = tuple(i for i in _imports(tree) if i.bound in uses)
    for found in imports:
        root = found.module.split(".")[0]
        if root != "torch" and root not in sys.stdlib_module_names:
            raise ExportError(
                f"Cannot export '{name}': its file imports '{found.module}', expected torch and "
                f"the standard library only. Move what it needs into its file."
            )
    used = {str(value) for values in (choices or {}).values() for value in values}
    about = only_used(ast.get_docstring(tree) or "", used)
    return Lifted(name=name, about=about, imports=imports, definitions=kept)


def definitions_in(text: str) -> tuple[Definition, ...]:
    """Return every class, function and constant at the top of a file."""
    return tuple(_definitions(ast.parse(text), text.splitlines(), {}))


def _guards(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield what refuses choices on construction: an export makes none but those of its table."""
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        for child in node.body:
            if isinstance(child, ast.If) and not child.orelse and isinstance(child.body[0], ast.Raise):
                yield child


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
