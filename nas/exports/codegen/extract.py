"""Extracts the source of an nn.Module class with the imports and definitions of its file that it needs.

Members that only search spaces use are left out: static methods that list layers for counting costs,
attributes with options, and checks of constructor arguments.
"""

import ast
import builtins
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from torch import nn

from nas.exports.codegen.definitions import Definition, ExtractedClass, Import
from nas.exports.codegen.docstrings import only_used
from nas.exports.codegen.known_values import Known
from nas.exports.codegen.names_used import closure, free_names, names_in, names_set
from nas.exports.codegen.specialise import specialised
from nas.exports.codegen.statement_span import span
from search_spaces.errors import ExportError

_OF_EVERY_MODULE: Final = frozenset({"__name__", "__file__", "__doc__", "__class__"})

LISTINGS: Final = frozenset(
    {
        "layers",
        "stem_layers",
        "head_layers",
        "kind",
        "structural",
        "repeated",
        "strided",
        "nested",
        "segments",
    }
)


def extract_class(
    module: Callable[..., nn.Module], choices: Known | None = None, without: frozenset[str] = frozenset()
) -> ExtractedClass:
    """Return the source that defines `module` in another file.

    Args:
        module: Class at the top level of a file.
        choices: Values that its keyword arguments take; those not listed may take any.
        without: Members to leave out, besides `LISTINGS`.

    Raises:
        ExportError: if its source cannot be read, needs more than torch and the standard library, or uses a
            name that its file sets in a way that cannot be copied.
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
    imports = tuple(i for i in imports_in(tree) if i.bound in uses)
    for found in imports:
        root = found.module.split(".")[0]
        if root != "torch" and root not in sys.stdlib_module_names:
            raise ExportError(
                f"Cannot export '{name}': its file imports '{found.module}', expected torch and "
                f"the standard library only. Copy what it needs into its file."
            )
    _check_names(name, kept, imports, tree)
    used = {str(value) for values in (choices or {}).values() for value in values}
    about = only_used(ast.get_docstring(tree) or "", used)
    return ExtractedClass(name=name, about=about, imports=imports, definitions=kept)


def _check_names(
    name: str, definitions: Sequence[Definition], imports: Sequence[Import], tree: ast.Module
) -> None:
    """Check that extracted code finds every name that it uses, with the value that the file gives it.

    Raises:
        ExportError: names the first that it would not find, and where the file sets it.
    """
    elsewhere = {
        found: node.lineno
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom) and not _bindings(node)
        for found in names_set(node)
    }
    known = {*dir(builtins), *_OF_EVERY_MODULE, *(d.name for d in definitions), *(i.bound for i in imports)}
    used = frozenset[str]().union(*(free_names(d.text) for d in definitions))
    lost = sorted(used - known | used & elsewhere.keys())
    if lost:
        line = elsewhere.get(lost[0])
        where = "does not set it by name" if line is None else f"sets it in line {line} in another way"
        raise ExportError(
            f"Cannot export '{name}': it uses '{lost[0]}', expected an import, class, function or assignment "
            f"at the top level of its file, which {where}. Write it so, for example {lost[0]} = 1."
        )


def definitions_in(text: str) -> tuple[Definition, ...]:
    """Return every class, function and constant at the top level of a file."""
    return tuple(_definitions(ast.parse(text), text.splitlines(), {}))


def _guards(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield checks of constructor arguments, which an export with fixed arguments does not need."""
    if isinstance(node, ast.FunctionDef) and node.name == "__init__":
        for child in node.body:
            if isinstance(child, ast.If) and not child.orelse and isinstance(child.body[0], ast.Raise):
                yield child


def imports_in(tree: ast.Module) -> Iterator[Import]:
    """Yield every name that a file imports."""
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
        bound = _bindings(node)
        for i, (name, value) in enumerate(bound.items()):
            if value is None:
                text = _source(node, lines, without.get(name, frozenset()))
            else:  # one of several names of an assignment
                comments = lines[span(node, lines)[0] : node.lineno - 1] if i == 0 else []
                text = "\n".join([*comments, f"{name} = {ast.unparse(value)}"])
            yield Definition(name=name, text=text, uses=names_in(text))


def _bindings(node: ast.stmt) -> dict[str, ast.expr | None]:
    """Return the names that a definition binds, each with its value if an assignment binds several.

    ``A, B = 1, 2`` is ``A = 1`` and ``B = 2``, and ``A = B = 1`` is ``A = 1`` and ``B = A``.
    """
    name = _bound_name(node)
    if name is not None:
        return {name: None}
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            pairs = list(zip(names, values, strict=False)) if len(names) == len(values) else []
        case ast.Assign(targets=[first, *others], value=value):
            pairs = [(first, value), *((other, first) for other in others)]
        case _:
            return {}
    bound = {target.id: value for target, value in pairs if isinstance(target, ast.Name)}
    starred = any(isinstance(value, ast.Starred) for value in bound.values())
    swapped = isinstance(node.value, ast.Tuple) and not names_in(ast.unparse(node.value)).isdisjoint(bound)
    return {} if len(bound) < len(pairs) or starred or swapped else dict(bound)


def _bound_name(node: ast.stmt) -> str | None:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return None


def _source(node: ast.stmt, lines: Sequence[str], without: frozenset[str]) -> str:
    """Return the source of a definition without some members and argument checks of a class."""
    start, end = span(node, lines)
    dropped: set[int] = set()
    for child in node.body if isinstance(node, ast.ClassDef) else ():
        name = child.name if isinstance(child, ast.FunctionDef) else _bound_name(child)
        if name in without:
            dropped.update(range(*span(child, lines)))
        for guard in _guards(child):
            dropped.update(range(*span(guard, lines)))
    return "\n".join(line for i, line in enumerate(lines[start:end], start) if i not in dropped).rstrip()
