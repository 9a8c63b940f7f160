"""What applications feel: how long connect() takes with the program at work and with all of it at rest, in turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
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
"""At work so long, then at rest: from second to second a virtual machine is quicker or slower by half."""
_WARM_UP_S = 1.0
_CHANGING_S = 0.03
"""Before each, until it is so."""
_SLICES = 50
"""Of either, for a sample and each second of a window."""


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
        generator.run(_WARM_UP_S)
        screen = settled(stack.enter_context(watching(pair)), effort)
        slices = max(2, round(effort.window_s * _SLICES))
        ours = stack.enter_context(hooks(pair, screen.pid))
        os.kill(screen.pid, signal.SIGSTOP)
        samples = [_sample(screen, generator, ours, slices) for _ in range(effort.windows)]
    for name, q, target in (("p99", 0.99, TARGET), ("median", 0.5, None)):
        with_us = [quantile(each.with_it, q) / 1e3 for each in samples]
        without_us = [quantile([*each.without[0], *each.without[1]], q) / 1e3 for each in samples]
        yield Figure(
            f"connect(), {name}, {_RATE:,}/s",
            "times that without it",
            [one / other for one, other in zip(with_us, without_us, strict=True)],
            "times, without again",
            [quantile(each.without[1], q) / quantile(each.without[0], q) for each in samples],
            target,
            {"with it, us": with_us, "without it, us": without_us},
        )


def _sample(screen: Screen, generator: Generator, ours: Hooks, slices: int) -> _Sample:
    """The probe hangs and the screen draws, or neither, by turns, which come first by turns; at rest first and last.

    A screen that is let go on takes its terminal anew and draws all of itself.
    """

    def took_ns() -> list[int]:
        generator.start(_CHANGING_S + _SLICE_S)
        screen.read(_CHANGING_S + _SLICE_S)
        took: list[int] = generator.stop()["took_ns"]
        return took[int(_CHANGING_S * _RATE) :]

    sample = _Sample([], ([], []))
    for number in range(slices):
        for is_at_work in (True, False) if number % 2 else (False, True):
            if is_at_work:
                os.kill(screen.pid, signal.SIGCONT)
                ours.hang()
                sample.with_it.extend(took_ns())
                ours.take_off()
                os.kill(screen.pid, signal.SIGSTOP)
            else:
                sample.without[number // 2 % 2].extend(took_ns())
    return sample
