"""The columns of the table. This one list drives headers, sort keys, formats and help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tui.core.baseline import change
from tui.core.format import (
    CHANGE_WIDTH,
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    UNICODE,
    Glyphs,
    age_text,
    change_text,
    count_text,
    duration_text,
    failures_text,
    levels_text,
    rate_text,
    shorten_middle,
)
from tui.core.row import Row
from tui.core.trend import SLICES

Value = Callable[[Row], float | None]
GAP = 1
"""Blank columns between two cells."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is the least it needs, the mark of the sort column beside its title included."""

    id: str
    title: str
    width: int
    align: Literal["left", "right"]
    help: str
    text: Callable[[Row, Glyphs], str]
    value: Value | None
    """What rows are ordered by: a number, or None for a row that has no such figure. None: cannot be sorted by."""
    priority: int
    """Which columns have room first: the least."""
    descending: bool = True
    """The direction that sorting by it starts with: what needs attention on top."""
    time_dependent: bool = False
    """Whether `value` changes with time alone: where handshakes leave the window, or the last minute if that is all."""
    quantile: float | None = None
    """Which quantile it is of the latency."""
    is_latency: bool = False
    """Whether thresholds colour it."""
    needs_mark: bool = False
    """Whether it is there only with a baseline."""

    def cell(self, row: Row, width: int, glyphs: Glyphs = UNICODE) -> str:
        """Its text for `row`, exactly `width` wide. A text on the left loses its middle, one on the right its left."""
        text = self.text(row, glyphs)
        if self.align == "left":
            return shorten_middle(text, width, glyphs).ljust(width)
        return text[-width:].rjust(width)

    def is_thin(self, row: Row) -> bool:
        """Whether too few handshakes carry the figure: fewer than one would lie beyond the quantile."""
        return self.quantile is not None and row.figures.latencies * (1 - self.quantile) < 1


def _latency(id_: str, help_: str, priority: int, quantile: float | None = None) -> Column:
    return Column(
        id=id_,
        title=id_,
        width=max(DURATION_WIDTH, len(id_) + 1),
        align="right",
        help=help_,
        text=lambda row, glyphs: duration_text(_whole(row.figure(id_)), glyphs),
        value=lambda row: row.figure(id_),
        priority=priority,
        quantile=quantile,
        is_latency=True,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _change(id_: str, title: str, q: float) -> Column:
    def value(row: Row) -> float | None:
        found = change(row.marked, row.since_mark, q) if row.marked else None
        return found.ns if found else None

    return Column(
        id=id_,
        title=title,
        width=CHANGE_WIDTH,
        align="right",
        help=f"change of {id_[1:]} since the baseline (m); ~ if there are too few handshakes to be sure of it",
        text=lambda row, glyphs: change_text(
            change(row.marked, row.since_mark, q) if row.marked else None, glyphs
        ),
        value=value,
        priority=2,
        needs_mark=True,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        id="host",
        title="host",
        width=16,
        align="left",
        help="whom the row stands for: what answers may be a proxy or load balancer in front of it",
        text=lambda row, _: row.label,
        value=lambda row: row.order,
        priority=0,
        descending=False,
    ),
    Column(
        id="count",
        title="count",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes, those without a latency included",
        text=lambda row, _: count_text(row.count),
        value=lambda row: row.count,
        priority=2,
    ),
    Column(
        id="rate",
        title="per s",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes per second over the window, or over the last minute if that is all",
        text=lambda row, _: rate_text(row.rate),
        value=lambda row: row.recent,
        priority=5,
        time_dependent=True,
    ),
    Column(
        id="fail",
        title="fail",
        width=FAILURES_WIDTH,
        align="right",
        help="connections refused, unreachable or unanswered; they are in no other figure of the row",
        text=lambda row, glyphs: failures_text(row.failed, glyphs),
        value=lambda row: row.failed,
        priority=4,
    ),
    Column(
        id="retx",
        title="retx",
        width=COUNT_WIDTH,
        align="right",
        help="SYNs (inbound: SYN-ACKs) sent again",
        text=lambda row, _: count_text(row.figures.retransmits) if row.figures.retransmits else "",
        value=lambda row: row.figures.retransmits,
        priority=10,
    ),
    _latency("last", "latency of the latest handshake that had one", 8),
    _latency("min", "least latency", 12),
    _latency("p50", "median latency", 3, 0.5),
    _latency("p95", "95 of 100 were answered within this", 1, 0.95),
    _latency("p99", "99 of 100 were answered within this", 7, 0.99),
    _latency("max", "greatest latency", 6),
    _latency("jitter", "how much latencies differ: their standard deviation, which ping calls mdev", 13),
    _change("dp50", "Δp50", 0.5),
    _change("dp95", "Δp95", 0.95),
    Column(
        id="age",
        title="age",
        width=4,
        align="right",
        help="how long ago its last handshake ended",
        text=lambda row, _: age_text(row.age_ns),
        # Not the age: that changes all the time, and its order only when something comes.
        value=lambda row: -row.tally.last_seen_ns,
        priority=11,
        descending=False,
    ),
    Column(
        id="trend",
        title="trend",
        width=7,
        align="right",
        help="slowest handshake of each 5 s, newest on the right; steps at 0.3, 1, 3, 10, 30, 100 and 300 ms",
        text=lambda row, glyphs: levels_text(row.levels, glyphs),
        value=None,
        priority=9,
    ),
)
_HOST_WIDTH = 8
"""The least that shows something of an address."""
_GROWTH = (("host", 24), ("trend", SLICES), ("host", 39))
"""Which columns grow where there is room, and to what width, one after the other."""
IDS = tuple(each.id for each in COLUMNS)


def column(id_: str) -> Column:
    """The column called `id_`; raises KeyError."""
    for each in COLUMNS:
        if each.id == id_:
            return each
    raise KeyError(id_)


def fit(
    total: int, ids: Sequence[str] = IDS, sorted_by: str = "", *, is_marked: bool = False
) -> list[tuple[Column, int]]:
    """The columns that have room in `total` characters, in the order of `ids`, and their widths.

    Those that matter most have room first: what rows are sorted by, which is there in any case, then by priority; the
    host makes do with what there is. What is left over widens the host to what most addresses take, the trend to two
    minutes, then the host to a whole IPv6 address.
    """
    asked = [*ids, sorted_by] if sorted_by and sorted_by not in ids else ids
    wanted = [each for each in map(column, asked) if is_marked or not each.needs_mark or each.id == sorted_by]
    room = total + GAP
    widths: dict[str, int] = {}
    for each in sorted(wanted, key=lambda each: -1 if each.id == sorted_by else each.priority):
        width = min(each.width, max(_HOST_WIDTH, room - GAP)) if each.id == "host" else each.width
        if width + GAP <= room:
            widths[each.id] = width
            room -= width + GAP
    for id_, widest in _GROWTH:
        if id_ in widths:
            more = max(0, min(room, widest - widths[id_]))
            widths[id_] += more
            room -= more
    return [(each, widths[each.id]) for each in wanted if each.id in widths]
