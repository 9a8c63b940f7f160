"""Latencies for tests of charts, and charts as plain text."""

from __future__ import annotations

import random
from collections.abc import Iterable

from tests.core.handshakes import MS
from tui.core.histogram import Histogram
from tui.core.runs import Line, text_of


def counts(*latencies_ns: float) -> dict[int, int]:
    histogram = Histogram()
    for each in latencies_ns:
        histogram.add(int(each))
    return histogram.counts


def two_modes(number: int, share: float = 0.5) -> dict[int, int]:
    """Around 5 ms and, `share` of them, 80 ms."""
    rng = random.Random(7)
    return counts(
        *((80 if rng.random() < share else 5) * MS * rng.lognormvariate(0, 0.1) for _ in range(number))
    )


def texts(lines: Iterable[Line]) -> list[str]:
    return [text_of(line) for line in lines]
