"""Figures: what a table of counts says: how many, how slow, how evenly."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from tui.core.codes import BUCKETS, CONNECT, ESTABLISHED_END, FAILURES, REPLACED, RETRANSMITS
from tui.core.histogram import middle_ns, nearest_rank


class Exact(NamedTuple):
    """What is known of all latencies apart from the buckets they are in."""

    min_ns: int | None
    max_ns: int
    sum_ns: int
    squares_ns2: int
    """The sum of their squares."""


class Figures:
    """Made of counts by code (`tui.core.codes`); worked out when asked, and then remembered.

    Quantiles are by nearest rank and at most 1/128 off. The first and the last rank are the extremes, exact if that
    is given. Never changes, unless the counts it was made of do.
    """

    __slots__ = ("_buckets", "_counts", "_exact", "_ranks")

    def __init__(self, counts: Mapping[int, int], exact: Exact | None = None) -> None:
        self._counts = counts
        self._exact = exact
        self._buckets: list[int] | None = None
        self._ranks: list[int] = []

    def _sort(self) -> list[int]:
        if self._buckets is None:
            counts = self._counts
            self._buckets = sorted(counts)
            del self._buckets[bisect_left(self._buckets, BUCKETS) :]
            # All of this runs in C: half the time of a loop.
            self._ranks = list(accumulate(map(counts.__getitem__, self._buckets)))
        return self._buckets

    @property
    def latencies(self) -> int:
        """Handshakes with a latency: what quantiles are made of."""
        return self._ranks[-1] if self._sort() else 0

    @property
    def established(self) -> int:
        """Established handshakes, those without a latency included."""
        return sum(count for code, count in self._counts.items() if code < ESTABLISHED_END)

    def failed(self, *codes: int) -> int:
        """Handshakes refused, unreachable or unanswered: of these codes; none: of any."""
        return sum(self._counts.get(code, 0) for code in codes or FAILURES)

    @property
    def retransmits(self) -> int:
        """SYNs (SYN-ACKs) sent again."""
        return self._counts.get(RETRANSMITS, 0)

    @property
    def min_ns(self) -> int | None:
        """The least latency."""
        buckets = self._sort()
        if not buckets:
            return None
        return self._exact.min_ns if self._exact else middle_ns(buckets[0])

    @property
    def max_ns(self) -> int | None:
        """The greatest latency."""
        buckets = self._sort()
        if not buckets:
            return None
        return self._exact.max_ns if self._exact else middle_ns(buckets[-1])

    def quantile_ns(self, q: float) -> int | None:
        """The ceil(q * n)-th smallest latency, q in 0..1; None: there is none."""
        count = self.latencies
        return self.rank_ns(nearest_rank(q, count)) if count else None

    def rank_ns(self, rank: int) -> int:
        """The `rank`-th smallest latency; there must be so many."""
        buckets = self._sort()
        near_ns = middle_ns(buckets[bisect_left(self._ranks, rank)])
        if self._exact is None:
            return near_ns
        min_ns, max_ns, *_ = self._exact
        assert min_ns is not None
        if rank in (1, self._ranks[-1]):
            return min_ns if rank == 1 else max_ns
        return min(max(near_ns, min_ns), max_ns)

    @property
    def jitter_ns(self) -> int | None:
        """The standard deviation of the latencies, what ping calls mdev.

        None: there are fewer than two, or they differ by no more than what a bucket holds.
        """
        n = self.latencies
        if n < 2:
            return None
        if self._exact:
            return isqrt(n * self._exact.squares_ns2 - self._exact.sum_ns**2) // n
        counts, buckets = self._counts, self._sort()
        if len(buckets) == 1:
            return None
        total = sum(middle_ns(bucket) * counts[bucket] for bucket in buckets)
        squares = sum(middle_ns(bucket) ** 2 * counts[bucket] for bucket in buckets)
        return isqrt(n * squares - total**2) // n

    def connects(self) -> Figures:
        """What connect() took, outbound: the latency, or longer where a SYN was sent again."""
        counts = {code: count for code, count in self._counts.items() if code < BUCKETS}
        for code, count in self._counts.items():
            if CONNECT <= code < CONNECT + BUCKETS:
                counts[code - CONNECT] = counts.get(code - CONNECT, 0) + count
            elif REPLACED <= code < REPLACED + BUCKETS:
                counts[code - REPLACED] -= count
        return Figures({code: count for code, count in counts.items() if count > 0})
