"""Figures against the list of latencies they stand for."""

from __future__ import annotations

from math import sqrt
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.event import Direction, Outcome
from tests.core.handshakes import MS, S, handshake
from tests.core.tallies import figures_of, tally_of, windowed
from tui.core.codes import REFUSED, UNANSWERED, UNREACHABLE
from tui.core.figures import Figures
from tui.core.histogram import nearest_rank

LATENCIES = st.lists(st.integers(1, 2**64 - 1) | st.integers(1, 10**9) | st.integers(1, 300), max_size=200)
SOME = LATENCIES.filter(bool)
QUANTILES = st.floats(0, 1)


@given(SOME, QUANTILES)
def test_a_quantile_is_within_one_in_128_of_the_nearest_rank(latencies: list[int], q: float) -> None:
    true = sorted(latencies)[nearest_rank(q, len(latencies)) - 1]
    for figures in (figures_of(latencies), windowed(latencies)):
        found = figures.quantile_ns(q)
        assert found is not None and abs(found - true) * 128 <= true
        assert figures.latencies == figures.established == len(latencies)
    found = figures_of(latencies).quantile_ns(q)
    assert found is not None and min(latencies) <= found <= max(latencies)


@given(SOME)
def test_the_extremes_of_everything_are_exact_and_those_of_a_window_within_one_in_128(
    latencies: list[int],
) -> None:
    figures = figures_of(latencies)
    assert (figures.min_ns, figures.max_ns) == (min(latencies), max(latencies))
    assert (figures.quantile_ns(0), figures.quantile_ns(1)) == (min(latencies), max(latencies))
    of_window = windowed(latencies)
    for found, true in ((of_window.min_ns, min(latencies)), (of_window.max_ns, max(latencies))):
        assert found is not None and abs(found - true) * 128 <= true


@given(SOME, QUANTILES, QUANTILES)
def test_greater_quantiles_are_not_less(latencies: list[int], p: float, q: float) -> None:
    for figures in (figures_of(latencies), windowed(latencies)):
        low, high = figures.quantile_ns(min(p, q)), figures.quantile_ns(max(p, q))
        assert low is not None and high is not None and low <= high


@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=100))
def test_jitter_is_the_standard_deviation(latencies: list[int]) -> None:
    true = pstdev(latencies)
    exact = figures_of(latencies).jitter_ns
    assert exact is not None and true * (1 - 1e-12) - 1 <= exact <= true * (1 + 1e-12)
    # Each middle is 1/128 off at most, and a standard deviation is a norm: the triangle inequality holds.
    near = windowed(latencies).jitter_ns or 0
    assert abs(near - true) <= sqrt(sum(ns * ns for ns in latencies) / len(latencies)) / 128 + 1


def test_jitter_needs_two_and_in_a_window_a_difference_that_buckets_show() -> None:
    assert figures_of([5 * MS]).jitter_ns is None
    assert figures_of([5 * MS, 5 * MS]).jitter_ns == 0
    assert figures_of([5 * MS, 5 * MS + 10]).jitter_ns == 5
    assert windowed([5 * MS, 5 * MS + 10]).jitter_ns is None


def test_nothing_has_no_figures() -> None:
    for figures in (figures_of([]), windowed([]), Figures({})):
        assert (figures.latencies, figures.established, figures.failed(), figures.retransmits) == (0, 0, 0, 0)
        assert (figures.min_ns, figures.quantile_ns(0.5), figures.max_ns, figures.jitter_ns) == (None,) * 4


def test_one_handshake_is_the_same_figure_everywhere() -> None:
    figures = figures_of([45_540_912])
    assert {figures.quantile_ns(q) for q in (0, 0.5, 0.95, 1)} == {figures.min_ns} == {45_540_912}


def test_failures_are_in_no_other_figure() -> None:
    ended = [*[Outcome.REFUSED] * 3, *[Outcome.UNREACHABLE] * 2, Outcome.UNANSWERED]
    figures = tally_of(handshake("10.0.0.1", S, MS, outcome=each) for each in ended).all_time
    assert [figures.failed(code) for code in (REFUSED, UNREACHABLE, UNANSWERED)] == [3, 2, 1]
    assert figures.failed(REFUSED, UNANSWERED) == 4
    assert (figures.failed(), figures.established, figures.latencies, figures.max_ns) == (6, 0, 0, None)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**10), st.integers(0, 3), st.sampled_from([Direction.OUTBOUND])),
        max_size=30,
    )
)
def test_connects_are_what_connect_took(made: list[tuple[int, int, Direction]]) -> None:
    handshakes = [
        handshake("10.0.0.1", S, ns, retransmits=again, connect_ns=ns + again * S, direction=direction)
        for ns, again, direction in made
    ]
    true = [each.connect_ns for each in handshakes if each.connect_ns]
    for figures in (tally_of(handshakes).all_time, Figures(tally_of(handshakes).since(0))):
        connects = figures.connects()
        assert connects.latencies == len(true)
        for rank, expected in enumerate(sorted(true), 1):
            assert abs(connects.rank_ns(rank) - expected) * 128 <= expected


@pytest.mark.parametrize("count", [1, 2, 99, 100, 101])
def test_ranks_are_of_the_sorted_latencies(count: int) -> None:
    figures = figures_of(range(1, count + 1))
    assert [figures.rank_ns(rank) for rank in range(1, count + 1)] == list(range(1, count + 1))
