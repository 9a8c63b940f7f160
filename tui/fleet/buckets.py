"""Classic histograms: what cumulative buckets say of a quantile, and what they cannot say."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

_NS = 1e9


class Estimate(NamedTuple):
    """A quantile, known to lie within a bucket."""

    ns: int
    """As if all latencies of the bucket lay evenly in it."""
    low_ns: int
    """It is more than that (at least 0)..."""
    high_ns: int | None
    """...and at most that; None: the bucket has no end, and `ns` is where it begins."""


class Buckets:
    """How many latencies were at most so long. Counts may be fractions: `increase()` makes such."""

    __slots__ = ("cumulative", "edges_s")

    def __init__(self, cumulative_by_edge_s: Mapping[float, float] = {}) -> None:
        """The last edge is infinite, or nothing is known."""
        self.edges_s: Sequence[float] = sorted(cumulative_by_edge_s)
        self.cumulative: list[float] = []
        most = 0.0
        for edge_s in self.edges_s:
            # Not all buckets are scraped at the same moment everywhere: what is wider holds no less.
            most = max(most, cumulative_by_edge_s[edge_s])
            self.cumulative.append(most)

    @property
    def count(self) -> float:
        """How many there are."""
        return self.cumulative[-1] if self.cumulative and self.edges_s[-1] == inf else 0.0

    @property
    def counts(self) -> list[float]:
        """How many in each bucket."""
        return [high - low for low, high in pairwise([0.0, *self.cumulative])]

    def quantile(self, q: float) -> Estimate | None:
        """As Prometheus's histogram_quantile: linear within a bucket; None: there is nothing to tell it from."""
        if not self.count or len(self.edges_s) < 2:
            return None
        rank = q * self.count
        at = bisect_left(self.cumulative, rank, hi=len(self.cumulative) - 1)
        if at == len(self.edges_s) - 1:
            from_ns = round(self.edges_s[-2] * _NS)
            return Estimate(from_ns, from_ns, None)
        low_s = self.edges_s[at - 1] if at else 0.0
        before = self.cumulative[at - 1] if at else 0.0
        share = (rank - before) / (self.cumulative[at] - before) if self.cumulative[at] > before else 1.0
        high_s = self.edges_s[at]
        return Estimate(
            round((low_s + (high_s - low_s) * share) * _NS), round(low_s * _NS), round(high_s * _NS)
        )


def added(parts: Sequence[Buckets]) -> Buckets:
    """All in one."""
    sums: dict[float, float] = {}
    for each in parts:
        for edge_s, count in zip(each.edges_s, each.cumulative, strict=True):
            sums[edge_s] = sums.get(edge_s, 0.0) + count
    return Buckets(sums)
