"""Latencies for tests of charts, and charts as plain text."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from tests.core.handshakes import MS
from tui.core.histogram import bucket_of
from tui.core.runs import Line, text_of


def counts(*latencies_ns: float) -> dict[int, int]:
    """How many are in each bucket."""
    return Counter(bucket_of(int(each)) for each in latencies_ns)


def two_modes(number: int, share: float = 0.5) -> dict[int, int]:
    """Around 5 ms and, `share` of them, 80 ms."""
    rng = random.Random(7)
    return counts(
        *((80 if rng.random() < share else 5) * MS * rng.lognormvariate(0, 0.1) for _ in range(number))
    )


def texts(lines: Iterable[Line]) -> list[str]:
    return [text_of(line) for line in lines]
