"""Thresholds: from where on, not only above."""

from __future__ import annotations

import pytest

from tui.core.thresholds import NO_THRESHOLDS, Thresholds

BOTH = Thresholds(80.0, 200.0)


@pytest.mark.parametrize(
    ("thresholds", "latency_ns", "level"),
    [
        (BOTH, None, ""),
        (BOTH, 0, ""),
        (BOTH, 79, ""),
        (BOTH, 80, "warn"),
        (BOTH, 199, "warn"),
        (BOTH, 200, "bad"),
        (Thresholds(warn_ns=80), 10**12, "warn"),
        (Thresholds(bad_ns=80), 79, ""),
        (Thresholds(bad_ns=80), 80, "bad"),
        (Thresholds(0, None), 0, "warn"),
        (NO_THRESHOLDS, 10**12, ""),
    ],
)
def test_levels(thresholds: Thresholds, latency_ns: float | None, level: str) -> None:
    assert thresholds.level_of(latency_ns) == level
