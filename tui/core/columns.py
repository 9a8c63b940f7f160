"""The columns of the host table. This one list drives headers, sort keys, formats and help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tui.core.format import (
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    UNICODE,
    Glyphs,
    count_text,
    duration_text,
    failures_text,
    levels_text,
    rate_text,
    shorten_middle,
)
from tui.core.host import Host
from tui.core.trend import SLICES

Value = Callable[[Host], float | None]
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
    text: Callable[[Host, Glyphs], str]
    value: Value | None
    """What rows are ordered by: a number, or None for a host that has no such figure. None: cannot be sorted by."""
    descending: bool = True
    """The direction that sorting by it starts with: what needs attention on top."""
    time_dependent: bool = False
    """Whether `value` changes with time alone. It may do so only when a slice ends (see `Trend.recent`)."""
    widest: int | None = None
    """How wide it grows where there is room; None: it does not."""

    def cell(self, host: Host, width: int, glyphs: Glyphs = UNICODE) -> str:
        """Its text for `host`, exactly `width` wide. A text on the left loses its middle, one on the right its left."""
        text = self.text(host, glyphs)
        if self.align == "left":
            return shorten_middle(text, width, glyphs).ljust(width)
        return text[-width:].rjust(width)


def _latency(id_: str, help_: str, value: Callable[[Host], int | None]) -> Column:
    return Column(
        id=id_,
        title=id_,
        width=DURATION_WIDTH,
        align="right",
        help=help_,
        text=lambda host, glyphs: duration_text(value(host), glyphs),
        value=value,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        id="host",
        title="host",
        width=16,
        widest=39,
        align="left",
        help="the remote address; what answers may be a proxy or load balancer in front of it",
        text=lambda host, _: host.address,
        value=lambda host: int.from_bytes(host.remote, "big"),
        descending=False,
    ),
    Column(
        id="count",
        title="count",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes, those without a latency included",
        text=lambda host, _: count_text(host.count),
        value=lambda host: host.count,
    ),
    Column(
        id="rate",
        title="per s",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes per second over the last minute, or since the start if that is less",
        text=lambda host, _: rate_text(host.rate),
        value=lambda host: host.recent,
        time_dependent=True,
    ),
    Column(
        id="fail",
        title="fail",
        width=FAILURES_WIDTH,
        align="right",
        help="connections refused, unreachable or unanswered; they are in no other figure of the row",
        text=lambda host, glyphs: failures_text(host.failed, glyphs),
        value=lambda host: host.failed,
    ),
    _latency("last", "latency of the latest handshake that had one", lambda host: host.last_ns),
    _latency("p50", "median latency since the start", lambda host: host.p50_ns),
    _latency("p95", "95 of 100 since the start were answered within this", lambda host: host.p95_ns),
    _latency("p99", "99 of 100 since the start were answered within this", lambda host: host.p99_ns),
    _latency("max", "slowest handshake since the start", lambda host: host.max_ns),
    Column(
        id="trend",
        title="trend",
        width=6,
        widest=SLICES,
        align="right",
        help="slowest handshake of each 5 s, newest on the right; steps at 0.3, 1, 3, 10, 30, 100 and 300 ms",
        text=lambda host, glyphs: levels_text(host.levels, glyphs),
        value=None,
    ),
)


def column(id_: str) -> Column:
    """The column called `id_`; raises KeyError."""
    for each in COLUMNS:
        if each.id == id_:
            return each
    raise KeyError(id_)


def fit(total: int) -> list[tuple[Column, int]]:
    """The columns that have room in `total` characters, leftmost first, and their widths.

    What is left over widens the trend up to two minutes, then the host up to a whole IPv6 address. At 80: host 16,
    trend 9, everything shown; with less, columns drop out from the right.
    """
    widths: dict[str, int] = {}
    room = total + GAP
    for each in COLUMNS:
        if each.width + GAP > room:
            break
        widths[each.id] = each.width
        room -= each.width + GAP
    for each in reversed(COLUMNS):
        if each.widest and each.id in widths:
            more = min(room, each.widest - each.width)
            widths[each.id] += more
            room -= more
    return [(each, widths[each.id]) for each in COLUMNS if each.id in widths]
