"""The columns of a fleet's table: headers, sort keys, formats and help."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.column import ColumnOf
from tui.core.columns import fit_columns
from tui.core.format import (
    CHANGE_WIDTH,
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    NONE,
    Glyphs,
    count_text,
    duration_text,
    failures_text,
    levels_text,
    rate_text,
)
from tui.core.trend import SLICES
from tui.fleet.buckets import Estimate
from tui.fleet.question import FleetGrouping
from tui.fleet.row import Change, FleetRow

SAME = "="
ESTIMATED = "~"
"""Before a figure that is not known so exactly as it is written."""
_ORDER_BYTES = 40
_GROWTH = (("host", 24), ("box", 24), ("trend", SLICES), ("host", 39), ("box", 39))


def estimate_text(estimate: Estimate | None, glyphs: Glyphs) -> str:
    """At most 7 characters: "~42.1ms"; ">10.0s" of what lies above all edges."""
    if estimate is None:
        return NONE
    return (ESTIMATED if estimate.high_ns is not None else ">") + duration_text(estimate.ns, glyphs)


def number_text(count: float, *, is_estimated: bool) -> str:
    """At most 6 characters: "~1,234"; "<1" for what is less than half of one."""
    if not is_estimated or not count:
        return count_text(round(count))
    return f"{ESTIMATED}{count_text(round(count))}" if count >= 0.5 else "<1"


def _quantile(id_: str, q: float, help_: str, priority: int) -> ColumnOf[FleetRow]:
    return ColumnOf(
        id=id_,
        title=id_,
        width=DURATION_WIDTH + 1,
        align="right",
        help=f"{help_}; ~ an estimate: all that is known is the bucket it lies in",
        text=lambda row, glyphs: estimate_text(row.quantile(q), glyphs),
        value=lambda row: row.figure(id_),
        priority=priority,
        quantile=q,
        carriers=lambda row: row.counts.latencies.count,
        is_latency=True,
    )


def change_text(change: Change | None, glyphs: Glyphs) -> str:
    """At most 8 characters: "~+310ms"; "=" where it is in the bucket that it was in."""
    if change is None:
        return NONE
    if not change.is_told:
        return SAME
    return f"{ESTIMATED}{'+' if change.ns >= 0 else '-'}{duration_text(abs(change.ns), glyphs)}"


def _change(id_: str, title: str, q: float) -> ColumnOf[FleetRow]:
    def value(row: FleetRow) -> float | None:
        found = row.change(q)
        return None if found is None else found.ns if found.is_told else 0

    return ColumnOf(
        id=id_,
        title=title,
        width=CHANGE_WIDTH,
        align="right",
        help=f"change of {id_[1:]} since the baseline (m); {SAME} if it is in the same bucket: nothing can be told",
        text=lambda row, glyphs: change_text(row.change(q), glyphs),
        value=value,
        priority=2,
        needs_mark=True,
    )


def _failures(row: FleetRow, glyphs: Glyphs) -> str:
    failed = row.counts.failed
    return failures_text(max(1, round(failed)), glyphs) if failed else ""


def _order(text: bytes) -> float:
    """A number that orders texts as they are."""
    return int.from_bytes(text[:_ORDER_BYTES].ljust(_ORDER_BYTES, b"\0"), "big")


FLEET_COLUMNS: tuple[ColumnOf[FleetRow], ...] = (
    ColumnOf(
        id="box",
        title="box",
        width=15,
        align="left",
        help="the machine that counted, by the label that --box-label names",
        text=lambda row, _: row.box_text,
        value=lambda row: _order(row.key[0].encode()),
        priority=0,
        descending=False,
    ),
    ColumnOf(
        id="host",
        title="remote",
        width=16,
        align="left",
        help="whom it counted: what answers may be a proxy or load balancer in front of it",
        text=lambda row, _: row.remote_text,
        value=lambda row: _order((row.remote.address or b"") + row.remote.label.encode()),
        priority=0,
        descending=False,
    ),
    ColumnOf(
        id="count",
        title="count",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes, those without a latency included; ~ what increase() makes of scrapes",
        text=lambda row, _: number_text(row.counts.established, is_estimated=row.is_estimated),
        value=lambda row: row.counts.established,
        priority=2,
    ),
    ColumnOf(
        id="rate",
        title="per s",
        width=COUNT_WIDTH + 1,
        align="right",
        help="established handshakes per second over the window, or over the last minute if that is all",
        text=lambda row, _: rate_text(row.rate),
        value=lambda row: row.rate,
        priority=5,
    ),
    ColumnOf(
        id="fail",
        title="fail",
        width=FAILURES_WIDTH,
        align="right",
        help="connections refused, unreachable or unanswered; they are in no other figure of the row",
        text=_failures,
        value=lambda row: row.counts.failed,
        priority=4,
    ),
    ColumnOf(
        id="retx",
        title="retx",
        width=COUNT_WIDTH + 1,
        align="right",
        help="SYNs (inbound: SYN-ACKs) sent again",
        text=lambda row, _: (
            number_text(row.counts.retransmits, is_estimated=row.is_estimated)
            if row.counts.retransmits
            else ""
        ),
        value=lambda row: row.counts.retransmits,
        priority=8,
    ),
    _quantile("p50", 0.5, "median latency", 3),
    _quantile("p95", 0.95, "95 of 100 were answered within this", 1),
    _quantile("p99", 0.99, "99 of 100 were answered within this", 6),
    _change("dp50", "Δp50", 0.5),
    _change("dp95", "Δp95", 0.95),
    ColumnOf(
        id="trend",
        title="trend",
        width=7,
        align="right",
        help="p95 over time, newest on the right; steps at 0.3, 1, 3, 10, 30, 100 and 300 ms",
        text=lambda row, glyphs: levels_text(row.levels, glyphs),
        value=None,
        priority=7,
    ),
)


def fleet_column(id_: str) -> ColumnOf[FleetRow]:
    """The column called `id_`; raises KeyError."""
    for each in FLEET_COLUMNS:
        if each.id == id_:
            return each
    raise KeyError(id_)


def fit(
    total: int, grouping: FleetGrouping, chosen: Sequence[str], sorted_by: str, *, is_marked: bool = False
) -> list[tuple[ColumnOf[FleetRow], int]]:
    """The columns that have room in `total` characters; of those `chosen`, if there are some."""
    without = {"box"} if not grouping.has_box else {"host"} if not grouping.has_remote else set()
    own = [each.id for each in FLEET_COLUMNS]
    wanted = [id_ for id_ in chosen if id_ in own]
    ids = wanted if set(wanted) - {"host", "box"} else own
    if "box" not in ids:
        ids = ["box", *ids]
    if sorted_by not in (*ids, *without):
        ids = [*ids, sorted_by]
    columns = [fleet_column(id_) for id_ in ids if id_ not in without]
    shown = [each for each in columns if is_marked or not each.needs_mark or each.id == sorted_by]
    return fit_columns(total, shown, sorted_by, _GROWTH)
