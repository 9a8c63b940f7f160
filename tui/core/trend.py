"""Slices of 5 s, which the recent past is counted in, and the levels that a sparkline shows them at."""

from __future__ import annotations

SLICE_NS = 5_000_000_000
SLICES = 24
RATE_SLICES = 12
"""The rate looks at one minute: the current slice and the 11 before it."""

EDGES_NS = (300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000)
"""Upper edges of levels 1..7; above the last is level 8. One absolute scale, so that rows can be compared by eye."""


def slice_of(time_ns: int) -> int:
    """The number of the slice a monotonic time lies in; slices begin at whole multiples of 5 s."""
    return time_ns // SLICE_NS
