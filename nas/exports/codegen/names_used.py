"""Finds the names that occur in code, and the definitions that a definition depends on."""

import ast
from collections.abc import Mapping


def names_in(text: str) -> frozenset[str]:
    """Return the names that occur in code, including those in quoted annotations."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return frozenset(found)


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
