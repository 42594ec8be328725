"""Edits source text by position, so that comments and formatting stay."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Edit:
    """Replacement of the bytes from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


class Source:
    """Source text with its syntax tree and the byte positions of its nodes.

    Args:
        text: Valid Python source.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.splitlines()
        self._bytes = text.encode()
        self._starts = [0, *accumulate(len(line.encode()) + 1 for line in self.lines)]

    def of(self, node: ast.expr | ast.keyword) -> str:
        """Return the source of an expression, without parentheses, or of a keyword argument."""
        return self._bytes[slice(*self.place(node))].decode()

    def place(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> tuple[int, int]:
        """Return the start and end of a node in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def rows(self, first: int, end: int, text: str) -> Edit:
        """Return the edit that replaces the lines from `first` up to `end`, exclusive, by `text`."""
        last = min(self._starts[end], len(self._bytes))
        return Edit(self._starts[first], last, text + "\n" if text else "")

    def replaced(self, node: ast.expr, text: str) -> Edit:
        """Return the edit that replaces an expression by `text`."""
        return Edit(*self.place(node), text)

    def apply(self, edits: Sequence[Edit]) -> str:
        """Return the text after edits, which must not overlap."""
        changed = self._bytes
        for edit in sorted(edits, key=lambda e: e.start, reverse=True):
            changed = changed[: edit.start] + edit.text.encode() + changed[edit.end :]
        return changed.decode()
