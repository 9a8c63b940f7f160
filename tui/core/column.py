"""A column of the table: its header, its cells as text, and what rows are ordered by."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from tui.core.format import DURATION_WIDTH, UNICODE, Glyphs, duration_text, shorten_middle
from tui.core.row import Row

R = TypeVar("R")
"""A kind of rows."""
GAP = 1
"""Blank columns between two cells."""


class Main(enum.Enum):
    """What the table is about; the value says it to people."""

    HANDSHAKE = "handshakes"
    LIVE = "open connections"


# No slots: Python 3.10 and 3.11 cannot call a generic class by an alias that has them.
@dataclass(frozen=True)
class ColumnOf(Generic[R]):
    """One column. `width` is the least it needs, the mark of the sort column beside its title included."""

    id: str
    title: str
    width: int
    align: Literal["left", "right"]
    help: str
    text: Callable[[R, Glyphs], str]
    value: Callable[[R], float | None] | None
    """What rows are ordered by: a number, or None for a row that has no such figure. None: cannot be sorted by."""
    priority: int
    """Which columns have room first: the least."""
    descending: bool = True
    """The direction that sorting by it starts with: what needs attention on top."""
    time_dependent: bool = False
    """Whether `value` changes with time alone: where handshakes leave the window, or the last minute if that is all."""
    quantile: float | None = None
    """Which quantile it is of the latency."""
    carriers: Callable[[R], float] | None = None
    """How many handshakes that is made of."""
    is_latency: bool = False
    """Whether thresholds colour it."""
    needs_mark: bool = False
    """Whether it is there only with a baseline."""

    def cell(self, row: R, width: int, glyphs: Glyphs = UNICODE) -> str:
        """Its text for `row`, exactly `width` wide. A text on the left loses its middle, one on the right its left."""
        text = self.text(row, glyphs)
        if self.align == "left":
            return shorten_middle(text, width, glyphs).ljust(width)
        return text[-width:].rjust(width)

    def is_thin(self, row: R) -> bool:
        """Whether too few handshakes carry the figure: fewer than one would lie beyond the quantile."""
        if self.quantile is None or self.carriers is None:
            return False
        return self.carriers(row) * (1 - self.quantile) < 1


Column = ColumnOf[Row]
"""Of the table of what is seen here."""


def latency(id_: str, help_: str, priority: int, quantile: float | None = None, title: str = "") -> Column:
    """A column of round trips, by the name that the row has for the figure."""
    return Column(
        id=id_,
        title=title or id_,
        width=max(DURATION_WIDTH, len(title or id_) + 1),
        align="right",
        help=help_,
        text=lambda row, glyphs: duration_text(_whole(row.figure(id_)), glyphs),
        value=(lambda row: row.figure(id_)) if quantile is None else (lambda row: row.quantile_ns(quantile)),
        priority=priority,
        quantile=quantile,
        carriers=lambda row: row.figures.latencies,
        is_latency=True,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
