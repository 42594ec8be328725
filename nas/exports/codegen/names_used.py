"""Finds the names that occur in code, and the definitions that a definition depends on."""

import ast
from collections.abc import Mapping
from typing import Final

_TYPE_PARAMETERS: Final = frozenset({"TypeVar", "ParamSpec", "TypeVarTuple"})  # nodes from Python 3.12 on


def names_in(text: str) -> frozenset[str]:
    """Return the names that occur in code, including those in quoted annotations."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return frozenset(found)


def names_set(node: ast.AST) -> frozenset[str]:
    """Return the names that a statement sets, those inside it included: variables, arguments, imports."""
    found: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.alias(name=name, asname=bound):
                found.add(bound or name.split(".")[0])
            case _:
                if type(inner).__name__ in _TYPE_PARAMETERS:
                    found.add(str(getattr(inner, "name", "")))
    return frozenset(found)


def free_names(text: str) -> frozenset[str]:
    """Return the names that code reads and nowhere sets; those in strings do not count."""
    tree = ast.parse(text)
    read = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return frozenset(read) - names_set(tree)


def closure(name: str, uses: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the definitions that `name` depends on, directly or not, and itself.

    Args:
        name: Name of a definition.
        uses: Names that occur in each definition.
    """
    needed, waiting = {name}, [name]
    while waiting:
        for other in uses[waiting.pop()] & uses.keys() - needed:
            needed.add(other)
            waiting.append(other)
    return frozenset(needed)
