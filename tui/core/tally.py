"""Tally: everything counted of one row or cell, since the start and in the last fifteen minutes; tallies add up."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from tui.core.codes import BUCKETS, CODE_BITS, CODE_MASK, ESTABLISHED_END, FAILURES, Delta
from tui.core.figures import Exact, Figures
from tui.core.histogram import middle_ns
from tui.core.trend import EDGES_NS, SLICES
from tui.core.window import COARSE, FINE_SLICES, KEPT_SLICES, Moment, Window

_COUNT_BITS = 20
_COUNT_MASK = (1 << _COUNT_BITS) - 1
_SLICE_SHIFT = CODE_BITS + _COUNT_BITS
_LEVELS = tuple(bisect_left(EDGES_NS, middle_ns(bucket)) + 1 for bucket in range(BUCKETS - 256))
"""The sparkline's level of each bucket."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What was counted in some seconds of the past."""

    first: int
    """The number of its first slice of 5 s."""
    slices: int
    counts: Mapping[int, int]
    """By code."""


class Tally:
    """One writer. Nothing is shown before it was applied, so a model that applies nothing stands still."""

    __slots__ = (
        "_compacted",
        "_newest",
        "_open",
        "_recent",
        "counts",
        "established",
        "failed",
        "last_latency_ns",
        "last_seen_ns",
        "max_ns",
        "min_ns",
        "squares_ns2",
        "sum_ns",
    )

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        """Since the start, by code."""
        self.established = 0
        self.failed = 0
        self.min_ns: int | None = None
        self.max_ns = 0
        self.sum_ns = 0
        self.squares_ns2 = 0
        self.last_latency_ns: int | None = None
        self.last_seen_ns = 0
        self._newest = 0
        self._open: dict[int, int] = {}
        """Of the newest slice, by code."""
        self._recent = array("Q")
        """Of slices before: `slice << 34 | code << 20 | count`, in no particular order; 8 bytes for each."""
        self._compacted = 0

    def apply(self, delta: Delta) -> None:
        """Add what a delta counted."""
        counts = self.counts
        for key, count in delta.counts.items():
            code = key & CODE_MASK
            counts[code] = counts.get(code, 0) + count
            if code < ESTABLISHED_END:
                self.established += count
            elif code in FAILURES:
                self.failed += count
            slice_ = key >> CODE_BITS
            if slice_ != self._newest:
                if slice_ < self._newest:  # Interfaces and CPUs report nearly in order, not quite.
                    self._keep(slice_, code, count)
                    continue
                self._begin(slice_)
            self._open[code] = self._open.get(code, 0) + count
        self.sum_ns += delta.sum_ns
        self.squares_ns2 += delta.squares_ns2
        self._take_extremes(delta.min_ns, delta.max_ns)
        if delta.last_seen_ns >= self.last_seen_ns:
            self.last_seen_ns = delta.last_seen_ns
            if delta.last_latency_ns is not None:
                self.last_latency_ns = delta.last_latency_ns

    def merge(self, other: Tally) -> None:
        """Add what another has counted: the same as if all of it had been applied here."""
        for code, count in other.counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
        self.established += other.established
        self.failed += other.failed
        self.sum_ns += other.sum_ns
        self.squares_ns2 += other.squares_ns2
        self._take_extremes(other.min_ns, other.max_ns)
        if other.last_seen_ns > self.last_seen_ns:
            self.last_seen_ns = other.last_seen_ns
            if other.last_latency_ns is not None:
                self.last_latency_ns = other.last_latency_ns
        elif self.last_latency_ns is None:
            self.last_latency_ns = other.last_latency_ns
        if other._newest > self._newest:
            self._begin(other._newest)
        self._recent.extend(other._recent)
        for code, count in other._open.items():
            if other._newest == self._newest:
                self._open[code] = self._open.get(code, 0) + count
            else:
                self._keep(other._newest, code, count)

    def figures(self, moment: Moment) -> Figures:
        """What the window holds; of everything extremes and jitter are exact, of less as exact as quantiles are."""
        if moment.window is Window.ALL:
            return self.all_time
        return Figures(self.since(moment.first_slice))

    @property
    def all_time(self) -> Figures:
        """Everything since the start."""
        return Figures(self.counts, Exact(self.min_ns, self.max_ns, self.sum_ns, self.squares_ns2))

    def since(self, first_slice: int) -> dict[int, int]:
        """Counts by code, from a slice on that is in the last two minutes, or begins a half minute of the last 15."""
        counts = dict(self._open) if self._newest >= first_slice else {}
        lowest = first_slice << _SLICE_SHIFT
        for entry in self._recent:
            if entry >= lowest:
                code = entry >> _COUNT_BITS & CODE_MASK
                counts[code] = counts.get(code, 0) + (entry & _COUNT_MASK)
        return counts

    def recent(self, first_slice: int) -> int:
        """Established handshakes from a slice on; which, see `since`."""
        lowest = first_slice << _SLICE_SHIFT
        end = ESTABLISHED_END << _COUNT_BITS
        code_and_count = (1 << _SLICE_SHIFT) - 1
        total = sum(
            entry & _COUNT_MASK for entry in self._recent if entry >= lowest and entry & code_and_count < end
        )
        if self._newest >= first_slice:
            total += sum(count for code, count in self._open.items() if code < ESTABLISHED_END)
        return total

    def reaches_before(self, first_slice: int) -> bool:
        """Whether something recent was counted before a slice: a window that begins there leaves it out."""
        if self._recent:
            return min(self._recent) >> _SLICE_SHIFT < first_slice
        return bool(self._open) and self._newest < first_slice

    def levels(self, slice_: int) -> bytes:
        """24 levels, oldest first, the last that of `slice_`: the slowest handshake of each; 0: none had a latency."""
        slowest = [-1] * SLICES
        first = slice_ - SLICES + 1
        lowest = first << _SLICE_SHIFT
        for entry in self._recent:
            if entry >= lowest:
                code, at = entry >> _COUNT_BITS & CODE_MASK, (entry >> _SLICE_SHIFT) - first
                if at < SLICES and slowest[at] < code < BUCKETS:
                    slowest[at] = code
        at = self._newest - first
        if 0 <= at < SLICES:
            slowest[at] = max([slowest[at], *[code for code in self._open if code < BUCKETS]])
        return bytes([_LEVELS[code] if code >= 0 else 0 for code in slowest])

    def history(self) -> list[Slice]:
        """The last fifteen minutes, oldest first: slices of 5 s, and older than two minutes, of half a minute."""
        found: dict[int, dict[int, int]] = {self._newest: dict(self._open)} if self._open else {}
        fine_from = self._newest - FINE_SLICES
        for entry in self._recent:
            slice_, code = entry >> _SLICE_SHIFT, entry >> _COUNT_BITS & CODE_MASK
            slice_ = slice_ if slice_ >= fine_from else slice_ - slice_ % COARSE
            counts = found.setdefault(slice_, {})
            counts[code] = counts.get(code, 0) + (entry & _COUNT_MASK)
        return [
            Slice(slice_, 1 if slice_ >= fine_from else COARSE, counts)
            for slice_, counts in sorted(found.items())
        ]

    def _take_extremes(self, min_ns: int | None, max_ns: int) -> None:
        if min_ns is not None:
            self.min_ns = min_ns if self.min_ns is None else min(min_ns, self.min_ns)
            self.max_ns = max(max_ns, self.max_ns)

    def _begin(self, slice_: int) -> None:
        """Put the newest slice with the others, and begin another."""
        for code, count in self._open.items():
            self._keep(self._newest, code, count)
        self._open = {}
        self._newest = slice_
        if slice_ - self._compacted >= COARSE:
            self._compact()

    def _keep(self, slice_: int, code: int, count: int) -> None:
        place = slice_ << _SLICE_SHIFT | code << _COUNT_BITS
        while count:
            part = min(count, _COUNT_MASK)
            self._recent.append(place | part)
            count -= part

    def _compact(self) -> None:
        """Forget what is older than fifteen minutes; put together half minutes older than two."""
        self._compacted = self._newest
        oldest = self._newest - KEPT_SLICES - COARSE << _SLICE_SHIFT
        fine_from = self._newest - FINE_SLICES << _SLICE_SHIFT
        older: dict[int, int] = {}
        recent = array("Q")
        for entry in self._recent:
            if entry >= fine_from:
                recent.append(entry)
            elif entry >= oldest:
                slice_ = entry >> _SLICE_SHIFT
                place = slice_ - slice_ % COARSE << CODE_BITS | entry >> _COUNT_BITS & CODE_MASK
                older[place] = older.get(place, 0) + (entry & _COUNT_MASK)
        self._recent = recent
        for place, count in older.items():
            self._keep(place >> CODE_BITS, place & CODE_MASK, count)
