"""Slices of 5 s, which the recent past is counted in, and the levels that a sparkline shows them at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from tui.core.histogram import bucket_of, end_ns

SLICE_NS = 5_000_000_000
SLICES = 24
RATE_SLICES = 12
"""The rate looks at one minute: the current slice and the 11 before it."""

EDGES_NS = (300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000)
"""Upper edges of levels 1..7; above the last is level 8. One absolute scale, so that rows can be compared by eye."""

_LEVEL_ENDS = tuple(map(bucket_of, EDGES_NS))
LEVELS = tuple(bisect_left(_LEVEL_ENDS, bucket) + 1 for bucket in range(bucket_of(2**64 - 1) + 1))
"""The sparkline's level of each bucket; one that an edge lies in is below it: edges are round, as latencies are."""
_ENDS_NS = tuple(map(end_ns, _LEVEL_ENDS))


def level_of(latency_ns: int) -> int:
    """The level of a latency: that of its bucket."""
    return bisect_right(_ENDS_NS, latency_ns) + 1


def slice_of(time_ns: int) -> int:
    """The number of the slice a monotonic time lies in; slices begin at whole multiples of 5 s."""
    return time_ns // SLICE_NS
