"""An open connection, as of its last sample: whose it is, and whether a queue has built up on its path."""

from __future__ import annotations

from typing import NamedTuple

from bpf.event import Direction, Flow
from tui.core.grouping import CellKey

BLOAT_FACTOR = 3
BLOAT_NS = 10_000_000
"""A round trip so many times the least, and so much longer, has a queue in it; a late ACK makes for the first alone."""
_A_WHILE_NS = 10_000_000_000
_NUL = b"\0"


class Connection(NamedTuple):
    """Never changes: with each sample there is another."""

    flow: Flow
    """The last sample."""
    bloated_ns: int | None
    """Since when all of its samples have had a queue in them; None: the last one has none."""
    first_ns: int
    """When the first sample was taken: it may have been open long before."""

    @property
    def bloat(self) -> float | None:
        """How many times the least round trip the smoothed one is; None: there is no least one yet."""
        return self.flow.srtt_ns / self.flow.min_rtt_ns if self.flow.min_rtt_ns else None

    @property
    def is_bloated(self) -> bool:
        """Whether it has been so for a while."""
        return self.bloated_ns is not None and self.flow.time_ns - self.bloated_ns >= _A_WHILE_NS


def sampled(flow: Flow, before: Connection | None) -> Connection:
    """The connection after another sample."""
    least_ns = flow.min_rtt_ns
    has_queue = least_ns and flow.srtt_ns >= BLOAT_FACTOR * least_ns and flow.srtt_ns - least_ns >= BLOAT_NS
    bloated_ns = before.bloated_ns if before else None
    if bloated_ns is None:
        bloated_ns = flow.time_ns
    return Connection(flow, bloated_ns if has_queue else None, before.first_ns if before else flow.time_ns)


def opener_of(flow: Flow) -> Direction:
    """Who opened it. Where that was not seen, whoever has the higher port: servers have the low ones, mostly."""
    if flow.direction is not None:
        return Direction(flow.direction)
    return Direction.OUTBOUND if flow.remote_port <= flow.local_port else Direction.INBOUND


def cell_key_of(flow: Flow) -> CellKey:
    """The cell that it belongs to: that of its handshake."""
    opener = opener_of(flow)
    port = flow.local_port if opener else flow.remote_port
    # One byte shorter than a handshake's.
    return CellKey(flow.remote, port, flow.process + _NUL, flow.ifindex, int(opener))
