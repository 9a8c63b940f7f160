"""What `Rows` promises of open connections, from the definitions: keeps every sample, and works everything out anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

from bpf.event import Direction, Flow
from tests.core.handshakes import MS, S
from tests.core.naive_figures import Shown
from tui.core.grouping import CellKey
from tui.core.histogram import nearest_rank

SILENT_NS = 15 * 60 * S


class Sample(NamedTuple):
    """A sample, and what was sent since the one before it of its connection."""

    flow: Flow
    cell: CellKey
    segments: int
    retransmits: int


@dataclass(eq=False)
class NaiveConnection:
    """From its first sample on to its end, or until it has been silent for 15 minutes."""

    cell: CellKey
    flows: list[Flow] = field(default_factory=list)

    @property
    def last(self) -> Flow:
        return self.flows[-1]

    @property
    def bloat(self) -> float | None:
        return self.last.srtt_ns / self.last.min_rtt_ns if self.last.min_rtt_ns else None

    @property
    def is_bloated(self) -> bool:
        """All samples of the last 10 s or more have had a queue in them."""
        run = list(takewhile(has_queue, reversed(self.flows)))
        return bool(run) and run[0].time_ns - run[-1].time_ns >= 10 * S


class NaiveConnections:
    """All samples, and those connections that are followed, as of the last refresh."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.open: dict[int, NaiveConnection] = {}

    def refresh(self, now_ns: int, flows: Iterable[Flow]) -> set[CellKey]:
        """Take what came; return the cells that have changed."""
        came = [self._take(each) for each in flows if each.srtt_ns]
        silent = [each for each in self.open.values() if each.last.time_ns < now_ns - SILENT_NS]
        for each in silent:
            del self.open[each.last.cookie]
        self.samples += came
        return {each.cell for each in came} | {each.cell for each in silent}

    def _take(self, flow: Flow) -> Sample:
        known = self.open.get(flow.cookie)
        connection = known or NaiveConnection(cell_of(flow))
        sent = (0, 0)
        if known:
            sent = flow.segments - known.last.segments, flow.retransmits - known.last.retransmits
        connection.flows.append(flow)
        self.open[flow.cookie] = connection
        if flow.is_closing:
            del self.open[flow.cookie]
        return Sample(flow, connection.cell, *sent)


def cell_of(flow: Flow) -> CellKey:
    """That of its handshake; whoever has the lower port is taken for the server where that was not seen."""
    by_ports = Direction.INBOUND if flow.remote_port > flow.local_port else Direction.OUTBOUND
    opener = by_ports if flow.direction is None else flow.direction
    port = flow.local_port if opener == Direction.INBOUND else flow.remote_port
    return CellKey(flow.remote, port, flow.process.ljust(16, b"\0"), flow.ifindex, opener)


def has_queue(flow: Flow) -> bool:
    least_ns = flow.min_rtt_ns
    return bool(least_ns) and flow.srtt_ns >= 3 * least_ns and flow.srtt_ns >= least_ns + 10 * MS


def figures_of(connections: Sequence[NaiveConnection], samples: Sequence[Sample]) -> Shown:
    """What the table says of these connections, and of what was sent, as these samples have it."""
    srtts = [each.last.srtt_ns for each in connections]
    least = [each.last.min_rtt_ns for each in connections if each.last.min_rtt_ns]
    segments = sum(each.segments for each in samples)
    return {
        "flows": len(connections),
        "srtt": median(srtts),
        "srtt_max": max(srtts, default=None),
        "minrtt": median(least),
        "minrtt_max": max(least, default=None),
        "bloat": max((each.bloat for each in connections if each.bloat is not None), default=None),
        "is_bloated": any(each.is_bloated for each in connections),
        "loss": 100 * sum(each.retransmits for each in samples) / segments if segments else None,
    }


def median(values: Sequence[int]) -> int | None:
    return sorted(values)[nearest_rank(0.5, len(values)) - 1] if values else None
