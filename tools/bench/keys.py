"""From a key to what it does: the next interface watched; the cursor moved, while handshakes flow in."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import ExitStack

from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import OTHERS, OURS, Pair
from tools.bench.report import Figure, quantile
from tools.bench.screen import Screen, settled, watching

SWITCH_TARGET_S = 0.2
MEDIAN_TARGET_MS, P99_TARGET_MS = 10.0, 50.0
_HOSTS, _RATE = 10_000, 10_000
_ROUNDS = 5
_CURSOR = re.compile(rb"\x1b\[\d+;1?\dH\x1b\[(\d+;)*7[;m]")
"""The selected line is painted, in reverse; where it scrolled, from the first letter of the host that differs."""
_REDRAWN = re.compile(rb"conn/s")
"""The title is painted: so it was a redraw, which paints the selected line, too."""
_AFTER_REDRAW_S = 0.1
_PATIENCE_S = 5.0
_PAUSE_S = 0.2


def figures(effort: Effort) -> Iterator[Figure]:
    """The cursor's keys, down and up; first with nothing coming, then with load."""
    chance = random.Random(1)
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        generator = injected(stack, pair, _HOSTS, _RATE)
        screen = settled(stack.enter_context(watching(pair)), effort)
        yield _switched(screen, effort)
        generator.run(min(_HOSTS / _RATE, effort.window_s))
        screen.read(effort.settling_s)
        screen.press(b"j")
        quiet = _pressed(screen, chance, effort.presses)
        generator.start(effort.presses + _PATIENCE_S)
        screen.read(effort.warm_up_s)
        busy = _pressed(screen, chance, effort.presses)
        told = generator.stop()
    details = {"handshakes/s": told["count"] / told["seconds"]}
    size = -(-effort.presses // _ROUNDS)
    row = f"key to screen, {_RATE:,}/s into {_HOSTS:,} hosts"
    medians = [
        [quantile(times[begin : begin + size], 0.5) for begin in range(0, effort.presses, size)]
        for times in (busy, quiet)
    ]
    yield Figure(
        f"{row}, median", "ms", medians[0], "ms, nothing coming", medians[1], MEDIAN_TARGET_MS, details
    )
    yield Figure(
        f"{row}, p99",
        "ms",
        [quantile(busy, 0.99)],
        "ms, nothing coming",
        [quantile(quiet, 0.99)],
        P99_TARGET_MS,
    )


def _switched(screen: Screen, effort: Effort) -> Figure:
    """To the other interface and back; beside it a key that changes the title, too, but nothing in the kernel."""
    took, paused = [], []
    for _ in range(effort.starts):
        for key, name in ((b"b", OTHERS), (b"B", OURS)):
            began = screen.press(key)
            took.append(screen.until(re.compile(rb"%s (tcx|clsact)" % name.encode())) - began)
            screen.read(_PAUSE_S)
        began = screen.press(b" ")
        paused.append(screen.until(re.compile(rb"PAUSED")) - began)
        screen.press(b" ")
        screen.read(_PAUSE_S)
    return Figure("interface switch", "s", took, "s, the key that pauses", paused, SWITCH_TARGET_S)


def _pressed(screen: Screen, chance: random.Random, presses: int) -> list[float]:
    """Press at any moment; return how long each took, in ms."""
    found = []
    for number in range(presses):
        screen.read(chance.uniform(0.02, 0.08))
        found.append(_key_ms(screen, b"jk"[number % 2 : number % 2 + 1]))
    return found


def _key_ms(screen: Screen, key: bytes) -> float:
    """If a redraw came first, the key's own painting is what comes after it; unless both were painted at once."""
    began = screen.press(key)
    seen = screen.look_for(_CURSOR, _PATIENCE_S)
    if not seen.at:
        raise TimeoutError(f"a key was never answered, only {seen.written[-2000:]!r}")
    later = screen.look_for(_CURSOR, _AFTER_REDRAW_S) if _REDRAWN.search(seen.written) else seen
    return ((later.at or seen.at) - began) * 1e3
