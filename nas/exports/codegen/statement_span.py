"""Finds the lines of a statement, including decorators and the comments above it."""

import ast
from collections.abc import Sequence


def span(node: ast.stmt, lines: Sequence[str]) -> tuple[int, int]:
    """Return the first line of a statement, with the comments above it, and the line after its last."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(d.lineno for d in decorators)]) - 1
    while start > 0 and lines[start - 1].strip().startswith("#"):
        start -= 1
    return start, node.end_lineno or node.lineno
