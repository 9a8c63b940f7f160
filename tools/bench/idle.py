"""What it costs when little happens: a thousand hosts known, ten handshakes a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import COLUMNS, LINES, Screen, settled, watching

CPU_TARGET_PERCENT, SENT_TARGET_KB = 2.0, 4.0
_HOSTS, _RATE = 1000, 10
_TEACHING_RATE = 20_000
_ROUNDS = 5


def figures(effort: Effort) -> Iterator[Figure]:
    """Processor and terminal; beside it a screen that knows nobody, and nothing coming."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        screen = settled(stack.enter_context(watching(pair)), effort)
        empty = [_costs(screen, effort.window_s) for _ in range(effort.windows)]
        injected(stack, pair, _HOSTS, _TEACHING_RATE).run(_ROUNDS * _HOSTS / _TEACHING_RATE)
        generator = injected(stack, pair, _HOSTS, _RATE)
        screen.read(effort.warm_up_s)
        generator.start(effort.windows * effort.window_s * 2)
        idle = [_costs(screen, effort.window_s) for _ in range(effort.windows)]
        generator.stop()
    case = f"{_HOSTS:,} hosts known, {_RATE} handshakes/s"
    beside = "with none and nothing coming"
    for row, unit, place, target in (
        (f"idle, {case}", "% of a core", 0, CPU_TARGET_PERCENT),
        (f"idle, {case}, to a {COLUMNS}x{LINES} terminal", "kB/s", 1, SENT_TARGET_KB),
    ):
        yield Figure(
            row, unit, [e[place] for e in idle], f"{unit}, {beside}", [e[place] for e in empty], target
        )


def _costs(screen: Screen, seconds: float) -> tuple[float, float]:
    """Per cent of a core; kB a second."""
    cpu_s, received = screen.cpu_s, screen.received
    screen.read(seconds)
    return (screen.cpu_s - cpu_s) / seconds * 100, (screen.received - received) / seconds / 1000
