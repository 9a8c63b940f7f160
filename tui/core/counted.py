"""Counted: tables of what was counted since the start and in the last fifteen minutes; they add up."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from itertools import compress
from operator import mul

from tui.core.codes import (
    BUCKETS,
    CODE_BITS,
    CODE_MASK,
    ESTABLISHED_END,
    NO_LATENCY,
    Delta,
    add_latencies,
)
from tui.core.entries import FAILURE, columns, failures_in, failures_of, latest
from tui.core.figures import Exact, Figures
from tui.core.followed import Followed
from tui.core.packing import (
    COUNT_BITS,
    COUNT_MASK,
    LAST_SLICE,
    SLICE_SHIFT,
    Slice,
    append_entries,
    append_entry,
    entries_of,
    established_of,
    levels_of,
    packed,
    places_of,
)
from tui.core.ranked import Ranked
from tui.core.trend import LEVELS, SLICE_NS, SLICES
from tui.core.window import COARSE, KEPT_SLICES, first_fine_slice

_LOOSE_ENTRIES = 1024


class Counted:
    """One writer."""

    __slots__ = (
        "_ended",
        "_ended_levels",
        "_fine_from",
        "_is_loose",
        "_loose_entries",
        "_newest",
        "_open",
        "_ranked",
        "_recent",
        "counts",
        "last_latency_ns",
        "last_seen_ns",
        "max_ns",
        "min_ns",
        "squares_ns2",
        "sum_ns",
        "timed_ns",
    )

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        """Since the start, by code."""
        self._ranked: Ranked | None = None
        """Of `counts`; None: nobody has asked since they were changed otherwise than by `add`."""
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
        self._open: Counter[int] = Counter()
        """Of the newest slice, by code."""
        self._recent = array("Q")
        """Of slices before: `slice << 34 | code << 20 | count`, 8 bytes for each; older ones before newer ones."""
        self._fine_from = 0
        """Before this slice, `_recent` is of half minutes: of each the first slice stands for all."""
        self._ended: tuple[int, int] | None = None
        self._ended_levels: tuple[int, bytes] | None = None
        """What `recent` and `levels` found in `_recent` when they were asked last, and what they were asked."""
        self._is_loose = False
        """`_recent` is in no order, and may hold several counts of the same: a merge has just joined it together."""
        self._loose_entries = _LOOSE_ENTRIES
        """With so many it is put in order before more are added."""

    def apply(self, delta: Delta) -> None:
        """Add what a delta has counted."""
        self._ranked = None
        self._add_places(delta.counts)
        add_latencies(self, delta)

    def add(self, entries: bytes | bytearray) -> None:
        """Count entries: the same as a delta of the handshakes they are of, but for thousands at once in C."""
        times_ns, words = columns(entries)
        newest_ns = max(times_ns)
        if newest_ns > self.last_seen_ns:
            self.last_seen_ns = newest_ns
        if failures_in(entries):
            for slice_, code, count in failures_of(times_ns, words):
                self._count(slice_, code, count)
            kept = [word < FAILURE for word in words]
            times_ns, words = list(compress(times_ns, kept)), list(compress(words, kept))
            if not words:
                return
            newest_ns = max(times_ns)
        # bucket_of, written out: this is run for every handshake.
        codes = [
            (shift << 6) + (ns >> shift) if (shift := ns.bit_length() - 7) > 0 else ns or NO_LATENCY
            for ns in words
        ]
        if self._ranked is not None:
            self._ranked.add(codes)
        oldest, newest = min(times_ns) // SLICE_NS, newest_ns // SLICE_NS
        if oldest < self._newest or newest > LAST_SLICE:
            self._add_places(dict(sorted(Counter(places_of(times_ns, codes)).items())))
        else:
            self.counts.update(codes)
            if oldest < newest:
                codes = self._add_ended(times_ns, codes, newest)
            elif newest > self._newest:
                self._begin(newest)
            self._open.update(codes)
        self._add_latencies(times_ns, words)

    def _add_ended(self, times_ns: list[int], codes: list[int], newest: int) -> list[int]:
        """Begin the newest slice; keep what is of slices before it, and return the codes of those that are not."""
        newest_begin_ns = newest * SLICE_NS
        end = bisect_left(times_ns, newest_begin_ns)
        ended_ns = times_ns[:end]
        oldest = min(ended_ns, default=newest_begin_ns) // SLICE_NS
        if oldest == max(ended_ns, default=0) // SLICE_NS and min(times_ns[end:]) >= newest_begin_ns:
            # Of one slice before, and in order as far as that matters: mostly they are.
            if oldest > self._newest:
                self._begin(oldest)
            self._open.update(codes[:end])
            self._begin(newest)
            return codes[end:]
        places = sorted(places_of(times_ns, codes))
        end = bisect_left(places, newest << CODE_BITS)
        self._end_slice()
        self._recent.extend(entries_of(places[:end]))
        self._begin(newest)
        return [place & CODE_MASK for place in places[end:]]

    def _add_places(self, counts: Mapping[int, int]) -> None:
        for place, count in counts.items():
            self._count(place >> CODE_BITS, place & CODE_MASK, count)

    def _count(self, slice_: int, code: int, count: int) -> None:
        self.counts[code] += count
        if slice_ < self._newest:
            self._keep_late(slice_, code, count)
        else:
            if slice_ > self._newest:
                self._begin(slice_)
            self._open[code] += count

    def _add_latencies(self, times_ns: list[int], words: list[int]) -> None:
        if 0 in words:
            times_ns, words = list(compress(times_ns, words)), list(filter(None, words))
            if not words:
                return
        least_ns, greatest_ns = min(words), max(words)
        self.min_ns = least_ns if self.min_ns is None else min(least_ns, self.min_ns)
        self.max_ns = max(greatest_ns, self.max_ns)
        self.sum_ns += sum(words)
        self.squares_ns2 += sum(map(mul, words, words))
        timed_ns, last_ns = latest(times_ns, words)
        if self.last_latency_ns is None or (timed_ns, last_ns) > (self.timed_ns, self.last_latency_ns):
            self.timed_ns, self.last_latency_ns = timed_ns, last_ns

    def merge(self, other: Counted) -> None:
        """Add what another has counted: the same as if all of it had been applied here."""
        self._ranked = self._ended = self._ended_levels = None
        self.counts.update(other.counts)
        add_latencies(self, other)
        if other._newest > self._newest:
            self._begin(other._newest)
        if other._recent:
            self._is_loose = True
            self._recent.extend(other._recent)
        for code, count in other._open.items():
            if other._newest == self._newest:
                self._open[code] += count
            else:
                self._is_loose = True
                append_entry(self._recent, min(other._newest, LAST_SLICE) << CODE_BITS | code, count)
        if self._is_loose and len(self._recent) > self._loose_entries:
            # Of thousands of tallies this would become far more than there are different counts.
            self._loose_entries = 2 * len(self._in_order()) + _LOOSE_ENTRIES

    def quantile_ns(self, q: float, more: list[int]) -> int | None:
        """Of all latencies, and of more, which are in order and not counted yet."""
        if self._ranked is None:
            self._ranked = Ranked(self.counts)
        least, greatest = self.min_ns, self.max_ns
        if more:
            least = more[0] if least is None else min(least, more[0])
            greatest = max(greatest, more[-1])
        return None if least is None else self._ranked.quantile_ns(q, more, least, greatest)

    def follow(self, q: float, more: list[int]) -> Followed | None:
        """What `quantile_ns` says, to be followed; None: it is an extreme."""
        value_ns = self.quantile_ns(q, more)
        if self._ranked is None or value_ns is None:
            return None
        followed = self._ranked.follow(q, more)
        return followed if followed and followed.value_ns == value_ns else None

    @property
    def all_time(self) -> Figures:
        """Everything since the start."""
        return Figures(self.counts, Exact(self.min_ns, self.max_ns, self.sum_ns, self.squares_ns2))

    def since(self, first_slice: int) -> dict[int, int]:
        """Counts by code, from a slice on that is in the last two minutes, or begins a half minute of the last 15."""
        counts = dict(self._open) if self._newest >= first_slice else {}
        for entry in self._from(first_slice):
            code = entry >> COUNT_BITS & CODE_MASK
            counts[code] = counts.get(code, 0) + (entry & COUNT_MASK)
        return counts

    def recent(self, first_slice: int) -> int:
        """Established handshakes from a slice on; which, see `since`."""
        if self._ended is None or self._ended[0] != first_slice:
            self._ended = first_slice, established_of(self._from(first_slice))
        total = self._ended[1]
        if self._newest >= first_slice:
            total += sum([count for code, count in self._open.items() if code < ESTABLISHED_END])
        return total

    def has_between(self, first_slice: int, end_slice: int) -> bool:
        """Whether anything was counted from a slice on, before another; which, see `since`."""
        if self._open and first_slice <= self._newest < end_slice:
            return True
        recent = self._in_order()
        at = bisect_left(recent, first_slice << SLICE_SHIFT)
        return at < len(recent) and recent[at] < end_slice << SLICE_SHIFT

    def levels(self, slice_: int) -> bytes:
        """24 levels, oldest first, the last that of `slice_`: the slowest handshake of each; 0: none had a latency."""
        first = slice_ - SLICES + 1
        if self._ended_levels is None or self._ended_levels[0] != slice_:
            self._ended_levels = slice_, levels_of(self._from(first), first)
        levels, at = bytearray(self._ended_levels[1]), self._newest - first
        if 0 <= at < SLICES and (codes := [code for code in self._open if code < BUCKETS]):
            levels[at] = max(levels[at], LEVELS[max(codes)])
        return bytes(levels)

    def history(self) -> list[Slice]:
        """The last fifteen minutes, oldest first: slices of 5 s, and older than two minutes, of half a minute."""
        fine_from = first_fine_slice(self._newest)
        found: dict[int, dict[int, int]] = {}
        for entry in self._from((self._newest - KEPT_SLICES) // COARSE * COARSE):
            slice_, code = entry >> SLICE_SHIFT, entry >> COUNT_BITS & CODE_MASK
            slice_ = slice_ if slice_ >= fine_from else slice_ - slice_ % COARSE
            counts = found.setdefault(slice_, {})
            counts[code] = counts.get(code, 0) + (entry & COUNT_MASK)
        if self._open:
            found[self._newest] = dict(self._open)
        return [
            Slice(slice_, 1 if slice_ >= fine_from else COARSE, counts)
            for slice_, counts in sorted(found.items())
        ]

    def _begin(self, slice_: int) -> None:
        """Put the newest slice with the others, and begin another."""
        self._end_slice()
        self._newest = slice_
        if first_fine_slice(slice_) > self._fine_from:
            self._compact()

    def _end_slice(self) -> None:
        self._ended = self._ended_levels = None
        if self._open:
            append_entries(self._recent, min(self._newest, LAST_SLICE) << CODE_BITS, self._open)
            self._open = Counter()

    def _keep_late(self, slice_: int, code: int, count: int) -> None:
        """Count something older than the newest slice: interfaces and CPUs report nearly in order, not quite."""
        if slice_ < self._newest - KEPT_SLICES - COARSE:
            return  # No window reaches back so far.
        if slice_ < self._fine_from:
            slice_ -= slice_ % COARSE
        entries = array("Q")
        append_entry(entries, min(slice_, LAST_SLICE) << CODE_BITS | code, count)
        recent = self._in_order()
        at = bisect_left(recent, slice_ + 1 << SLICE_SHIFT)
        recent[at:at] = entries
        self._ended = self._ended_levels = None

    def _compact(self) -> None:
        """Put together half minutes that are now older than two; forget what is older than fifteen."""
        recent = self._in_order()
        before, self._fine_from = self._fine_from, first_fine_slice(self._newest)
        aged = slice(*(bisect_left(recent, each << SLICE_SHIFT) for each in (before, self._fine_from)))
        recent[aged] = packed(recent[aged], self._fine_from)
        del recent[: bisect_left(recent, self._newest - KEPT_SLICES - COARSE << SLICE_SHIFT)]

    def _in_order(self) -> array[int]:
        if self._is_loose:
            self._recent = packed(self._recent, self._fine_from)
            self._is_loose = False
        return self._recent

    def _from(self, first_slice: int) -> array[int]:
        recent = self._in_order()
        return recent[bisect_left(recent, first_slice << SLICE_SHIFT) :]
