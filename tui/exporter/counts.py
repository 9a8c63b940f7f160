"""Everything counted of one label set is one list of numbers: quick to count in, to copy and to add up."""

from __future__ import annotations

import operator
from bisect import bisect_left
from typing import NamedTuple

from bpf.event import Outcome

_US, _MS, _S = 1_000, 1_000_000, 1_000_000_000
EDGES_NS = (
    *(50 * _US, 100 * _US, 250 * _US, 500 * _US),
    *(1 * _MS, 2_500 * _US, 5 * _MS, 10 * _MS, 25 * _MS, 50 * _MS, 100 * _MS, 250 * _MS, 500 * _MS),
    *(1 * _S, 2_500 * _MS, 5 * _S, 10 * _S),
)
"""Upper edges of the buckets, which hold them; above the last there is one more bucket."""
BUCKETS = len(EDGES_NS) + 1
Counts = list[int]


class Histogram(NamedTuple):
    """Where a histogram lies among the counts."""

    first: int
    """Of `BUCKETS` places, one a bucket."""

    @property
    def sum_ns(self) -> int:
        """The place of the sum."""
        return self.first + BUCKETS

    @property
    def end(self) -> int:
        """Behind it."""
        return self.first + BUCKETS + 1

    def buckets(self, counts: Counts) -> Counts:
        """How many were counted in each bucket."""
        return counts[self.first : self.first + BUCKETS]


LATENCY = Histogram(0)
CONNECT = Histogram(LATENCY.end)
SRTT = Histogram(CONNECT.end)
OUTCOMES = SRTT.end
"""Plus an `Outcome`."""
RETRANSMITS, AMBIGUOUS, SEGMENTS, RESENT, SIZE = range(OUTCOMES + len(Outcome), OUTCOMES + len(Outcome) + 5)
"""Segments: with data, of open connections; resent: those of them that were sent again."""


def nothing() -> Counts:
    """Counts of nothing yet."""
    return [0] * SIZE


def add(counts: Counts, others: Counts) -> None:
    """Add what others have counted."""
    counts[:] = map(operator.add, counts, others)


def bucket_of(ns: int) -> int:
    """The number of the bucket that counts it."""
    return bisect_left(EDGES_NS, ns)


def handshakes_of(counts: Counts) -> int:
    """How many handshakes were counted, however they ended."""
    return sum(counts[OUTCOMES : OUTCOMES + len(Outcome)])


def samples_of(counts: Counts) -> int:
    """How many samples of open connections were counted."""
    return sum(SRTT.buckets(counts))
