"""How often the source is drained: so that a batch is worth its way to the screen, and keeps no key waiting."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual.message import Message

from bpf.event import Handshake, Records
from bpf.source import Batch, Names
from tests.core.handshakes import S, handshake
from tests.tui.played import Played
from tui.collector import BatchArrived, Collector, SourceFailed, WatchBegan
from tui.waiting import MOST

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
    ("rate", "wait_s"), [(0, 0.5), (10, 0.5), (1000, 0.5), (4000, 0.5), (20_000, 0.25), (100_000, 0.05)]
)
def test_it_is_drained_as_often_as_what_comes_makes_it_worth(rate: int, wait_s: float) -> None:
    source = Steady(rate)
    collector = Collector(lambda: source, lambda _: None)
    collector.run(lambda: len(source.waits_s) == DRAINS)
    assert source.waits_s[-1] == pytest.approx(wait_s)


@pytest.mark.parametrize(("redraw_interval_s", "wait_s"), [(0.2, 0.1), (0.01, 0.05), (60, 0.5)])
def test_it_is_drained_as_often_as_the_screen_is_drawn(redraw_interval_s: float, wait_s: float) -> None:
    source = Steady(0)
    collector = Collector(lambda: source, lambda _: None)
    collector.redraw_interval_s = redraw_interval_s
    collector.run(lambda: len(source.waits_s) == DRAINS)
    assert source.waits_s[-1] == pytest.approx(wait_s)


class Numbered(Played):
    """Handshakes by number, so many a drain."""

    def __init__(self, each: int) -> None:
        super().__init__()
        self.each = each
        self.drained = 0

    def drain(self, timeout_s: float) -> Batch:
        first = self.drained
        self.drained += self.each if timeout_s else 0
        made = Records.of([handshake("10.0.0.1", S)]).raw * (self.drained - first)
        return Batch(Records(made), [])


class Taking:
    """What a recorder is told."""

    def __init__(self) -> None:
        self.count = 0

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        self.count += len(batch.handshakes)


def test_what_a_busy_screen_has_not_taken_is_joined_and_the_recorder_has_it_at_once() -> None:
    posted: list[Message] = []
    source, recorder = Numbered(10), Taking()
    collector = Collector(lambda: source, posted.append, [recorder])
    rounds = iter(range(100))

    def is_over() -> bool:
        number = next(rounds)
        if number == 30:  # The screen has time again.
            assert recorder.count == source.drained == 300
            assert len(batches(posted)) < 10
            for _ in batches(posted):
                collector.taken()
        return number == 32

    collector.run(is_over)
    found = batches(posted)
    assert sum(map(len, found)) == source.drained == 320
    assert len(found) <= 12


def test_what_came_before_another_interface_is_told_before_it() -> None:
    posted: list[Message] = []
    source = Numbered(10)
    collector = Collector(lambda: source, posted.append)
    rounds = iter(range(100))

    def is_over() -> bool:
        number = next(rounds)
        if number == 20:
            collector.switch(["wlan0"])
        return number == 21

    collector.run(is_over)
    began = max(at for at, each in enumerate(posted) if isinstance(each, WatchBegan))
    assert sum(map(len, batches(posted[:began]))) == source.drained


def test_no_more_than_can_wait_is_fetched_from_the_source() -> None:
    posted: list[Message] = []
    source = Numbered(MOST // 4)
    collector = Collector(lambda: source, posted.append)
    rounds = iter(range(100))
    collector.run(lambda: next(rounds) == 20)
    assert sum(map(len, batches(posted))) + MOST == source.drained


def test_what_came_before_the_source_failed_is_told() -> None:
    posted: list[Message] = []
    source = Numbered(10)
    collector = Collector(lambda: source, posted.append)
    rounds = iter(range(100))

    def then_it_breaks() -> bool:
        if next(rounds) == 20:
            raise OSError("gone")
        return False

    collector.run(then_it_breaks)
    assert isinstance(posted[-1], SourceFailed)
    assert sum(map(len, batches(posted))) == source.drained


def batches(posted: list[Message]) -> list[Sequence[Handshake]]:
    return [each.handshakes for each in posted if isinstance(each, BatchArrived)]
