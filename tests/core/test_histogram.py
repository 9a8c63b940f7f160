"""Histograms against the sorted list they stand for."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from tui.core.histogram import Histogram, bucket_of, middle_ns, nearest_rank

LATENCIES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 10**9) | st.integers(0, 300), max_size=200)
QUANTILES = st.floats(0, 1)


def histogram(latencies: list[int]) -> Histogram:
    counted = Histogram()
    for ns in latencies:
        counted.add(ns)
    return counted


def state(counted: Histogram) -> tuple[dict[int, int], int, int | None, int | None]:
    return counted.counts, counted.count, counted.min_ns, counted.max_ns


@given(st.integers(0, 2**64 - 1))
@example(127)
@example(128)
@example(2**64 - 1)
def test_a_bucket_stands_for_its_values_within_one_in_128(ns: int) -> None:
    assert abs(middle_ns(bucket_of(ns)) - ns) * 128 <= ns


@given(st.integers(0, 2**64 - 2))
def test_buckets_leave_no_gap_and_are_in_order(ns: int) -> None:
    assert bucket_of(ns + 1) - bucket_of(ns) in (0, 1)


@given(LATENCIES, QUANTILES)
def test_a_quantile_is_within_one_in_128_of_the_nearest_rank(latencies: list[int], q: float) -> None:
    found = histogram(latencies).quantile(q)
    if not latencies:
        assert found is None
        return
    true = sorted(latencies)[nearest_rank(q, len(latencies)) - 1]
    assert found is not None
    assert abs(found - true) * 128 <= true
    assert min(latencies) <= found <= max(latencies)


@given(LATENCIES.filter(bool))
def test_the_extremes_are_exact(latencies: list[int]) -> None:
    counted = histogram(latencies)
    assert (counted.min_ns, counted.max_ns) == (min(latencies), max(latencies))
    assert counted.quantiles((0, 1)) == (min(latencies), max(latencies))
    assert counted.count == len(latencies)


@given(LATENCIES, st.lists(QUANTILES, max_size=5))
def test_several_quantiles_at_once_are_those_asked_for_one_by_one(
    latencies: list[int], qs: list[float]
) -> None:
    counted = histogram(latencies)
    assert counted.quantiles(tuple(qs)) == tuple(counted.quantile(q) for q in qs if latencies)


@given(LATENCIES, LATENCIES)
def test_merging_is_the_same_as_counting_both(some: list[int], others: list[int]) -> None:
    merged = histogram(some)
    merged.merge(histogram(others))
    assert state(merged) == state(histogram(some + others))
    merged.add(5)  # the extremes go on from there
    assert state(merged) == state(histogram([*some, *others, 5]))


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_nearest_rank_is_the_ceiling_whatever_the_float(count: int, thousandths: int) -> None:
    assert nearest_rank(thousandths / 1000, count) == max(1, math.ceil(Fraction(thousandths * count, 1000)))


def test_the_percentiles_of_one_handshake_are_all_its_latency() -> None:
    assert histogram([45_540_912]).quantiles((0.5, 0.95, 0.99)) == (45_540_912,) * 3
