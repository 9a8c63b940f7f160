"""What open connections cost user space: the screen shows them, while all of them send."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from bpf.flows import SAMPLES_PER_S
from tools.bench.effort import Effort
from tools.bench.holding import holding
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import Screen, settled, watching

TARGET_PERCENT = 10.0
_HOSTS = 1000
_RATE = 20_000
_SHOW_THEM = b"f"


def figures(effort: Effort) -> Iterator[Figure]:
    """A share of a core; beside it that of the same screen while they are silent and it knows none of them."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generators = holding(stack, pair, effort.connections, _HOSTS, _RATE)
        screen = settled(stack.enter_context(watching(pair)), effort)
        screen.press(_SHOW_THEM)
        quiet = [_percent(screen, effort.window_s) for _ in range(effort.windows)]
        # Long enough for each of them to have sent, and to have been sampled.
        warm_up_s = max(effort.warm_up_s, 1.5 * effort.connections / SAMPLES_PER_S)
        for each in generators:
            each.start(warm_up_s + effort.windows * effort.window_s * 2)
        screen.read(warm_up_s)
        shares = [_percent(screen, effort.window_s) for _ in range(effort.windows)]
        told = [each.stop() for each in generators]
    yield Figure(
        f"{effort.connections:,} open connections, all sending, on the screen",
        "% of a core",
        shares,
        "%, silent and not known",
        quiet,
        TARGET_PERCENT,
        {"segments/s": sum(each["count"] / each["seconds"] for each in told)},
    )


def _percent(screen: Screen, seconds: float) -> float:
    cpu_s = screen.cpu_s
    screen.read(seconds)
    return (screen.cpu_s - cpu_s) * 100 / seconds
