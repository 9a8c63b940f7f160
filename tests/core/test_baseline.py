"""Baselines: a change is said to be carried where there is one, and seldom where there is none."""

from __future__ import annotations

import random

import pytest

from tests.core.handshakes import MS
from tests.core.tallies import windowed
from tui.core.baseline import Change, change, interval_ns
from tui.core.figures import Figures

TRIALS = 400


def some(chance: random.Random, count: int, median_ns: float = 20 * MS) -> Figures:
    """Latencies as networks have them: of a long tail."""
    return windowed(int(median_ns * chance.lognormvariate(0, 0.5)) for _ in range(count))


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize(("before", "since"), [(200, 200), (100, 1000), (1000, 100)])
def test_chance_is_seldom_taken_for_a_change(q: float, before: int, since: int) -> None:
    chance = random.Random(1)
    found = [change(some(chance, before), some(chance, since), q) for _ in range(TRIALS)]
    assert sum(each is not None and each.is_carried for each in found) < 0.02 * TRIALS


@pytest.mark.parametrize(("q", "factor"), [(0.5, 0.5), (0.5, 2), (0.95, 0.25), (0.95, 4)])
def test_a_clear_change_is_carried_by_200(q: float, factor: float) -> None:
    chance = random.Random(2)
    for _ in range(50):
        found = change(some(chance, 200), some(chance, 200, 20 * MS * factor), q)
        assert found is not None and found.is_carried
        assert (found.ns > 0) is (factor > 1)


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("count", [200, 1000])
def test_the_interval_holds_the_true_quantile_19_times_of_20(q: float, count: int) -> None:
    chance = random.Random(3)
    true = 20 * MS * {0.5: 1.0, 0.95: 2.2760}[q]  # exp(0.5 * 1.6449)
    held = 0
    for _ in range(TRIALS):
        interval = interval_ns(some(chance, count), q)
        assert interval is not None
        held += interval[0] * 127 / 128 <= true <= interval[1] * 129 / 128
    assert held >= 0.93 * TRIALS


def test_few_carry_nothing() -> None:
    chance = random.Random(4)
    for count in range(1, 6):
        assert interval_ns(some(chance, count), 0.5) is None
    for count in range(1, 60):
        assert interval_ns(some(chance, count), 0.95) is None
    found = change(windowed([MS]), windowed([90 * MS]), 0.5)
    assert found is not None and not found.is_carried and found.ns > 80 * MS


def test_without_latencies_there_is_no_change() -> None:
    assert change(windowed([]), windowed([MS]), 0.5) is None
    assert change(windowed([MS]), windowed([]), 0.5) is None
    assert interval_ns(windowed([]), 0.5) is None


def test_what_stays_the_same_has_not_changed() -> None:
    assert change(windowed([MS] * 200), windowed([MS] * 200), 0.95) == Change(0, False)
