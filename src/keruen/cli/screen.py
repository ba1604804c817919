"""A table for the eye, no wider than its window: words fold, numbers and days are never split."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

PIPE = 200
"""Columns of what is no window; wider where whole numbers, days and ids need it."""

GAP = 2
FOLDED = 16
"""A longer word may be folded, unless it holds a figure: a release, a day, a range."""

UNSPLIT = 40
"""What holds a figure and is longer still, an address say, is folded all the same."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        from keruen.labels import spelt

        # As briefs and figures round: half a person away from zero.
        whole = value.is_integer() or abs(value) >= 1000
        return spelt(value).replace("−", "-") if whole else f"{value:,.3g}"
    return str(value)


@dataclass(slots=True)
class Column:
    """A column as it is printed. ``least`` is the width below which something would be split that must not be."""

    name: str
    cells: list[str]
    number: bool = False
    whole: bool = False
    least: int = field(init=False)
    most: int = field(init=False)

    def __post_init__(self) -> None:
        from rich.cells import cell_len

        def least(word: str) -> int:
            bound = UNSPLIT if any(map(str.isdigit, word)) else FOLDED
            return min(cell_len(word), bound)

        self.most = max(map(cell_len, (self.name, *self.cells)))
        words = {word for cell in self.cells for word in cell.split()}
        self.least = self.most if self.whole else max([cell_len(self.name), *map(least, words)])

    @property
    def same(self) -> bool:
        """Whether it is words, and the same words in every row."""
        return not self.whole and len(set(self.cells)) == 1


def fitted(columns: Sequence[Column], room: int) -> tuple[list[Column], list[Column], list[Column]]:
    """The columns that fit, those whose one word for all rows is said once below, and those left out.

    Columns that are empty go first, then words that are the same in every row (``all`` before others), then columns
    from the right. The first column always stays.

    Examples
    --------
    >>> told = [Column("sex", ["all", "all"]), Column("start", ["2010-07-01"] * 2, whole=True),
    ...         Column("low", ["", ""], whole=True), Column("value", ["1,000", "-2,000"], whole=True),
    ...         Column("release", ["un-wpp-2017", "un-wpp-2019"])]
    >>> [[c.name for c in some] for some in fitted(told, 31)]
    [['start', 'value', 'release'], ['sex'], []]
    >>> [[c.name for c in some] for some in fitted(told, 20)]
    [['start', 'value'], ['sex'], ['release']]
    """
    kept = list(columns)
    once: list[Column] = []
    gone: list[Column] = []

    def narrow() -> bool:
        return len(kept) > 1 and sum(c.least for c in kept) + GAP * (len(kept) - 1) > room

    for column in reversed(columns):
        if narrow() and not any(column.cells):
            kept.remove(column)
    for column in sorted((c for c in kept if c.same), key=lambda c: c.cells[0] != "all"):
        if narrow():
            kept.remove(column)
            once.append(column)
    while narrow():
        gone.insert(0, kept.pop())
    return kept, once, gone


def _widths(columns: Sequence[Column], room: int) -> list[int]:
    """As wide as each would like to be, as far as there is room; those that want least are served first."""
    spare = room - sum(c.least for c in columns) - GAP * (len(columns) - 1)
    given = {}
    for left, column in zip(range(len(columns), 0, -1), sorted(columns, key=lambda c: c.most - c.least), strict=True):
        more = min(column.most - column.least, max(spare, 0) // left)
        given[column.name] = column.least + more
        spare -= more
    return [given[c.name] for c in columns]


def show_table(frame: pl.DataFrame, most: int = 200, ways: str = "--json, --format csv or --out FILE") -> None:
    """A table for the eye; whole numbers with thousands separators, nothing where nobody said anything.

    Parameters
    ----------
    frame
        The table; its columns from the most important to the least.
    most
        So many rows are shown.
    ways
        How all of it can be had.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def column(name: str) -> Column:
        values = frame[name].head(most).to_list()
        number = frame.schema[name].is_numeric()
        days = any(isinstance(v, date | time) for v in values)
        return Column(name, [_cell(v) for v in values], number, number or days or name == "id")

    columns = [column(name) for name in frame.columns]
    window = sys.stdout.isatty()
    needed = sum(c.least for c in columns) + GAP * (len(columns) - 1)
    room = Console().width if window else max(PIPE, needed)
    kept, once, gone = fitted(columns, room)
    console = Console(width=room, highlight=False, soft_wrap=False)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP - 1, 0, 1))
    for c, width in zip(kept, _widths(kept, room), strict=True):
        table.add_column(c.name, justify="right" if c.number else "left", overflow="fold", width=width, no_wrap=c.whole)
    for row in zip(*(c.cells for c in kept), strict=True):
        table.add_row(*map(Text, row))
    console.print(table)
    if once:
        console.print(f"In every row: {', '.join(f'{c.name} {c.cells[0]}' for c in once)}.", markup=False)
    if gone:
        names = ", ".join(c.name for c in gone)
        console.print(f"No room for {names}: widen the window, or take all with {ways}.", markup=False)
    if len(frame) > most:
        console.print(f"… {len(frame) - most} more rows; take them all with {ways}.", markup=False)
