"""Prints terminal tables that never cut a figure or a name.

Where a terminal is narrow, lines are broken and columns left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

Cell: TypeAlias = str | Sequence[str]
"""A text, or parts between which a line may be broken."""

_GAP: Final = 2  # spaces between columns
_INDENT: Final = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        heading: Heading; a line of it may be broken between words.
        rank: Columns with the highest rank are left out first where the terminal is narrow; 0 is never left
            out.
        left: Whether cells are aligned to the left.
        breaks: Whether a line of a text may be broken between words.
    """

    heading: str
    rank: int = 0
    left: bool = False
    breaks: bool = False


@dataclass(slots=True)
class FittedTable:
    """A table for a terminal of any width; print it with ``soft_wrap=True``, or rich cuts what is longer.

    Where it is too wide, lines are broken between the parts of a cell; then columns are left out by rank, and
    named below the table; what is still too wide is written as one paragraph a row.

    Attributes:
        columns: Columns, from left to right.
        title: Line above the table; empty for none.
        caption: Line below the table; empty for none.
    """

    columns: Sequence[Column]
    title: str = ""
    caption: str = ""
    _rows: list[tuple[tuple[tuple[str, ...], ...], str]] = field(default_factory=list)

    def add_row(self, *cells: Cell, style: str | None = None) -> None:
        """Add a row.

        Args:
            *cells: One cell for each column.
            style: Style of rich for the whole row, for example ``bold``.
        """
        columns = zip(self.columns, cells, strict=True)
        self._rows.append((tuple(_parts(column, cell) for column, cell in columns), style or ""))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines of the table for the width of the console."""
        yield from _sentence(self.title, options.max_width, "italic")
        shown = self._shown(options.max_width)
        if self._least(shown) > options.max_width:
            yield from self._paragraphs()
        else:
            yield from self._lines(shown, options.max_width)
            left_out = [c.heading for i, c in enumerate(self.columns) if i not in shown and c.heading]
            if left_out:
                note = f"Not shown in this narrow terminal: {', '.join(left_out)}"
                yield from _sentence(note, options.max_width, "dim")
        yield from _sentence(self.caption, options.max_width, "dim italic")

    def _shown(self, width: int) -> list[int]:
        """Return the indices of the columns that are shown in a terminal of a width."""
        shown = [i for i in range(len(self.columns)) if i == 0 or self.columns[i].heading or self._filled(i)]
        while self._least(shown) > width and any(self.columns[i].rank for i in shown):
            shown.remove(max(shown, key=lambda i: (self.columns[i].rank, i)))
        return shown

    def _filled(self, index: int) -> bool:
        return any(any(cells[index]) for cells, _ in self._rows)

    def _least(self, shown: Sequence[int]) -> int:
        """Return the width of some columns with every line broken that may be."""
        return sum(map(self._narrowest, shown)) + _GAP * (len(shown) - 1)

    def _narrowest(self, index: int) -> int:
        parts = [part for cells, _ in self._rows for part in cells[index]]
        return max(map(cell_len, [*self.columns[index].heading.split(), *parts]), default=0)

    def _widest(self, index: int) -> int:
        cells = [" ".join(cells[index]) for cells, _ in self._rows]
        return max(map(cell_len, [self.columns[index].heading, *cells]))

    def _widths(self, shown: Sequence[int], width: int) -> list[int]:
        """Return the widths of some columns; room to spare goes to those whose lines are broken."""
        widths = [self._narrowest(i) for i in shown]
        spare = width - self._least(shown)
        for position, index in sorted(enumerate(shown), key=lambda pair: self._widest(pair[1])):
            more = min(spare, self._widest(index) - widths[position])
            widths[position] += more
            spare -= more
        return widths

    def _lines(self, shown: Sequence[int], width: int) -> Iterator[Text]:
        widths = self._widths(shown, width)
        headings = [_broken(self.columns[i].heading.split(), w) for i, w in zip(shown, widths, strict=True)]
        height = max(map(len, headings), default=0)
        yield from self._row([[""] * (height - len(h)) + h for h in headings], shown, widths, "bold")
        for cells, style in self._rows:
            broken = [_broken(cells[i], w) for i, w in zip(shown, widths, strict=True)]
            yield from self._row(broken, shown, widths, style)

    def _row(
        self, cells: Sequence[Sequence[str]], shown: Sequence[int], widths: Sequence[int], style: str
    ) -> Iterator[Text]:
        for number in range(max(map(len, cells), default=0)):
            line = []
            for lines, index, width in zip(cells, shown, widths, strict=True):
                text = lines[number] if number < len(lines) else ""
                spaces = " " * (width - cell_len(text))
                line.append(text + spaces if self.columns[index].left else spaces + text)
            yield _line((" " * _GAP).join(line).rstrip(), style)

    def _paragraphs(self) -> Iterator[Text]:
        """Yield each row as its first cell and a line for every other cell."""
        wide = max((cell_len(column.heading) for column in self.columns[1:]), default=0)
        for cells, style in self._rows:
            yield _line(" ".join(cells[0]), style)
            for column, cell in zip(self.columns[1:], cells[1:], strict=True):
                if any(cell):
                    yield _line(f"{_INDENT}{column.heading:<{wide}}{_INDENT}{' '.join(cell)}", "")


def _parts(column: Column, cell: Cell) -> tuple[str, ...]:
    """Return the parts of a cell between which a line may be broken."""
    if not isinstance(cell, str):
        return tuple(cell)
    return tuple(cell.split()) if column.breaks else (cell,)


def _broken(parts: Sequence[str], width: int) -> list[str]:
    """Return parts as lines of at most a width, as far as no part is longer."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + 1 + cell_len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def _sentence(text: str, width: int, style: str) -> Iterator[Text]:
    """Yield a text as lines, broken between words."""
    yield from (_line(line, style) for line in _broken(text.split(), width))


def _line(text: str, style: str) -> Text:
    """Return a line that rich neither wraps nor cuts; a terminal wraps what is longer than itself."""
    return Text(text, style=style, no_wrap=True, overflow="ignore")
