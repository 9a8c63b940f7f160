"""Ranked: the latencies of a table of counts in order, so that quantiles need not sort again as a few more come."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

from tui.core.codes import BUCKETS
from tui.core.histogram import bucket_of, end_ns, middle_ns, nearest_rank


class Ranked:
    """Never changes. 10 bytes a bucket."""

    __slots__ = ("_buckets", "_ranks")

    def __init__(self, counts: Mapping[int, int]) -> None:
        buckets = sorted(counts)
        del buckets[bisect_left(buckets, BUCKETS) :]
        self._buckets = array("H", buckets)
        self._ranks = array("Q", accumulate(map(counts.__getitem__, buckets)))

    def quantile_ns(self, q: float, more: Sequence[int], min_ns: int, max_ns: int) -> int:
        """Of these and more latencies, in order, together at least one; `min_ns` and `max_ns` are the extremes."""
        buckets, ranks = self._buckets, self._ranks
        known = ranks[-1] if ranks else 0
        rank = nearest_rank(q, known + len(more))
        if rank in (1, known + len(more)):
            return min_ns if rank == 1 else max_ns

        def rank_at(place: int) -> int:
            return ranks[place] + bisect_left(more, end_ns(buckets[place]))

        lowest, highest = bisect_left(ranks, rank - len(more)), bisect_left(ranks, rank)
        place = lowest + bisect_left(range(lowest, highest), rank, key=rank_at)
        found = [buckets[place]] if place < len(buckets) else []
        below = rank - (ranks[place - 1] if place else 0)
        if below <= len(more):
            found.append(bucket_of(more[below - 1]))
        return min(max(middle_ns(min(found)), min_ns), max_ns)
