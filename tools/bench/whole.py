"""What the whole process costs with the screen drawing once a second: processor time by handshake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import Screen, settled, watching

TARGETS_S = {1000: 2.5, 5000: 0.7, 20_000: 0.35}
_HOSTS = 1000
_PER = 100_000


def figures(effort: Effort) -> Iterator[Figure]:
    """At several rates; beside it what the same screen costs in that time with nothing coming."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        screen = settled(stack.enter_context(watching(pair)), effort)
        quiet = [_share(screen, effort.window_s) for _ in range(effort.windows)]
        for rate in effort.rates:
            with ExitStack() as load:
                generator = injected(load, pair, _HOSTS, rate)
                generator.start(effort.warm_up_s + effort.windows * effort.window_s * 2)
                screen.read(effort.warm_up_s)
                shares = [_share(screen, effort.window_s) for _ in range(effort.windows)]
                told = generator.stop()
            reached = told["count"] / told["seconds"]
            yield Figure(
                f"whole process, {rate:,} handshakes/s, {_HOSTS:,} hosts",
                f"CPU s per {_PER:,}",
                [share * _PER / reached for share in shares],
                "CPU s, nothing coming for as long",
                [share * _PER / rate for share in quiet],
                TARGETS_S.get(rate),
                {"handshakes/s": reached, "share of a core": shares},
            )


def _share(screen: Screen, seconds: float) -> float:
    """Of a core, that the process takes."""
    before = screen.cpu_s
    screen.read(seconds)
    return (screen.cpu_s - before) / seconds
