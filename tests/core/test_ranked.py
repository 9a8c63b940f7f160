"""Quantiles of latencies that were counted, and of a few that were not, while more come."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from tests.core.naive_figures import quantile
from tui.core.codes import NO_LATENCY
from tui.core.histogram import bucket_of, end_ns
from tui.core.ranked import Ranked

LATENCIES = st.lists(st.integers(1, 200) | st.integers(1, 10**9), max_size=60)


PARTS = st.lists(st.tuples(LATENCIES, LATENCIES, st.sampled_from([0.01, 0.5, 0.95, 0.99])), max_size=5)


@example([([10**9], [1, 2, 3, 4, 5], 0.5)])
@example([([1], [10**8, 10**8, 10**8, 10**9], 0.5)])
@example([([1, *[10**9] * 9], [], 0.99), ([2] * 30, [3] * 30, 0.5), ([], [10**8] * 200, 0.5)])
@given(PARTS)
def test_quantiles_are_those_of_all_together_while_more_are_counted(
    parts: list[tuple[list[int], list[int], float]],
) -> None:
    counts: Counter[int] = Counter()
    ranked = Ranked(counts)
    known: list[int] = []
    for counted, more, q in parts:
        codes = [*map(bucket_of, counted), *[NO_LATENCY] * (len(counted) % 2)]
        counts.update(codes)
        ranked.add(codes)
        known += counted
        together = [*known, *more]
        if together:
            found = ranked.quantile_ns(q, sorted(more), min(together), max(together))
            assert found == quantile(together, q, is_exact=True)
            assert found == Ranked(counts).quantile_ns(q, sorted(more), min(together), max(together))


@given(st.integers(1, 2**63))
def test_a_bucket_ends_where_the_next_begins(ns: int) -> None:
    bucket = bucket_of(ns)
    assert bucket_of(end_ns(bucket)) == bucket + 1
    assert bucket_of(end_ns(bucket) - 1) == bucket
