"""Tally: everything counted of one row or cell, since the start and in the last fifteen minutes; tallies add up."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tui.core.codes import BUCKETS, CODE_BITS, CODE_MASK, ESTABLISHED_END, FAILURES, Delta, add_latencies
from tui.core.figures import Exact, Figures
from tui.core.histogram import bucket_of
from tui.core.trend import EDGES_NS, SLICES
from tui.core.window import COARSE, KEPT_SLICES, Moment, Window, first_fine_slice

_COUNT_BITS = 20
_COUNT_MASK = (1 << _COUNT_BITS) - 1
_SLICE_SHIFT = CODE_BITS + _COUNT_BITS
_LAST_SLICE = (1 << 64 - _SLICE_SHIFT) - 1
"""170 years: what is stamped later, in a file that lies, is counted there."""
_LEVEL_ENDS = tuple(map(bucket_of, EDGES_NS))
_LEVELS = tuple(bisect_left(_LEVEL_ENDS, bucket) + 1 for bucket in range(bucket_of(2**64 - 1) + 1))
"""The sparkline's level of each bucket; one that an edge lies in is below it: edges are round, as latencies are."""
_LOOSE_ENTRIES = 1024


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
        "_fine_from",
        "_is_loose",
        "_loose_entries",
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
        "timed_ns",
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
        """Of the latest handshake that had one; of several that ended at the same time, the greatest."""
        self.timed_ns = 0
        """When that one ended."""
        self.last_seen_ns = 0
        self._newest = 0
        self._open: dict[int, int] = {}
        """Of the newest slice, by code."""
        self._recent = array("Q")
        """Of slices before: `slice << 34 | code << 20 | count`, 8 bytes for each; older ones before newer ones."""
        self._fine_from = 0
        """Before this slice, `_recent` is of half minutes: of each the first slice stands for all."""
        self._is_loose = False
        """`_recent` is in no order, and may hold several counts of the same: a merge has just joined it together."""
        self._loose_entries = _LOOSE_ENTRIES
        """With so many it is put in order before more are added."""

    def apply(self, delta: Delta | Tally) -> None:
        """Add what a delta, or another tally, has counted."""
        if isinstance(delta, Tally):
            self.merge(delta)
            return
        counts, open_, newest = self.counts, self._open, self._newest
        for key, count in delta.counts.items():
            code = key & CODE_MASK
            counts[code] = counts.get(code, 0) + count
            if code < ESTABLISHED_END:
                self.established += count
            elif code in FAILURES:
                self.failed += count
            slice_ = key >> CODE_BITS
            if slice_ < newest:
                self._keep_late(slice_, code, count)
                continue
            if slice_ > newest:
                self._begin(slice_)
                open_, newest = self._open, slice_
            open_[code] = open_.get(code, 0) + count
        add_latencies(self, delta)

    def merge(self, other: Tally) -> None:
        """Add what another has counted: the same as if all of it had been applied here."""
        for code, count in other.counts.items():
            self.counts[code] = self.counts.get(code, 0) + count
        self.established += other.established
        self.failed += other.failed
        add_latencies(self, other)
        if other._newest > self._newest:
            self._begin(other._newest)
        if other._recent:
            self._is_loose = True
            self._recent.extend(other._recent)
        for code, count in other._open.items():
            if other._newest == self._newest:
                self._open[code] = self._open.get(code, 0) + count
            else:
                self._is_loose = True
                _append(self._recent, min(other._newest, _LAST_SLICE) << CODE_BITS | code, count)
        if self._is_loose and len(self._recent) > self._loose_entries:
            # Of thousands of tallies this would become far more than there are different counts.
            self._loose_entries = 2 * len(self._in_order()) + _LOOSE_ENTRIES

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
        for entry in self._from(first_slice):
            code = entry >> _COUNT_BITS & CODE_MASK
            counts[code] = counts.get(code, 0) + (entry & _COUNT_MASK)
        return counts

    def recent(self, first_slice: int) -> int:
        """Established handshakes from a slice on; which, see `since`."""
        end = ESTABLISHED_END << _COUNT_BITS
        code_and_count = (1 << _SLICE_SHIFT) - 1
        total = 0
        for entry in self._from(first_slice):
            if entry & code_and_count < end:
                total += entry & _COUNT_MASK
        if self._newest >= first_slice:
            for code, count in self._open.items():
                if code < ESTABLISHED_END:
                    total += count
        return total

    def has_between(self, first_slice: int, end_slice: int) -> bool:
        """Whether anything was counted from a slice on, before another; which, see `since`."""
        if self._open and first_slice <= self._newest < end_slice:
            return True
        recent = self._in_order()
        at = bisect_left(recent, first_slice << _SLICE_SHIFT)
        return at < len(recent) and recent[at] < end_slice << _SLICE_SHIFT

    def levels(self, slice_: int) -> bytes:
        """24 levels, oldest first, the last that of `slice_`: the slowest handshake of each; 0: none had a latency."""
        slowest = [-1] * SLICES
        first = slice_ - SLICES + 1
        for entry in self._from(first):
            code, at = entry >> _COUNT_BITS & CODE_MASK, (entry >> _SLICE_SHIFT) - first
            if at < SLICES and slowest[at] < code < BUCKETS:
                slowest[at] = code
        at = self._newest - first
        if 0 <= at < SLICES:
            slowest[at] = max([slowest[at], *[code for code in self._open if code < BUCKETS]])
        return bytes([_LEVELS[code] if code >= 0 else 0 for code in slowest])

    def history(self) -> list[Slice]:
        """The last fifteen minutes, oldest first: slices of 5 s, and older than two minutes, of half a minute."""
        fine_from = first_fine_slice(self._newest)
        found: dict[int, dict[int, int]] = {}
        for entry in self._from((self._newest - KEPT_SLICES) // COARSE * COARSE):
            slice_, code = entry >> _SLICE_SHIFT, entry >> _COUNT_BITS & CODE_MASK
            slice_ = slice_ if slice_ >= fine_from else slice_ - slice_ % COARSE
            counts = found.setdefault(slice_, {})
            counts[code] = counts.get(code, 0) + (entry & _COUNT_MASK)
        if self._open:
            found[self._newest] = dict(self._open)
        return [
            Slice(slice_, 1 if slice_ >= fine_from else COARSE, counts)
            for slice_, counts in sorted(found.items())
        ]

    def _begin(self, slice_: int) -> None:
        """Put the newest slice with the others, and begin another."""
        place = min(self._newest, _LAST_SLICE) << CODE_BITS
        for code, count in self._open.items():
            _append(self._recent, place | code, count)
        self._open = {}
        self._newest = slice_
        if first_fine_slice(slice_) > self._fine_from:
            self._compact()

    def _keep_late(self, slice_: int, code: int, count: int) -> None:
        """Count something older than the newest slice: interfaces and CPUs report nearly in order, not quite."""
        if slice_ < self._newest - KEPT_SLICES - COARSE:
            return  # No window reaches back so far.
        if slice_ < self._fine_from:
            slice_ -= slice_ % COARSE
        entries = array("Q")
        _append(entries, min(slice_, _LAST_SLICE) << CODE_BITS | code, count)
        recent = self._in_order()
        at = bisect_left(recent, slice_ + 1 << _SLICE_SHIFT)
        recent[at:at] = entries

    def _compact(self) -> None:
        """Put together half minutes that are now older than two; forget what is older than fifteen."""
        recent = self._in_order()
        before, self._fine_from = self._fine_from, first_fine_slice(self._newest)
        aged = slice(*(bisect_left(recent, each << _SLICE_SHIFT) for each in (before, self._fine_from)))
        recent[aged] = _packed(recent[aged], self._fine_from)
        del recent[: bisect_left(recent, self._newest - KEPT_SLICES - COARSE << _SLICE_SHIFT)]

    def _in_order(self) -> array[int]:
        if self._is_loose:
            self._recent = _packed(self._recent, self._fine_from)
            self._is_loose = False
        return self._recent

    def _from(self, first_slice: int) -> array[int]:
        recent = self._in_order()
        return recent[bisect_left(recent, first_slice << _SLICE_SHIFT) :]


def _append(entries: array[int], place: int, count: int) -> None:
    """`place`: slice and code."""
    while count > _COUNT_MASK:
        entries.append(place << _COUNT_BITS | _COUNT_MASK)
        count -= _COUNT_MASK
    entries.append(place << _COUNT_BITS | count)


def _packed(entries: Iterable[int], fine_from: int) -> array[int]:
    """The same, in order, one of each slice and code; before `fine_from`, of each half minute."""
    sums: dict[int, int] = {}
    for entry in entries:
        place = entry >> _COUNT_BITS
        slice_ = place >> CODE_BITS
        if slice_ < fine_from:
            place -= slice_ % COARSE << CODE_BITS
        sums[place] = sums.get(place, 0) + (entry & _COUNT_MASK)
    packed = array("Q")
    for place in sorted(sums):
        _append(packed, place, sums[place])
    return packed
