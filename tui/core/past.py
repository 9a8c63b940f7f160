"""Past: what was counted in the last fifteen minutes, by slices of 5 s; by half minutes what is older than two.

What comes is kept as it comes, two bytes each: to count it at once would touch a table of each slice.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict

from tui.core.codes import CODE_BITS, CODE_MASK, ESTABLISHED_END
from tui.core.packing import (
    COUNT_BITS,
    COUNT_MASK,
    LAST_SLICE,
    SLICE_SHIFT,
    Slice,
    append_entries,
    append_entry,
    established_in,
    established_of,
    level_of_codes,
    levels_of,
    packed,
)
from tui.core.trend import SLICE_NS, SLICES
from tui.core.window import COARSE, KEPT_SLICES, first_fine_slice

_LOOSE_ENTRIES = 1024
_MANY = 1024
"""More than so many of one slice are counted in a table after all, which is smaller then."""
_FEW = 4
"""So many that are alike take no more room one by one than together."""
_PLACE_BITS = 32
_PLACE_MASK = (1 << _PLACE_BITS) - 1


class Past:
    """One writer."""

    __slots__ = (
        "_begins",
        "_codes",
        "_ended",
        "_ended_levels",
        "_fine_from",
        "_is_loose",
        "_loose_entries",
        "_newest",
        "_open",
        "_packed",
    )

    def __init__(self) -> None:
        self._newest = 0
        self._codes = array("H")
        """What handshakes count as, each as it came, slice by slice."""
        self._begins = array("Q", [0])
        """Where in these a slice begins: `slice << 32 | place`; the last one is that of the newest slice."""
        self._open: Counter[int] | None = None
        """Also of the newest slice: what is not kept one by one."""
        self._packed = array("Q")
        """Of any slice: `slice << 34 | code << 20 | count`, 8 bytes for each; older ones before newer ones."""
        self._fine_from = 0
        """Before this slice all is packed, by half minutes: of each the first slice stands for all."""
        self._ended: tuple[int, int] | None = None
        self._ended_levels: tuple[int, bytes] | None = None
        """What `recent` and `levels` found apart from the newest slice when asked last, and what they were asked."""
        self._is_loose = False
        """`_packed` is in no order, and may hold several counts of the same: a merge has just joined it together."""
        self._loose_entries = _LOOSE_ENTRIES
        """With so many it is put in order before more are added."""

    def add(self, times_ns: list[int], codes: list[int], newest_ns: int) -> None:
        """Count handshakes by when they ended, and what they count as. `newest_ns`: when the last one did."""
        oldest, newest = min(times_ns) // SLICE_NS, newest_ns // SLICE_NS
        if oldest < self._newest:
            self._add_mixed(times_ns, codes)
        elif oldest == newest:
            self._extend(newest, codes)
        else:
            self._add_slices(times_ns, codes)

    def _add_slices(self, times_ns: list[int], codes: list[int]) -> None:
        """Of several slices: mostly those of one come before those of the next."""
        begin, slice_ = 0, -1
        while begin < len(codes):
            before, slice_ = slice_, times_ns[begin] // SLICE_NS
            end_ns = (slice_ + 1) * SLICE_NS
            end = bisect_left(times_ns, end_ns, begin)
            some = times_ns[begin:end]
            if slice_ < before or min(some) < end_ns - SLICE_NS or max(some) >= end_ns:
                self._add_mixed(times_ns[begin:], codes[begin:])
                return
            self._extend(slice_, codes[begin:end])
            begin = end

    def _add_mixed(self, times_ns: list[int], codes: list[int]) -> None:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for time_ns, code in zip(times_ns, codes, strict=True):
            found[time_ns // SLICE_NS].append(code)
        for slice_, some in sorted(found.items()):
            if slice_ >= self._newest:
                self._extend(slice_, some)
                continue
            for code, count in Counter(some).items():
                self._keep_late(slice_, code, count)

    def _extend(self, slice_: int, codes: list[int]) -> None:
        """Count some of the newest slice, or a newer one."""
        if slice_ > self._newest:
            self._begin(slice_)
        begin = self._begins[-1] & _PLACE_MASK
        if len(self._codes) - begin + len(codes) > _MANY:
            self._open = self._open or Counter()
            self._open.update(self._codes[begin:])
            self._open.update(codes)
            del self._codes[begin:]
        else:
            self._codes.fromlist(codes)

    def count(self, slice_: int, code: int, count: int) -> None:
        """Count some of a slice that are alike."""
        if slice_ < self._newest:
            self._keep_late(slice_, code, count)
            return
        if count <= _FEW:
            self._extend(slice_, [code] * count)
            return
        if slice_ > self._newest:
            self._begin(slice_)
        self._open = self._open or Counter()
        self._open[code] += count

    def merge(self, other: Past) -> None:
        """Add what another has counted: the same as if all of it had been counted here."""
        if other._newest > self._newest:
            self._begin(other._newest)
        self._ended = self._ended_levels = None
        self._is_loose = True
        self._packed.extend(other._packed)
        for slice_, codes in other._kept(0):
            append_entries(self._packed, min(slice_, LAST_SLICE) << CODE_BITS, Counter(codes))
        append_entries(self._packed, min(other._newest, LAST_SLICE) << CODE_BITS, other._open or {})
        if len(self._packed) > self._loose_entries:
            # Of thousands of tallies this would become far more than there are different counts.
            self._loose_entries = 2 * len(self._in_order()) + _LOOSE_ENTRIES

    def since(self, first_slice: int) -> dict[int, int]:
        """Counts by code, from a slice on that is in the last two minutes, or begins a half minute of the last 15."""
        counts = Counter(self._codes[self._place(first_slice) :])
        if self._open and self._newest >= first_slice:
            counts.update(self._open)
        for entry in self._packed_from(first_slice):
            counts[entry >> COUNT_BITS & CODE_MASK] += entry & COUNT_MASK
        return counts

    def recent(self, first_slice: int) -> int:
        """Established handshakes from a slice on; which, see `since`."""
        newest = self._begins[-1] & _PLACE_MASK
        if self._ended is None or self._ended[0] != first_slice:
            kept = established_in(self._codes[self._place(first_slice) : newest])
            self._ended = first_slice, kept + established_of(self._packed_from(first_slice))
        total = self._ended[1]
        if self._newest >= first_slice:
            total += established_in(self._codes[newest:])
            if self._open:
                total += sum([count for code, count in self._open.items() if code < ESTABLISHED_END])
        return total

    def has_between(self, first_slice: int, end_slice: int) -> bool:
        """Whether anything was counted from a slice on, before another; which, see `since`."""
        if self._open and first_slice <= self._newest < end_slice:
            return True
        if self._place(first_slice) < self._place(end_slice):
            return True
        entries = self._in_order()
        at = bisect_left(entries, first_slice << SLICE_SHIFT)
        return at < len(entries) and entries[at] < end_slice << SLICE_SHIFT

    def levels(self, slice_: int) -> bytes:
        """24 levels, oldest first, the last that of `slice_`: the slowest handshake of each; 0: none had a latency."""
        first = slice_ - SLICES + 1
        if self._ended_levels is None or self._ended_levels[0] != slice_:
            levels = bytearray(levels_of(self._packed_from(first), first))
            for at, codes in self._kept(first):
                if at < min(self._newest, first + SLICES):
                    levels[at - first] = max(levels[at - first], level_of_codes(codes))
            self._ended_levels = slice_, bytes(levels)
        levels, at = bytearray(self._ended_levels[1]), self._newest - first
        if 0 <= at < SLICES:
            kept = self._codes[self._begins[-1] & _PLACE_MASK :]
            levels[at] = max(levels[at], level_of_codes(kept), level_of_codes(self._open or ()))
        return bytes(levels)

    def history(self) -> list[Slice]:
        """The last fifteen minutes, oldest first: slices of 5 s, and older than two minutes, of half a minute."""
        fine_from = first_fine_slice(self._newest)
        found: dict[int, dict[int, int]] = {}
        everything = Past()
        everything._fine_from = fine_from
        everything.merge(self)
        for entry in everything._packed_from((self._newest - KEPT_SLICES) // COARSE * COARSE):
            counts = found.setdefault(entry >> SLICE_SHIFT, {})
            code = entry >> COUNT_BITS & CODE_MASK
            counts[code] = counts.get(code, 0) + (entry & COUNT_MASK)
        return [
            Slice(slice_, 1 if slice_ >= fine_from else COARSE, counts)
            for slice_, counts in sorted(found.items())
        ]

    def _begin(self, slice_: int) -> None:
        """Begin another slice, which is the newest then."""
        self._ended = self._ended_levels = None
        if self._open:
            entries = array("Q")
            append_entries(entries, min(self._newest, LAST_SLICE) << CODE_BITS, self._open)
            self._insert(self._newest, entries)
        self._open = None
        self._newest = slice_
        self._begins.append(min(slice_, LAST_SLICE) << _PLACE_BITS | len(self._codes))
        if first_fine_slice(slice_) > self._fine_from:
            self._compact()

    def _keep_late(self, slice_: int, code: int, count: int) -> None:
        """Count something older than the newest slice: interfaces and CPUs report nearly in order, not quite."""
        if slice_ < self._newest - KEPT_SLICES - COARSE:
            return  # No window reaches back so far.
        if slice_ < self._fine_from:
            slice_ -= slice_ % COARSE
        entries = array("Q")
        append_entry(entries, min(slice_, LAST_SLICE) << CODE_BITS | code, count)
        self._insert(slice_, entries)
        self._ended = self._ended_levels = None

    def _insert(self, slice_: int, entries: array[int]) -> None:
        """Put entries of one slice with the others."""
        before = self._in_order()
        at = bisect_left(before, slice_ + 1 << SLICE_SHIFT)
        before[at:at] = entries

    def _compact(self) -> None:
        """Put together half minutes that are now older than two; forget what is older than fifteen."""
        entries = self._in_order()
        before, self._fine_from = self._fine_from, first_fine_slice(self._newest)
        aged = slice(*(bisect_left(entries, each << SLICE_SHIFT) for each in (before, self._fine_from)))
        halves: dict[int, Counter[int]] = {}
        for slice_, codes in self._kept(0):
            if slice_ < self._fine_from:
                halves.setdefault(slice_ - slice_ % COARSE, Counter()).update(codes)
        for entry in entries[aged]:
            slice_ = entry >> SLICE_SHIFT
            counts = halves.setdefault(slice_ - slice_ % COARSE, Counter())
            counts[entry >> COUNT_BITS & CODE_MASK] += entry & COUNT_MASK
        together = array("Q")
        for slice_, counts in sorted(halves.items()):
            append_entries(together, slice_ << CODE_BITS, dict(sorted(counts.items())))
        entries[aged] = together
        del entries[: bisect_left(entries, self._newest - KEPT_SLICES - COARSE << SLICE_SHIFT)]
        self._drop_kept()

    def _drop_kept(self) -> None:
        """Let go of what is packed by now."""
        dropped = self._place(self._fine_from)
        first = min(bisect_left(self._begins, self._fine_from << _PLACE_BITS), len(self._begins) - 1)
        self._begins = array("Q", [begin - dropped for begin in self._begins[first:]])
        del self._codes[:dropped]

    def _place(self, slice_: int) -> int:
        """How many of those kept are of slices before."""
        at = bisect_left(self._begins, slice_ << _PLACE_BITS)
        return self._begins[at] & _PLACE_MASK if at < len(self._begins) else len(self._codes)

    def _kept(self, first_slice: int) -> list[tuple[int, array[int]]]:
        """Slices from one on, newest first, and what is kept of each."""
        end = len(self._codes)
        found = []
        for begin in reversed(self._begins[bisect_left(self._begins, first_slice << _PLACE_BITS) :]):
            found.append((begin >> _PLACE_BITS, self._codes[begin & _PLACE_MASK : end]))
            end = begin & _PLACE_MASK
        return found

    def _in_order(self) -> array[int]:
        if self._is_loose:
            self._packed = packed(self._packed, self._fine_from)
            self._is_loose = False
        return self._packed

    def _packed_from(self, first_slice: int) -> array[int]:
        entries = self._in_order()
        return entries[bisect_left(entries, first_slice << SLICE_SHIFT) :]
