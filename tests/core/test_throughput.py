"""Rates between two readings, against the plain list of readings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.interfaces import Counters
from tests.core.handshakes import S
from tui.core.throughput import READINGS, Passed, Rates, Throughput, level_of

NOTHING = Passed(None, bytes(READINGS))


def counted(packets: int, size_bytes: int = 1000) -> Counters:
    """As many packets in as out."""
    return Counters(packets, packets, packets * size_bytes, packets * size_bytes)


def test_a_rate_needs_two_readings() -> None:
    throughput = Throughput()
    assert throughput.of(1) == NOTHING
    throughput.read(0, {1: Counters(10, 20, 3000, 4000)})
    assert throughput.of(1) == NOTHING
    throughput.read(2 * S, {1: Counters(12, 24, 3600, 4800)})
    assert throughput.of(1) == Passed(Rates(1.0, 2.0, 300.0, 400.0), bytes(READINGS - 1) + b"\1")


def test_the_clock_may_begin_anywhere() -> None:
    throughput = Throughput()
    throughput.read(-5 * S, {1: counted(0)})
    throughput.read(-4 * S, {1: counted(7)})
    assert throughput.of(1).rates == Rates(7.0, 7.0, 7000.0, 7000.0)


def test_no_time_has_no_rate() -> None:
    throughput = Throughput()
    throughput.read(S, {1: counted(0)})
    throughput.read(2 * S, {1: counted(5)})
    before = throughput.of(1)
    throughput.read(2 * S, {1: counted(6)})
    throughput.read(S, {1: counted(7)})
    assert throughput.of(1) == before
    throughput.read(3 * S, {1: counted(8)})
    assert throughput.of(1).rates == Rates(3.0, 3.0, 3000.0, 3000.0)


def test_an_interface_that_counts_nothing_is_at_rest_not_unknown() -> None:
    throughput = Throughput()
    for second in range(3):
        throughput.read(second * S, {1: counted(9)})
    assert throughput.of(1) == Passed(Rates(0.0, 0.0, 0.0, 0.0), bytes(READINGS))


def test_counters_that_go_back_begin_anew() -> None:
    throughput = Throughput()
    for second, packets in enumerate((100, 200, 5)):
        throughput.read(second * S, {1: counted(packets)})
    level = level_of(200_000)
    assert throughput.of(1) == Passed(None, bytes(READINGS - 2) + bytes((level, 0)))
    throughput.read(3 * S, {1: counted(15)})
    assert throughput.of(1).rates == Rates(10.0, 10.0, 10_000.0, 10_000.0)


def test_one_counter_that_goes_back_is_enough() -> None:
    throughput = Throughput()
    throughput.read(0, {1: Counters(10, 10, 10, 10)})
    throughput.read(S, {1: Counters(20, 20, 20, 9)})
    assert throughput.of(1) == NOTHING


def test_interfaces_come_and_go() -> None:
    throughput = Throughput()
    throughput.read(0, {1: counted(0)})
    throughput.read(1 * S, {1: counted(1), 2: counted(50)})
    assert throughput.of(1).rates and throughput.of(2) == NOTHING
    throughput.read(2 * S, {2: counted(52)})
    assert throughput.of(1) == NOTHING
    assert throughput.of(2).rates == Rates(2.0, 2.0, 2000.0, 2000.0)
    throughput.read(3 * S, {1: counted(1_000_000), 2: counted(52)})
    assert throughput.of(1) == NOTHING
    throughput.read(4 * S, {})
    throughput.read(5 * S, {2: counted(60)})
    assert throughput.of(2) == NOTHING


def test_a_reading_handed_over_is_not_kept() -> None:
    throughput, counters = Throughput(), {1: counted(0)}
    throughput.read(0, counters)
    counters[1] = counted(10)
    throughput.read(S, counters)
    assert throughput.of(1).rates == Rates(10.0, 10.0, 10_000.0, 10_000.0)


@pytest.mark.parametrize(
    ("bytes_s", "level"),
    [
        (0, 0),
        (0.01, 1),
        (1_000, 1),
        (1_000.1, 2),
        (10_000, 2),
        (100_000, 3),
        (1e6, 4),
        (1e7, 5),
        (1e8, 6),
        (1e9, 7),
        (1.1e9, 8),
        (1e12, 8),
    ],
)
def test_levels_are_on_one_scale(bytes_s: float, level: int) -> None:
    assert level_of(bytes_s) == level


@given(
    st.lists(st.tuples(st.integers(1, 5), st.none() | st.integers(0, 10**10)), min_size=1, max_size=80),
    st.integers(0, 10**10),
)
def test_against_the_list_of_readings(steps: list[tuple[int, int | None]], first: int) -> None:
    """Seconds since the reading before, and what was counted by then; None: the interface is gone."""
    throughput = Throughput()
    throughput.read(0, {7: Counters(0, 0, first, 0)})
    now_s, before, levels, rate = 0, first, [0] * READINGS, None
    known: int | None = before
    for seconds, count in steps:
        now_s += seconds
        throughput.read(now_s * S, {} if count is None else {7: Counters(0, 0, count, 0)})
        if count is None or known is None:
            levels, rate = [0] * READINGS, None
        else:
            rate = (count - known) / seconds if count >= known else None
            levels = [*levels[1:], level_of(rate or 0)]
        known = count
        passed = throughput.of(7)
        assert (passed.rates.rx_bytes_s if passed.rates else None) == rate
        assert list(passed.levels) == levels
