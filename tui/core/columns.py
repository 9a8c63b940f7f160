"""The columns of the table, about handshakes and about open connections: headers, sort keys, formats and help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.core.baseline import change
from tui.core.column import GAP, Column, ColumnOf, Main, R, latency
from tui.core.format import (
    CHANGE_WIDTH,
    COUNT_WIDTH,
    FAILURES_WIDTH,
    age_text,
    change_text,
    count_text,
    failures_text,
    levels_text,
    rate_text,
)
from tui.core.live_columns import LIVE_COLUMNS
from tui.core.row import Row
from tui.core.trend import SLICES


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


_HANDSHAKE: tuple[Column, ...] = (
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
    latency("last", "latency of the latest handshake that had one", 8),
    latency("min", "least latency", 12),
    latency("p50", "median latency", 3, 0.5),
    latency("p95", "95 of 100 were answered within this", 1, 0.95),
    latency("p99", "99 of 100 were answered within this", 7, 0.99),
    latency("max", "greatest latency", 6),
    latency("jitter", "how much latencies differ: their standard deviation, which ping calls mdev", 13),
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
        value=lambda row: None if row.tally.is_empty else -row.tally.last_seen_ns,
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
COLUMNS: tuple[Column, ...] = (*_HANDSHAKE, *LIVE_COLUMNS)
IDS_OF: Mapping[Main, Sequence[str]] = {
    Main.HANDSHAKE: tuple(each.id for each in _HANDSHAKE),
    Main.LIVE: ("host", *(each.id for each in LIVE_COLUMNS)),
}
"""Which columns are about what; whom a row stands for is in both."""
_HOST_WIDTH = 8
"""The least that shows something of an address."""
_GROWTH = (("host", 24), ("trend", SLICES), ("srtt_trend", SLICES), ("host", 39))
"""Which columns grow where there is room, and to what width, one after the other."""
IDS = tuple(each.id for each in COLUMNS)


def column(id_: str) -> Column:
    """The column called `id_`; raises KeyError."""
    for each in COLUMNS:
        if each.id == id_:
            return each
    raise KeyError(id_)


def chosen_for(main: Main, chosen: Sequence[str]) -> Sequence[str]:
    """The columns of a table about `main`: of those chosen, its own; if there are none, all of its own."""
    own = IDS_OF[main]
    wanted = [id_ for id_ in chosen if id_ in own]
    return wanted if set(wanted) - {"host"} else own


def fit(
    total: int, ids: Sequence[str] = IDS_OF[Main.HANDSHAKE], sorted_by: str = "", *, is_marked: bool = False
) -> list[tuple[Column, int]]:
    """The columns that have room in `total` characters, in the order of `ids`, and their widths.

    Those that matter most have room first: what rows are sorted by, which is there in any case, then by priority; the
    host makes do with what there is. What is left over widens the host to what most addresses take, the trend to two
    minutes, then the host to a whole IPv6 address.
    """
    asked = [*ids, sorted_by] if sorted_by and sorted_by not in ids else ids
    wanted = [each for each in map(column, asked) if is_marked or not each.needs_mark or each.id == sorted_by]
    return fit_columns(total, wanted, sorted_by, _GROWTH)


def fit_columns(
    total: int, wanted: Sequence[ColumnOf[R]], sorted_by: str, growth: Sequence[tuple[str, int]]
) -> list[tuple[ColumnOf[R], int]]:
    """The same of any columns; `growth`: which of them grow where there is room, and to what width."""
    room = total + GAP
    widths: dict[str, int] = {}
    for each in sorted(wanted, key=lambda each: -1 if each.id == sorted_by else each.priority):
        width = min(each.width, max(_HOST_WIDTH, room - GAP)) if each.id == "host" else each.width
        if width + GAP <= room:
            widths[each.id] = width
            room -= width + GAP
    for id_, widest in growth:
        if id_ in widths:
            more = max(0, min(room, widest - widths[id_]))
            widths[id_] += more
            room -= more
    return [(each, widths[each.id]) for each in wanted if each.id in widths]
