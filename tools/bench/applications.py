"""What applications feel: how long connect() takes with the screen running and without, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tools.bench.connecting import connecting
from tools.bench.effort import Effort
from tools.bench.network import Pair
from tools.bench.report import Figure, quantile
from tools.bench.screen import settled, watching

TARGET = 1.10
_RATE, _HOSTS = 5000, 1000
_TURNS = 6
"""With and without, for a sample: from one second to the next a virtual machine is quicker or slower by half."""
_TURN_S = 1.0


def figures(effort: Effort) -> Iterator[Figure]:
    """The slowest of a hundred, and the median; beside it half of those without by the other half: what is noise."""
    turn_s = min(_TURN_S, effort.window_s)
    watched, bare = [], []
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = connecting(stack, pair, _HOSTS, _RATE)
        generator.run(turn_s)
        for _ in range(effort.windows):
            with_it: list[int] = []
            without: list[list[int]] = [[], []]
            for turn in range(_TURNS):
                without[turn % 2] += generator.run(turn_s)["took_ns"]
                with watching(pair) as screen:
                    settled(screen, effort)
                    generator.start(turn_s)
                    screen.read(turn_s)
                    with_it += generator.stop()["took_ns"]
            watched.append(with_it)
            bare.append(without)
    for name, q, target in (("p99", 0.99, TARGET), ("median", 0.5, None)):
        with_us = [quantile(each, q) for each in watched]
        without_us = [quantile(one + other, q) for one, other in bare]
        yield Figure(
            f"connect(), {name}, {_RATE:,}/s",
            "times that without it",
            [one / other for one, other in zip(with_us, without_us, strict=True)],
            "times, without again",
            [quantile(other, q) / quantile(one, q) for one, other in bare],
            target,
            {
                "with it, us": [each / 1e3 for each in with_us],
                "without it, us": [each / 1e3 for each in without_us],
            },
        )
