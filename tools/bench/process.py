"""What the whole process costs with the screen drawing once a second: at several rates, and when little happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import COLUMNS, LINES, Screen, settled, watching

TARGETS_S = {1000: 2.5, 5000: 0.7, 20_000: 0.35}
IDLE_TARGET_PERCENT, SENT_TARGET_KB = 2.0, 4.0
_HOSTS = 1000
_PER = 100_000
_IDLE_RATE = 10


class Cost(NamedTuple):
    """Of a second."""

    cpu_s: float
    sent_bytes: float
    """To the terminal."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Beside each what the same screen costs before it knows anybody, with nothing coming."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        screen = settled(stack.enter_context(watching(pair)), effort)
        quiet = [_cost(screen, effort.window_s) for _ in range(effort.windows)]
        for rate in effort.rates:
            costs, reached = _under_load(pair, screen, rate, effort)
            yield Figure(
                f"whole process, {rate:,} handshakes/s, {_HOSTS:,} hosts",
                f"CPU s per {_PER:,}",
                [each.cpu_s * _PER / reached for each in costs],
                "CPU s, nothing coming for as long",
                [each.cpu_s * _PER / rate for each in quiet],
                TARGETS_S.get(rate),
                {"handshakes/s": reached, "share of a core": [each.cpu_s for each in costs]},
            )
        costs, _ = _under_load(pair, screen, _IDLE_RATE, effort)
    case = f"idle, {_HOSTS:,} hosts known, {_IDLE_RATE} handshakes/s"
    beside = "nobody known, nothing coming"
    yield Figure(
        f"{case}: processor",
        "% of a core",
        [each.cpu_s * 100 for each in costs],
        f"%, {beside}",
        [each.cpu_s * 100 for each in quiet],
        IDLE_TARGET_PERCENT,
    )
    yield Figure(
        f"{case}: to a {COLUMNS}x{LINES} terminal",
        "kB/s",
        [each.sent_bytes / 1e3 for each in costs],
        f"kB/s, {beside}",
        [each.sent_bytes / 1e3 for each in quiet],
        SENT_TARGET_KB,
    )


def _under_load(pair: Pair, screen: Screen, rate: int, effort: Effort) -> tuple[list[Cost], float]:
    """What each window costs, and how many handshakes a second there were."""
    with ExitStack() as stack:
        generator = injected(stack, pair, _HOSTS, rate)
        generator.start(effort.warm_up_s + effort.windows * effort.window_s * 2)
        screen.read(effort.warm_up_s)
        costs = [_cost(screen, effort.window_s) for _ in range(effort.windows)]
        told = generator.stop()
    return costs, told["count"] / told["seconds"]


def _cost(screen: Screen, seconds: float) -> Cost:
    cpu_s, received = screen.cpu_s, screen.received
    screen.read(seconds)
    return Cost((screen.cpu_s - cpu_s) / seconds, (screen.received - received) / seconds)
