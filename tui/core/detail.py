"""All about one row: the values that its page of details is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bpf.event import Handshake
from tui.core.charts import Slice
from tui.core.column import Main
from tui.core.connection import Connection


@dataclass(frozen=True, slots=True)
class Figures:
    """A line of a table: figures under a label."""

    label: str
    """As received: it may be a process name."""
    count: int
    """Handshakes that gave a latency."""
    p50_ns: int | None
    p95_ns: int | None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """The row's handshakes, split by something: port, process or direction; the busiest first."""

    by: str
    parts: Sequence[Figures]


@dataclass(frozen=True, slots=True)
class Detail:
    """What is known about one row at one moment."""

    title: str
    now_ns: int
    slices: Sequence[Slice]
    """Oldest first; what the charts over time show."""
    counts: Mapping[int, int]
    """Latencies since the start by bucket, see `tui.core.histogram`."""
    durations: Sequence[Figures] = ()
    """Latency ("RTT") beside what the application waited ("connect") and what this side took ("answer")."""
    splits: Sequence[Split] = ()
    last: Sequence[Handshake] = field(default=())
    """Newest first."""
    connections: Sequence[Connection] = ()
    """Of those open, the ones with the greatest srtt, that first."""
    open_connections: int = 0
    """How many there are."""
    main: Main = Main.HANDSHAKE
    """What `slices` and `counts` are of: latencies of handshakes, or smoothed round trips as they were sampled."""
