"""How much passes each interface: rates between two readings of its counters, and a sparkline of the last 24."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

READINGS = 24
EDGES_BYTES_S = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
"""Upper edges of levels 1..7; above the last is level 8. One absolute scale, so that interfaces can be compared."""

_NO_LEVELS = bytes(READINGS)


class Counters(Protocol):
    """What an interface has counted since it was made: `bpf.interfaces.Counters`."""

    @property
    def rx_packets(self) -> int:
        """Packets that came in."""

    @property
    def tx_packets(self) -> int:
        """Packets that went out."""

    @property
    def rx_bytes(self) -> int:
        """Bytes that came in; some devices count their link headers, some do not."""

    @property
    def tx_bytes(self) -> int:
        """Bytes that went out."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What passed one interface per second, on average between the last two readings."""

    rx_packets_s: float
    tx_packets_s: float
    rx_bytes_s: float
    tx_bytes_s: float


@dataclass(frozen=True, slots=True)
class Passed:
    """One interface at the last reading."""

    rates: Rates | None
    """None: counted from here on, so the next reading has them."""
    levels: bytes
    """24 readings, oldest first: 1..8 for received and sent bytes/s together; 0: nothing passed, or not known."""


_NEW = Passed(None, _NO_LEVELS)


def level_of(bytes_s: float) -> int:
    """The level 1..8 of a rate, a step a power of ten from 1 kB/s to 1 GB/s; 0 of none."""
    return bisect_left(EDGES_BYTES_S, bytes_s) + 1 if bytes_s > 0 else 0


class Throughput:
    """Follows the counters of interfaces, by their indices: an interface made anew is another one. One thread.

    A rate is right however long ago the reading before was, but the sparkline counts readings, not seconds: begin
    with a new one where reading paused.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._counters: Mapping[int, Counters] = {}
        self._passed: dict[int, Passed] = {}

    def read(self, now_ns: int, counters: Mapping[int, Counters]) -> None:
        """Take what all interfaces that there are have counted by now; those not among them are forgotten.

        `now_ns` is monotonic. No later than the reading before, it is ignored: there is no rate in no time.
        """
        elapsed_s = (now_ns - self._now_ns) / 1e9
        if self._counters and elapsed_s <= 0:
            return
        self._passed = {index: self._next(index, each, elapsed_s) for index, each in counters.items()}
        self._now_ns, self._counters = now_ns, dict(counters)

    def of(self, index: int) -> Passed:
        """What passed an interface; of one that is not known, nothing."""
        return self._passed.get(index, _NEW)

    def _next(self, index: int, now: Counters, elapsed_s: float) -> Passed:
        before = self._counters.get(index)
        if before is None:
            return _NEW
        rates = _rates(before, now, elapsed_s)
        level = level_of(rates.rx_bytes_s + rates.tx_bytes_s) if rates else 0
        return Passed(rates, self._passed[index].levels[1:] + bytes((level,)))


def _rates(before: Counters, now: Counters, elapsed_s: float) -> Rates | None:
    counted = (
        now.rx_packets - before.rx_packets,
        now.tx_packets - before.tx_packets,
        now.rx_bytes - before.rx_bytes,
        now.tx_bytes - before.tx_bytes,
    )
    # A driver that was reset, a counter of 32 bits, or an interface made anew with the index it had.
    if min(counted) < 0:
        return None
    return Rates(*(each / elapsed_s for each in counted))
