"""Slices of 5 s against the plain list of events they sum up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.handshakes import MS, S
from tui.core.trend import RATE_SLICES, SLICES, Trend, level_of, rate_s, slice_of

STEPS = st.lists(
    st.tuples(st.integers(0, 30) | st.integers(-30, 0), st.integers(0, 8)), min_size=1, max_size=60
)


def run(steps: list[tuple[int, int]]) -> tuple[Trend, list[tuple[int, int]], int]:
    """Steps are from the newest slice so far: negative ones are late events."""
    newest = 1000
    trend = Trend(newest)
    events = []
    for step, level in steps:
        slice_ = newest + step
        newest = max(newest, slice_)
        trend.add(slice_, level)
        events.append((slice_, level))
    return trend, events, newest


@given(STEPS, st.integers(0, 40))
def test_levels_are_the_slowest_of_each_slice(steps: list[tuple[int, int]], later: int) -> None:
    trend, events, newest = run(steps)
    now = newest + later
    expected = [max((level for at, level in events if at == now - age), default=0) for age in range(SLICES)]
    assert list(trend.levels(now)) == expected[::-1]


@given(STEPS, st.integers(0, 40))
def test_recent_is_the_count_of_twelve_slices(steps: list[tuple[int, int]], later: int) -> None:
    trend, events, newest = run(steps)
    now = newest + later
    assert trend.recent(now) == sum(now - RATE_SLICES < at <= now for at, _ in events)


@given(STEPS, st.integers(1, 40))
def test_slices_that_are_yet_to_come_are_not_shown(steps: list[tuple[int, int]], ahead: int) -> None:
    trend, events, newest = run(steps)
    now = newest - ahead
    levels = trend.levels(now)
    assert len(levels) == SLICES
    kept = [age for age in range(SLICES) if now - age > newest - SLICES]
    assert trend.recent(now) == sum(at in range(max(now - 11, newest - 23), now + 1) for at, _ in events)
    for age in kept:
        assert levels[SLICES - 1 - age] == max((level for at, level in events if at == now - age), default=0)


@pytest.mark.parametrize(
    ("latency_ns", "level"),
    [
        (1, 1),
        (300_000, 1),
        (300_001, 2),
        (MS, 2),
        (3 * MS, 3),
        (10 * MS, 4),
        (30 * MS, 5),
        (100 * MS, 6),
        (300 * MS, 7),
        (300 * MS + 1, 8),
        (3600 * S, 8),
    ],
)
def test_levels_are_on_one_scale(latency_ns: int, level: int) -> None:
    assert level_of(latency_ns) == level


@pytest.mark.parametrize(
    ("now_s", "began_s", "seconds"),
    [
        (0.0, 0, 1.0),  # never less than a second
        (0.4, 0, 1.0),
        (2.5, 0, 2.5),  # young: since it began
        (58.0, 0, 58.0),
        (60.0, 0, 55.0),  # a slice has just begun: 11 whole ones
        (64.0, 0, 59.0),
        (64.0, 20, 44.0),
        (1.0, 5, 1.0),  # a recording older than the model
    ],
)
def test_a_rate_is_an_average_of_what_its_slices_cover(now_s: float, began_s: int, seconds: float) -> None:
    assert rate_s(int(now_s * S), began_s * S) == seconds


@given(st.integers(60 * S, 10**6 * S), st.integers(1, 50))
def test_a_steady_stream_has_a_steady_rate(began_ns: int, per_second: int) -> None:
    """Once a minute has passed it is right to one handshake, wherever in a slice it is read."""
    period_ns = S // per_second
    for now_ns in range(began_ns + 61 * S, began_ns + 72 * S, 1_700_000_000):
        trend = Trend(slice_of(began_ns))
        for time_ns in range(began_ns, now_ns + 1, period_ns):
            trend.add(slice_of(time_ns), 1)
        seconds = rate_s(now_ns, began_ns)
        assert abs(trend.recent(slice_of(now_ns)) - seconds * S / period_ns) <= 1.001
