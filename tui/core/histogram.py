"""Latencies counted in buckets so narrow that a quantile read from them is within 1% of the true one."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil

_MANTISSA_BITS = 6
"""Each octave is cut into 2**6 equal buckets, so half a bucket is at most 1/128 (0.79%) of any value in it."""


def bucket_of(ns: int) -> int:
    """The bucket that counts `ns` (>= 0). Greater values have greater buckets; below 128 each value has its own."""
    shift = ns.bit_length() - _MANTISSA_BITS - 1
    return (shift << _MANTISSA_BITS) + (ns >> shift) if shift > 0 else ns


def middle_ns(bucket: int) -> int:
    """The middle of a bucket: what stands for all the values it counted."""
    shift = (bucket >> _MANTISSA_BITS) - 1
    if shift <= 0:
        return bucket
    return ((bucket - (shift << _MANTISSA_BITS)) << shift) + (1 << shift - 1)


_BUCKETS = tuple(range(bucket_of(2**64 - 1) + 1))
"""One int object per bucket, shared by all histograms: 32 bytes less for each bucket of each host, and a dict finds a
key that is the same object without reading it from memory, which is likely not cached."""


class Histogram:
    """Latencies of any number of handshakes in bounded memory (64 buckets an octave, 1,000 between 1 us and 60 ms).

    `min_ns` and `max_ns` are exact, quantiles within 1/128. Adding two histograms loses nothing. One writer.
    """

    __slots__ = ("_high", "_low", "counts", "max_ns", "min_ns")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        """How many latencies each bucket holds."""
        self.min_ns: int | None = None
        self.max_ns: int | None = None
        self._low = len(_BUCKETS)
        self._high = -1

    def add(self, ns: int) -> None:
        """Count one latency, 0 <= ns < 2**64."""
        # bucket_of, written out: a call costs half as much as all the rest.
        shift = ns.bit_length() - _MANTISSA_BITS - 1
        bucket = _BUCKETS[(shift << _MANTISSA_BITS) + (ns >> shift) if shift > 0 else ns]
        counts = self.counts
        counts[bucket] = counts.get(bucket, 0) + 1
        # Only what falls into the outermost buckets can be a new extreme. Asking them, not min_ns and max_ns, leaves
        # those two objects alone, which are not in the cache either: 0.4 us at 10,000 hosts.
        if bucket >= self._high or bucket <= self._low:
            self._stretch(ns, ns)

    def _stretch(self, low_ns: int, high_ns: int) -> None:
        self.min_ns = low_ns if self.min_ns is None else min(low_ns, self.min_ns)
        self.max_ns = high_ns if self.max_ns is None else max(high_ns, self.max_ns)
        self._low = bucket_of(self.min_ns)
        self._high = bucket_of(self.max_ns)

    def merge(self, other: Histogram) -> None:
        """Add what `other` counted: the same as having added its latencies one by one."""
        if other.min_ns is None or other.max_ns is None:
            return
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self._stretch(other.min_ns, other.max_ns)

    @property
    def count(self) -> int:
        """How many latencies there are; summed when asked, which is seldom."""
        return sum(self.counts.values())

    def quantile(self, q: float) -> int | None:
        """The nearest-rank quantile in ns (see `quantiles`), or None when nothing was counted."""
        found = self.quantiles((q,))
        return found[0] if found else None

    def quantiles(self, qs: tuple[float, ...]) -> tuple[int, ...]:
        """For each q in 0..1 the ceil(q * count)-th smallest latency (at least the first), within 1/128; () when empty.

        The first and the last rank are exact, so one handshake shows the same figure everywhere, and p99 of a few
        equals the maximum. No result is outside [min_ns, max_ns].
        """
        if self.min_ns is None or self.max_ns is None:
            return ()
        buckets = sorted(self.counts)
        # All of this runs in C: half the time of a loop over sorted(items()).
        ranks = list(accumulate(map(self.counts.__getitem__, buckets)))
        found = []
        for q in qs:
            rank = nearest_rank(q, ranks[-1])
            if rank in (1, ranks[-1]):
                found.append(self.min_ns if rank == 1 else self.max_ns)
            else:
                ns = middle_ns(buckets[bisect_left(ranks, rank)])
                found.append(min(max(ns, self.min_ns), self.max_ns))
        return tuple(found)


def nearest_rank(q: float, count: int) -> int:
    """ceil(q * count), at least 1; the product is rounded first, or 0.07 * 100 (7.000000000000001) would give 8."""
    return max(1, ceil(round(q * count, 6)))
