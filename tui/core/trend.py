"""Two minutes of a host in slices of 5 s: how slow each slice got (the sparkline) and how many it saw (the rate)."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass

SLICE_NS = 5_000_000_000
SLICES = 24
RATE_SLICES = 12
"""The rate looks at one minute: the current slice and the 11 before it."""

EDGES_NS = (300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000)
"""Upper edges of levels 1..7; above the last is level 8. One absolute scale, so that rows can be compared by eye."""


def slice_of(time_ns: int) -> int:
    """The number of the slice a monotonic time lies in; slices begin at whole multiples of 5 s."""
    return time_ns // SLICE_NS


def level_of(latency_ns: int) -> int:
    """The level 1..8 of a latency."""
    return bisect_left(EDGES_NS, latency_ns) + 1


class Trend:
    """The last 24 slices of one host. Slices are moved when a handshake comes, not by time passing. One writer."""

    # The newest slice is kept apart from the 23 before it: counting then touches one object instead of five, which at
    # 10,000 hosts, more than a cache holds, is what it costs.
    __slots__ = ("_count", "_counts", "_level", "_levels", "_newest")

    def __init__(self, slice_: int) -> None:
        self._newest = slice_
        self._level = 0
        self._count = 0
        self._levels = bytearray(SLICES - 1)
        self._counts = array("I", bytes(4 * (SLICES - 1)))

    def add(self, slice_: int, level: int) -> None:
        """Count one handshake in `slice_`; level 0: it has no latency. Older than the oldest slice kept: forgotten."""
        if slice_ > self._newest:
            self._move_to(slice_)
        elif slice_ < self._newest:
            self._add_late(slice_, level)
            return
        self._count += 1
        if level > self._level:
            self._level = level

    def _add_late(self, slice_: int, level: int) -> None:
        """Handshakes of several interfaces, or CPUs, come nearly in order, not quite."""
        index = slice_ - self._newest + SLICES - 1
        if index >= 0:
            self._counts[index] += 1
            self._levels[index] = max(level, self._levels[index])

    def _move_to(self, slice_: int) -> None:
        empty = min(slice_ - self._newest, SLICES) - 1
        self._newest = slice_
        self._levels.append(self._level)
        self._counts.append(self._count)
        self._level = self._count = 0
        self._levels.extend(bytes(empty))
        self._counts.frombytes(bytes(4 * empty))
        del self._levels[: empty + 1], self._counts[: empty + 1]

    def levels(self, now: int) -> bytes:
        """24 levels, oldest first, the last one of slice `now`, which may be incomplete; 0: no latency seen in it."""
        levels = bytes(self._levels) + bytes((self._level,))
        passed = now - self._newest
        if passed >= 0:
            return levels[passed:] + bytes(min(passed, SLICES))
        return bytes(min(-passed, SLICES)) + levels[:passed]

    def recent(self, now: int) -> int:
        """How many handshakes the slices `now - 11` to `now` hold: what the rate is made of.

        It stays the same while no handshake comes and `now` is the same slice, and a rate is this divided by seconds
        that are the same for all: so rows are ordered by it, and no key wears out between two slices.
        """
        stop = SLICES + now - self._newest
        older = sum(self._counts[max(0, stop - RATE_SLICES) : max(0, stop)])
        return older + self._count if SLICES <= stop < SLICES + RATE_SLICES else older


@dataclass(slots=True)
class Moment:
    """When the figures on the screen were taken: set by `Hosts.refresh`, shared by all its rows."""

    slice: int
    rate_s: float
    """Seconds the rate's slices cover; see `rate_s`."""


def rate_s(now_ns: int, began_ns: int) -> float:
    """How many seconds a rate is an average of; at least 1.

    They are its 11 whole slices and what has passed of the current one (55 to 60 s), or, if that is less, the time
    since `began_ns`. So the rate is exact at any moment, and does not dip when a new slice begins.
    """
    first_ns = (slice_of(now_ns) - RATE_SLICES + 1) * SLICE_NS
    return max(1.0, min(now_ns - first_ns, now_ns - began_ns) / 1e9)
