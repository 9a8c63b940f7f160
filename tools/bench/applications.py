"""What applications feel: how long connect() takes with the probe on its hooks and without, in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tools.bench.children import Generator
from tools.bench.connecting import connecting
from tools.bench.effort import Effort
from tools.bench.hooks import Hooks, hooks
from tools.bench.network import Pair
from tools.bench.report import Figure, quantile
from tools.bench.screen import Screen, settled, watching

TARGET = 1.10
_RATE, _HOSTS = 5000, 1000
_SLICE_S = 0.1
"""The probe is there so long, and is not: from second to second a virtual machine is quicker or slower by half."""
_CHANGING_S = 0.03
"""Before each, until it is at hand."""
_SLICES = 50
"""With and without, for a sample and each second of a window."""
_TURNS = 6
"""With the whole program and without, for a sample."""
_TURN_S = 1.0


class _Sample(NamedTuple):
    """How long each connect() took, ns."""

    with_it: list[int]
    without: tuple[list[int], list[int]]
    """Two halves: by what they differ is noise."""


def figures(effort: Effort) -> Iterator[Figure]:
    """The slowest of a hundred, and the median; beside it half of those without by the other half: what is noise."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = connecting(stack, pair, _HOSTS, _RATE)
        generator.run(_TURN_S)
        with watching(pair) as screen:
            settled(screen, effort)
            slices = max(2, round(effort.window_s * _SLICES))
            with hooks(pair, screen.pid) as ours:
                probe = [_sliced(screen, generator, ours, slices) for _ in range(effort.windows)]
        program = [_in_turns(pair, generator, effort) for _ in range(effort.windows)]
    yield from _told("connect()", probe)
    yield from _told("connect(), the whole program", program)


def _sliced(screen: Screen, generator: Generator, ours: Hooks, slices: int) -> _Sample:
    """The probe is there and is not, by turns, which come first by turns; the screen draws all the while."""

    def took_ns() -> list[int]:
        generator.start(_CHANGING_S + _SLICE_S)
        screen.read(_CHANGING_S + _SLICE_S)
        took: list[int] = generator.stop()["took_ns"]
        return took[int(_CHANGING_S * _RATE) :]

    sample = _Sample([], ([], []))
    for number in range(slices):
        for is_there in (True, False) if number % 2 else (False, True):
            if is_there:
                ours.hang()
                sample.with_it.extend(took_ns())
                ours.take_off()
            else:
                sample.without[number // 2 % 2].extend(took_ns())
    return sample


def _in_turns(pair: Pair, generator: Generator, effort: Effort) -> _Sample:
    """The program is started, and ended, each time."""
    sample = _Sample([], ([], []))
    turn_s = min(_TURN_S, effort.window_s)
    for number in range(_TURNS):
        sample.without[number % 2].extend(generator.run(turn_s)["took_ns"])
        with watching(pair) as screen:
            settled(screen, effort)
            generator.start(turn_s)
            screen.read(turn_s)
            sample.with_it.extend(generator.stop()["took_ns"])
    return sample


def _told(row: str, samples: Sequence[_Sample]) -> Iterator[Figure]:
    for name, q, target in (("p99", 0.99, TARGET), ("median", 0.5, None)):
        with_us = [quantile(each.with_it, q) / 1e3 for each in samples]
        without_us = [quantile([*each.without[0], *each.without[1]], q) / 1e3 for each in samples]
        yield Figure(
            f"{row}, {name}, {_RATE:,}/s",
            "times that without it",
            [one / other for one, other in zip(with_us, without_us, strict=True)],
            "times, without again",
            [quantile(each.without[1], q) / quantile(each.without[0], q) for each in samples],
            target,
            {"with it, us": with_us, "without it, us": without_us},
        )
