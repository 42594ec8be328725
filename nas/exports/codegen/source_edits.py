"""Changes to a piece of source by position, so that its comments and its wording stay."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of the bytes from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


class Source:
    """A piece of source with the positions of what `ast` finds in it.

    Args:
        text: Python that parses.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.splitlines()
        self._bytes = text.encode()
        self._starts = [0, *accumulate(len(line.encode()) + 1 for line in self.lines)]

    def of(self, node: ast.expr | ast.keyword) -> str:
        """Return the source of an expression, without parentheses, or of an argument with its name."""
        return self._bytes[slice(*self.place(node))].decode()

    def place(self, node: ast.expr | ast.stmt | ast.keyword | ast.arg) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def rows(self, first: int, end: int, text: str) -> Edit:
        """Return the edit that puts `text` in the place of the lines from `first` up to `end`."""
        last = min(self._starts[end], len(self._bytes))
        return Edit(self._starts[first], last, text + "\n" if text else "")

    def replaced(self, node: ast.expr, text: str) -> Edit:
        """Return the edit that puts `text` in the place of an expression."""
        return Edit(*self.place(node), text)

    def apply(self, edits: Sequence[Edit]) -> str:
        """Return the text after edits, of which none may lie inside another."""
        changed = self._bytes
        for edit in sorted(edits, key=lambda e: e.start, reverse=True):
            changed = changed[: edit.start] + edit.text.encode() + changed[edit.end :]
        return changed.decode()
