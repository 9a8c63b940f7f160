"""What is counted of one remote host, or of all of them, and the figures of it that the screen shows."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from bpf.event import Handshake, Outcome, address_text
from tui.core.histogram import Histogram
from tui.core.trend import EDGES_NS, SLICE_NS, Moment, Trend, slice_of

_ESTABLISHED = int(Outcome.ESTABLISHED)  # an enum member read from its class costs 50 ns
_PERCENTILES = (0.5, 0.95, 0.99)

Key = tuple[float, bytes]
"""Where a row belongs: its sort column's value (negated when descending; none: infinity), then the address."""


class _Shown(NamedTuple):
    """Figures of the last refresh, set aside when a handshake comes after it."""

    established: int
    last_ns: int | None
    max_ns: int | None
    recent: int
    levels: bytes
    failures: int


class Tally:
    """Handshakes counted. Two faces: the attributes are live; the properties give what was so at the last refresh.

    So a paused screen stands still, whatever comes in, and every row agrees with the order it was put in. The figures
    are set aside at the first handshake after a refresh (1.5 us a host, not a handshake), percentiles excepted: those
    are taken when first asked for (3 to 30 us), then kept till the refresh after the host's next handshake. Only rows
    that come into view during a pause can therefore show percentiles newer than the pause, yet none above their `max`.
    """

    __slots__ = (
        "ambiguous",
        "established",
        "failures",
        "last_seen_ns",
        "latencies",
        "latest_ns",
        "retransmits",
        "_moment",
        "_percentiles",
        "_shown",
        "_trend",
    )

    def __init__(self, moment: Moment, time_ns: int) -> None:
        """`time_ns`: when the first handshake ended."""
        self.established = 0
        """Handshakes that completed, with or without a latency."""
        self.ambiguous = 0
        """Those of them whose latency is not known: which of several SYNs was answered is not."""
        self.failures = 0
        """Refused, unreachable or unanswered. They are in no other figure."""
        self.retransmits = 0
        self.latest_ns: int | None = None
        """The latency of the last handshake that had one."""
        self.last_seen_ns = time_ns
        self.latencies = Histogram()
        self._trend = Trend(slice_of(time_ns))
        self._moment = moment
        self._shown: _Shown | None = None
        self._percentiles: tuple[int, ...] | None = None

    def add(self, handshake: Handshake) -> bool:
        """Count one handshake; true if it is the first since the last refresh."""
        is_first = self._shown is None
        if is_first:
            self._set_aside()
        time_ns = handshake.time_ns
        if time_ns > self.last_seen_ns:
            self.last_seen_ns = time_ns
        if handshake.retransmits:
            self.retransmits += handshake.retransmits
        if handshake.outcome != _ESTABLISHED:
            self.failures += 1
        else:
            self._add_established(time_ns // SLICE_NS, handshake)
        return is_first

    def _add_established(self, slice_: int, handshake: Handshake) -> None:
        self.established += 1
        latency_ns = handshake.latency_ns
        if latency_ns:
            self.latest_ns = latency_ns
            self.latencies.add(latency_ns)
            self._trend.add(slice_, bisect_left(EDGES_NS, latency_ns) + 1)
        else:
            self.ambiguous += handshake.ambiguous
            self._trend.add(slice_, 0)

    def _set_aside(self) -> None:
        self._shown = _Shown(self.count, self.last_ns, self.max_ns, self.recent, self.levels, self.failed)

    def refresh(self) -> None:
        """Show what has been counted up to now. Only needed if a handshake came since the last time."""
        self._shown = self._percentiles = None

    @property
    def count(self) -> int:
        """Established handshakes."""
        return self._shown.established if self._shown else self.established

    @property
    def failed(self) -> int:
        """Connections refused, unreachable or unanswered."""
        return self._shown.failures if self._shown else self.failures

    @property
    def last_ns(self) -> int | None:
        """The latency of the latest handshake that had one."""
        return self._shown.last_ns if self._shown else self.latest_ns

    @property
    def max_ns(self) -> int | None:
        """The greatest latency."""
        return self._shown.max_ns if self._shown else self.latencies.max_ns

    @property
    def recent(self) -> int:
        """Established handshakes in the last minute, see `Trend.recent`."""
        return self._shown.recent if self._shown else self._trend.recent(self._moment.slice)

    @property
    def rate(self) -> float:
        """Established handshakes per second in the last minute, see `rate_s`."""
        return self.recent / self._moment.rate_s

    @property
    def levels(self) -> bytes:
        """The sparkline's 24 levels, see `Trend.levels`."""
        return self._shown.levels if self._shown else self._trend.levels(self._moment.slice)

    @property
    def p50_ns(self) -> int | None:
        """The median latency since the start."""
        return self._percentile(0)

    @property
    def p95_ns(self) -> int | None:
        """95 of 100 latencies were at most this."""
        return self._percentile(1)

    @property
    def p99_ns(self) -> int | None:
        """99 of 100 latencies were at most this."""
        return self._percentile(2)

    def _percentile(self, index: int) -> int | None:
        max_ns = self.max_ns
        if max_ns is None:
            return None
        if self._percentiles is None:
            self._percentiles = self.latencies.quantiles(_PERCENTILES)
        return min(self._percentiles[index], max_ns)


class Host(Tally):
    """One row: a remote host. Made and written by `Hosts` only."""

    __slots__ = ("address", "key", "matches", "remote")

    def __init__(self, remote: bytes, moment: Moment, time_ns: int) -> None:
        super().__init__(moment, time_ns)
        self.remote = remote
        """16 bytes, as in `Handshake.remote`."""
        self.address = address_text(remote)
        self.matches = True
        """Whether the filter lets it through."""
        self.key: Key | None = None
        """Its place in the order, as of the last refresh; None: no refresh has seen it yet."""
