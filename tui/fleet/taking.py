"""What of a fleet's row other programs are given: what is an estimate is called one."""

from __future__ import annotations

from collections.abc import Sequence

from tui.fleet.answer import FAILURES
from tui.fleet.row import FleetRow
from tui.out.table import Cell

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
HEADER: Sequence[str] = (
    *("box", "remote", "established", *FAILURES, "retransmits", "rate"),
    *(f"{name}_{what}" for name in _QUANTILES for what in ("estimate_ns", "above_ns", "at_most_ns")),
)


def cells(row: FleetRow) -> Sequence[Cell]:
    """Below `HEADER`: of each quantile the estimate, and the edges of the bucket it lies in."""
    counts = row.counts
    found: list[Cell] = [
        row.box if row.grouping.has_box else "",
        row.remote_text if row.grouping.has_remote else "",
    ]
    found += [counts.established, *(counts.outcomes.get(each, 0.0) for each in FAILURES)]
    found += [counts.retransmits, row.rate]
    for q in _QUANTILES.values():
        estimate = row.quantile(q)
        found += [estimate.ns, estimate.low_ns, estimate.high_ns] if estimate else [None, None, None]
    return found
