"""Slices of 5 s, the windows they make, and what a rate is an average of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.handshakes import MS, S, handshake
from tests.core.tallies import tally_of
from tui.core.trend import slice_of
from tui.core.window import COARSE, FINE_SLICES, Moment, Window, first_fine_slice, first_slice

LENGTHS = [(Window.MINUTE, 12), (Window.MINUTES_5, 60), (Window.MINUTES_15, 180)]


@pytest.mark.parametrize(
    ("latency_ns", "level"),
    [
        (1, 1),
        (300_000, 1),
        (305_000, 2),  # an edge is as exact as the buckets it lies in
        (MS, 2),
        (3 * MS, 3),
        (10 * MS, 4),
        (30 * MS, 5),
        (100 * MS, 6),
        (300 * MS, 7),
        (305 * MS, 8),
        (3600 * S, 8),
    ],
)
def test_levels_are_on_one_scale(latency_ns: int, level: int) -> None:
    tally = tally_of([handshake("::1", 10**4 * S, latency_ns), handshake("::1", 10**4 * S - 5 * S)])
    assert tally.levels(2000) == bytes(23) + bytes([level])
    assert tally.levels(2002) == bytes(21) + bytes([level, 0, 0])
    assert tally.levels(2024) == tally.levels(1999) == bytes(24)


@given(st.integers(0, 10**9), st.sampled_from(LENGTHS))
def test_a_window_is_as_long_as_it_says_less_half_a_minute_at_most(
    newest: int, window: tuple[Window, int]
) -> None:
    kind, slices = window
    first = first_slice(newest, kind)
    assert slices - COARSE < newest - first + 1 <= slices
    fine = first_fine_slice(newest)
    # It begins where what is kept does: with a slice, or a half minute.
    assert first >= fine or first % COARSE == 0 or fine == 0
    assert fine % COARSE == 0 and (newest - fine >= FINE_SLICES or fine == 0)


@given(st.integers(0, 10**15), st.integers(0, 10**13), st.sampled_from(Window))
def test_a_moment_goes_on(began_ns: int, after_ns: int, window: Window) -> None:
    moment = Moment.at(began_ns, window)
    assert moment.rate_s == 1
    assert moment.move_to(began_ns + after_ns) is (slice_of(began_ns) != slice_of(began_ns + after_ns))
    assert moment.slice == slice_of(moment.now_ns)
    minute = first_slice(moment.slice, Window.MINUTE)
    if window is Window.ALL:
        assert (moment.first_slice, moment.rate_first_slice) == (0, minute)
    else:
        assert moment.first_slice == moment.rate_first_slice == first_slice(moment.slice, window)


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
    for window in (Window.ALL, Window.MINUTE):
        moment = Moment.at(began_s * S, window)
        moment.move_to(int(now_s * S))
        assert moment.rate_s == seconds


@given(st.integers(60 * S, 10**6 * S), st.integers(1, 50), st.sampled_from(list(Window)[:3]))
def test_a_steady_stream_has_a_steady_rate(began_ns: int, tenths: int, window: Window) -> None:
    """Once the window has passed it is right to one handshake, wherever in a slice it is read."""
    period_ns = S * 10 // tenths
    moment = Moment.at(began_ns, window)
    length_ns = 301 * S if window is Window.MINUTES_5 else 61 * S
    for now_ns in range(began_ns + length_ns, began_ns + length_ns + 11 * S, 3_700_000_000):
        moment.move_to(now_ns)
        tally = tally_of([handshake("::1", ns, MS) for ns in range(began_ns, now_ns + 1, period_ns)])
        count = tally.recent(moment.rate_first_slice)
        assert abs(count - moment.rate_s * S / period_ns) <= 1.001
