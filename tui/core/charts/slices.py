"""What the charts are drawn from: latencies and failures of a few seconds each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from tui.core.histogram import middle_ns, nearest_rank

_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """What was seen in `seconds` from `start_ns` on. Those of one chart are oldest first and do not overlap."""

    start_ns: int
    seconds: int
    latencies: Mapping[int, int]
    """How many latencies each bucket holds, see `tui.core.histogram`."""
    failures: int = 0

    @property
    def end_ns(self) -> int:
        """Where the next one may begin."""
        return self.start_ns + self.seconds * _S


def merged(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """All counts in one."""
    rest = iter(histograms)
    sums = dict(next(rest, {}))
    for counts in rest:
        for bucket, count in counts.items():
            sums[bucket] = sums.get(bucket, 0) + count
    return sums


def quantiles_of(counts: Mapping[int, int], qs: tuple[float, ...]) -> tuple[int, ...]:
    """For each q in 0..1 the nearest-rank quantile in ns, within 1/128; () when nothing was counted."""
    buckets = sorted(counts)
    ranks = list(accumulate(map(counts.__getitem__, buckets)))
    if not ranks or not ranks[-1]:
        return ()
    return tuple(middle_ns(buckets[bisect_left(ranks, nearest_rank(q, ranks[-1]))]) for q in qs)
