"""Quantiles of classic buckets: as histogram_quantile has them, and between the edges that are known."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import ceil, inf, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.exporter.counts import EDGES_NS
from tui.fleet.buckets import Buckets, added

EDGES_S = [ns / 1e9 for ns in EDGES_NS]


def buckets(*counts: float) -> Buckets:
    """Of counts in the buckets 0..1, 1..2, ... s, the last without an end."""
    edges_s = [*range(1, len(counts)), inf]
    return Buckets(dict(zip(map(float, edges_s), accumulate(counts), strict=True)))


def of_latencies(latencies_ns: list[int]) -> Buckets:
    counts = [0] * (len(EDGES_NS) + 1)
    for ns in latencies_ns:
        counts[bisect_left(EDGES_NS, ns)] += 1
    return Buckets(dict(zip([*EDGES_S, inf], map(float, accumulate(counts)), strict=True)))


def test_within_a_bucket_it_is_linear() -> None:
    found = buckets(0, 10, 0).quantile(0.5)
    assert found and (found.ns, found.low_ns, found.high_ns) == (1_500_000_000, 1_000_000_000, 2_000_000_000)


def test_the_first_bucket_begins_at_nothing() -> None:
    found = buckets(4, 0).quantile(0.25)
    assert found and (found.ns, found.low_ns) == (250_000_000, 0)


def test_above_all_edges_only_the_last_is_known() -> None:
    found = buckets(1, 0, 3).quantile(0.95)
    assert found and (found.ns, found.low_ns, found.high_ns) == (2_000_000_000, 2_000_000_000, None)


@pytest.mark.parametrize(
    "nothing", [Buckets(), buckets(0, 0, 0), Buckets({inf: 5.0}), Buckets({1.0: 5.0, 2.0: 5.0})]
)
def test_where_there_is_nothing_to_tell_it_from_there_is_none(nothing: Buckets) -> None:
    assert nothing.quantile(0.5) is None


def test_of_nothing_there_are_no_counts() -> None:
    assert (Buckets().counts, Buckets().count) == ([], 0)


def test_what_was_scraped_at_another_moment_does_not_make_counts_fall() -> None:
    askew = Buckets({1.0: 5.0, 2.0: 4.0, inf: 6.0})
    assert askew.counts == [5, 0, 1]
    assert askew.count == 6


@given(
    st.lists(st.integers(1, 20_000_000_000), min_size=1, max_size=50),
    st.sampled_from([0.01, 0.5, 0.95, 0.99, 1]),
)
def test_the_truth_lies_in_the_bucket_that_is_told(latencies_ns: list[int], q: float) -> None:
    found = of_latencies(latencies_ns).quantile(q)
    assert found
    rank = max(1, ceil(round(q * len(latencies_ns), 6)))
    truth_ns = sorted(latencies_ns)[rank - 1]
    assert found.low_ns < truth_ns and (found.high_ns is None or truth_ns <= found.high_ns)
    assert found.low_ns <= found.ns and (found.high_ns is None or found.ns <= found.high_ns)


@given(
    st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=18),
    st.floats(0, 1, allow_subnormal=False),
)
def test_it_is_what_histogram_quantile_says(counts: list[float], q: float) -> None:
    mine = buckets(*counts).quantile(q)
    expected_s = histogram_quantile(q, [*map(float, range(1, len(counts))), inf], list(accumulate(counts)))
    assert (mine is None) == (expected_s is None)
    if mine and expected_s is not None:
        assert isclose(mine.ns / 1e9, expected_s, rel_tol=1e-9, abs_tol=1e-9)


def histogram_quantile(q: float, edges_s: list[float], cumulative: list[float]) -> float | None:
    """By the rules that Prometheus documents, step by step."""
    if cumulative[-1] == 0:
        return None
    rank = q * cumulative[-1]
    place = next(place for place, count in enumerate(cumulative) if count >= rank)
    if place == len(edges_s) - 1:
        return edges_s[-2]
    lower, below = (edges_s[place - 1], cumulative[place - 1]) if place else (0.0, 0.0)
    inside = cumulative[place] - below
    return lower + (edges_s[place] - lower) * ((rank - below) / inside if inside else 1.0)


@given(st.lists(st.lists(st.integers(1, 20_000_000_000), max_size=20), max_size=5))
def test_all_in_one_is_the_sum_of_its_parts(parts: list[list[int]]) -> None:
    together = added([of_latencies(each) for each in parts])
    everything = of_latencies([ns for each in parts for ns in each])
    assert together.count == everything.count
    assert together.quantile(0.95) == everything.quantile(0.95)
