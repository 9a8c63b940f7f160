"""Counted: tables of what was counted since the start, and of the last fifteen minutes; they add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import compress
from operator import mul

from tui.core.codes import CODE_BITS, CODE_MASK, Delta, add_latencies, codes_of
from tui.core.entries import FAILURE, columns, failures_in, failures_of, latest
from tui.core.figures import Exact, Figures
from tui.core.followed import Followed
from tui.core.past import Past
from tui.core.ranked import Ranked


class Counted:
    """One writer."""

    __slots__ = (
        "_ranked",
        "counts",
        "last_latency_ns",
        "last_seen_ns",
        "max_ns",
        "min_ns",
        "past",
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
        self.past = Past()

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
        least_ns, greatest_ns = min(words), max(words)
        codes = codes_of(words, least_ns, greatest_ns)
        if self._ranked is not None:
            self._ranked.add(codes)
        self.counts.update(codes)
        self.past.add(times_ns, codes, newest_ns)
        if not least_ns:
            times_ns, words = list(compress(times_ns, words)), list(filter(None, words))
            least_ns, newest_ns = min(words, default=0), max(times_ns, default=0)
        if not words:
            return
        self.min_ns = least_ns if self.min_ns is None else min(least_ns, self.min_ns)
        self.max_ns = max(greatest_ns, self.max_ns)
        self.sum_ns += sum(words)
        self.squares_ns2 += sum(map(mul, words, words))
        last_ns = latest(times_ns, words, newest_ns)
        if self.last_latency_ns is None or (newest_ns, last_ns) > (self.timed_ns, self.last_latency_ns):
            self.timed_ns, self.last_latency_ns = newest_ns, last_ns

    def _add_places(self, counts: Mapping[int, int]) -> None:
        for place, count in counts.items():
            self._count(place >> CODE_BITS, place & CODE_MASK, count)

    def _count(self, slice_: int, code: int, count: int) -> None:
        self.counts[code] += count
        self.past.count(slice_, code, count)

    def merge(self, other: Counted) -> None:
        """Add what another has counted: the same as if all of it had been applied here."""
        self._ranked = None
        self.counts.update(other.counts)
        add_latencies(self, other)
        self.past.merge(other.past)

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
