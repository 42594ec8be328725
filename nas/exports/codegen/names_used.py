"""Which names occur in a piece of code, and what a definition needs of the others in its file."""

import ast
from collections.abc import Mapping


def names_in(text: str) -> frozenset[str]:
    """Return the names that occur in a piece of code, also those in quoted annotations."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
    return frozenset(found)


def closure(name: str, uses: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the definitions that `name` needs, itself included.

    Args:
        name: Of a definition.
        uses: The names that occur in each definition.
    """
    needed, waiting = {name}, [name]
    while waiting:
        for other in uses[waiting.pop()] & uses.keys() - needed:
            needed.add(other)
            waiting.append(other)
    return frozenset(needed)
