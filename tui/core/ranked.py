"""Ranked: where in a table of counts a rank lies, followed as the table grows: quantiles need no sorting again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from tui.core.codes import BUCKETS, NO_LATENCY
from tui.core.followed import Followed
from tui.core.histogram import bucket_of, end_ns, middle_ns, nearest_rank


class Ranked:
    """A bucket, and how many latencies are in lower ones: from there the way to the next quantile is short."""

    __slots__ = ("_below", "_bucket", "_counts", "_known")

    def __init__(self, counts: Mapping[int, int]) -> None:
        """Of a table that is only added to; `add` must be told."""
        self._counts = counts
        lowest = min(counts, default=BUCKETS)
        self._bucket = lowest if lowest < BUCKETS else 0
        self._below = 0
        self._known = sum(count for code, count in counts.items() if code < BUCKETS)

    def add(self, codes: Sequence[int]) -> None:
        """Take note that these, latencies or `NO_LATENCY`, have been counted."""
        self._below += sum(map(self._bucket.__gt__, codes))
        self._known += len(codes) - codes.count(NO_LATENCY)

    def quantile_ns(self, q: float, more: Sequence[int], min_ns: int, max_ns: int) -> int:
        """Of these and more latencies, in order, together at least one; `min_ns` and `max_ns` are the extremes."""
        count = self._known + len(more)
        rank = nearest_rank(q, count)
        if rank in (1, count):
            return min_ns if rank == 1 else max_ns
        self._go_down(rank, more)
        self._go_up(rank, more)
        return min(max(middle_ns(self._bucket), min_ns), max_ns)

    def follow(self, q: float, more: Sequence[int]) -> Followed | None:
        """What `quantile_ns` has just found, to be followed; None: the nearest rank is the first or the last."""
        count = self._known + len(more)
        if nearest_rank(q, count) in (1, count):
            return None
        first, end = (
            bisect_left(more, each)
            for each in (end_ns(self._bucket - 1) if self._bucket else 0, end_ns(self._bucket))
        )
        within = self._counts.get(self._bucket, 0) + end - first
        return Followed(q, self._bucket, self._below + first, within, count)

    def _go_down(self, rank: int, more: Sequence[int]) -> None:
        """Go to a bucket below which there are fewer than `rank`."""
        count_of, bucket, below = self._counts.get, self._bucket, self._below
        lower = bisect_left(more, end_ns(bucket - 1)) if bucket else 0
        next_of_more = bucket_of(more[lower - 1]) if lower else -1
        while below + lower >= rank:
            bucket -= 1
            below -= count_of(bucket, 0)
            while bucket == next_of_more:
                lower -= 1
                next_of_more = bucket_of(more[lower - 1]) if lower else -1
        self._bucket, self._below = bucket, below

    def _go_up(self, rank: int, more: Sequence[int]) -> None:
        """Go on to the bucket up to which there are `rank` or more."""
        count_of, bucket, below = self._counts.get, self._bucket, self._below
        reached = below + count_of(bucket, 0)
        lower, end = bisect_left(more, end_ns(bucket)), len(more)
        next_of_more = bucket_of(more[lower]) if lower < end else -1
        while reached + lower < rank:
            bucket += 1
            below = reached
            reached += count_of(bucket, 0)
            while bucket == next_of_more:
                lower += 1
                next_of_more = bucket_of(more[lower]) if lower < end else -1
        self._bucket, self._below = bucket, below
