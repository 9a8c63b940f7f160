"""How often the source is drained: so that a batch is worth its way to the screen, and keeps no key waiting."""

from __future__ import annotations

import pytest

from bpf.event import Records
from bpf.source import Batch
from tests.core.handshakes import S, handshake
from tests.tui.played import Played
from tui.collector import Collector

DRAINS = 6


class Steady(Played):
    """So many handshakes a second, in a time that does not pass."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.waits_s: list[float] = []

    def drain(self, timeout_s: float) -> Batch:
        if timeout_s:
            self.waits_s.append(timeout_s)
        count = round(self.rate * timeout_s)
        return Batch(Records(Records.of([handshake("10.0.0.1", S)]).raw * count), [])


@pytest.mark.parametrize(
    ("rate", "wait_s"), [(0, 0.25), (10, 0.25), (1000, 0.25), (4000, 0.25), (10_000, 0.2), (100_000, 0.05)]
)
def test_it_is_drained_as_often_as_what_comes_makes_it_worth(rate: int, wait_s: float) -> None:
    source = Steady(rate)
    collector = Collector(lambda: source, lambda _: None)
    collector.run(lambda: len(source.waits_s) == DRAINS)
    assert source.waits_s[-1] == pytest.approx(wait_s)
