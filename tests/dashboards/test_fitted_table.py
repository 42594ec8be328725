"""Terminal tables never cut what they show: lines break, columns are left out, or rows become paragraphs."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dashboards.fitted_table import Column, FittedTable


def printed(table: FittedTable, width: int) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(table, soft_wrap=True)
    return text.getvalue().splitlines()


def table_of(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> FittedTable:
    table = FittedTable(columns)
    for row in rows:
        table.add_row(*row)
    return table


STUDY = "hybrid_small-digits-300M-MACs-proxy-seed0"
COLUMNS = (
    Column("study", left=True),
    Column("best", rank=1),
    Column("budget", rank=2, left=True, breaks=True),
    Column("disk", rank=3),
)
ROW = (STUDY, "97.78% ± 0.78", "300M-MACs 4M-params", "34.1 MiB")


def test_everything_is_shown_where_there_is_room():
    assert printed(table_of(COLUMNS, [ROW]), 120)[1] == f"{'  '.join(ROW)}"


def test_lines_are_broken_before_columns_are_left_out():
    lines = printed(table_of(COLUMNS, [ROW]), 79)
    assert "300M-MACs" in lines[1]
    assert "4M-params" in lines[2]
    assert "34.1 MiB" in lines[1]


def test_the_least_important_column_is_left_out_first_and_named():
    lines = printed(table_of(COLUMNS, [ROW]), 70)
    assert "34.1 MiB" not in lines[1]
    assert "97.78% ± 0.78" in lines[1]
    assert lines[-1] == "Not shown in this narrow terminal: disk"


def test_a_row_that_fits_no_terminal_becomes_a_paragraph():
    lines = printed(table_of([Column("study", left=True), Column("best")], [ROW[:2]]), 30)
    assert lines == [STUDY, "  best  97.78% ± 0.78"]


WORDS = st.text("ab1.±%# ", min_size=1, max_size=12).map(str.strip)
TABLES = st.integers(1, 5).flatmap(
    lambda n: st.tuples(
        st.lists(
            st.builds(Column, WORDS, st.integers(0, 4), st.booleans(), st.booleans()), min_size=n, max_size=n
        ),
        st.lists(st.lists(WORDS, min_size=n, max_size=n), max_size=4),
    )
)


@given(given=TABLES, width=st.integers(1, 90))
def test_no_width_cuts_a_cell(given: tuple[list[Column], list[list[str]]], width: int):
    columns, rows = given
    lines = printed(table_of(columns, rows), width)
    shown = " ".join(" ".join(lines).split())
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            parts = cell.split() if column.breaks else [" ".join(cell.split())]
            if not column.rank:
                assert all(part in shown for part in parts)


@given(given=TABLES, width=st.integers(12, 90))
def test_no_line_is_longer_than_the_terminal_or_the_longest_cell(
    given: tuple[list[Column], list[list[str]]], width: int
):
    columns, rows = given
    lines = printed(table_of(columns, rows), width)
    headings = max(cell_len(column.heading) for column in columns)
    longest = max((cell_len(cell) for row in rows for cell in row), default=0)
    assert max(map(cell_len, lines), default=0) <= max(width, 4 + headings + longest)


@pytest.mark.parametrize("width", [0, 1, 7])
def test_an_empty_table_prints_its_headings(width: int):
    assert " ".join(printed(table_of([Column("study"), Column("best")], []), width)) in {"", "study  best"}
