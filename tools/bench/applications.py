"""What applications feel: how long connect() takes with the screen running and without, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

from tools.bench.connecting import connecting
from tools.bench.effort import Effort
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import settled, watching

TARGET = 1.10
_RATE, _HOSTS = 5000, 1000
_TIMES = 3


def figures(effort: Effort) -> Iterator[Figure]:
    """The slowest of a hundred, and the median; beside it two runs without, one by the other: what is noise."""
    with_it, without = [], []
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = connecting(stack, pair, _HOSTS, _RATE)
        # Short ones, and many: a virtual machine is quicker or slower by a third from one to the next.
        window_s = effort.window_s / _TIMES
        generator.run(window_s)
        for _ in range(effort.windows * _TIMES):
            without.append(generator.run(window_s))
            with watching(pair) as screen:
                settled(screen, effort)
                generator.start(window_s)
                screen.read(window_s)
                with_it.append(generator.stop())
        without.append(generator.run(window_s))
    for name, key, target in (("p99", "p99_ns", TARGET), ("median", "p50_ns", None)):
        # Each beside the mean of the runs before and behind it: what changes slowly is in both.
        ratios = [
            2 * watched[key] / (before[key] + behind[key])
            for watched, (before, behind) in zip(with_it, pairwise(without), strict=True)
        ]
        yield Figure(
            f"connect(), {name}, {_RATE:,}/s",
            "times that without it",
            ratios,
            "times, without again",
            [behind[key] / before[key] for before, behind in pairwise(without)],
            target,
            {"with us": [each[key] / 1e3 for each in with_it], "without us": [e[key] / 1e3 for e in without]},
        )
