"""Memory, and how long a redraw takes, with ever more remote hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from tools.bench.counted import Count, Counted
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure
from tui.core.cells import LIMIT

MEMORY_TARGET_MB = {100_000: 400.0}
REDRAW_TARGET_MS = 50.0
_TEACHING_RATE, _RATE = 20_000, 10_000
_REDRAW_S = 1.2
"""At least one is within."""
_EACH = 5
"""Handshakes of each host before that."""
_HANDSHAKES_MAX = 1_000_000
"""So many at most make the hosts known: of a million, one each."""
_KEPT_APART = LIMIT * 9 // 10
"""Of more hosts there are at least so many rows at any time."""


class Watched(NamedTuple):
    """When it knew so many hosts (CLOCK_MONOTONIC), and the memory it held then."""

    hosts: int
    began: float
    ended: float
    memory_mb: float


class Size(NamedTuple):
    """Of a screen that knows so many hosts."""

    hosts: int
    memory_mb: float
    redraws_ms: Sequence[float]
    stalls_ms: Sequence[float]


def figures(effort: Effort) -> Iterator[Figure]:
    """Of ever more hosts, in one process, beside few."""
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        counted = stack.enter_context(Counted(pair, effort))
        times = [_grow(pair, counted, hosts, effort) for hosts in effort.hosts]
        count = counted.finish()
    few, *others = [_size(each, count) for each in times]
    beside = f"with {few.hosts:,}"
    for many in others:
        name = f"{many.hosts:,} hosts"
        yield Figure(
            f"{name}: memory",
            "MB",
            [many.memory_mb],
            f"MB {beside}",
            [few.memory_mb],
            MEMORY_TARGET_MB.get(many.hosts),
        )
        for what, unit, samples, reference, target in (
            ("a redraw", "ms of CPU", many.redraws_ms, few.redraws_ms, REDRAW_TARGET_MS),
            ("each second's longest stall", "ms", many.stalls_ms, few.stalls_ms, None),
        ):
            case = f"{name}, {_RATE:,} handshakes/s: {what}"
            yield Figure(case, unit, samples, f"{unit} {beside}", reference, target)


def _grow(pair: Pair, counted: Counted, hosts: int, effort: Effort) -> Watched:
    """Let it know so many hosts; then watch it while handshakes of all of these come."""
    teaching_s = hosts * max(1, min(_EACH, _HANDSHAKES_MAX // hosts)) / _TEACHING_RATE
    with ExitStack() as stack:
        teacher = injected(stack, pair, hosts, _TEACHING_RATE)
        generator = injected(stack, pair, hosts, _RATE)
        teacher.start(teaching_s)
        counted.screen.read(teaching_s)
        teacher.stop()
        counted.knows(min(hosts, _KEPT_APART))
        seconds = effort.windows * max(_REDRAW_S, effort.window_s)
        # Of what came while it learned so many, each redraw is longer than the time until the next: that has to pass.
        warm_up_s = effort.warm_up_s + effort.window_s
        generator.start(warm_up_s + 2 * seconds)
        counted.screen.read(warm_up_s)
        began = time.monotonic()
        counted.screen.read(seconds)
        watched = Watched(hosts, began, time.monotonic(), counted.screen.memory_bytes / 1e6)
        generator.stop()
    return watched


def _size(watched: Watched, count: Count) -> Size:
    def meanwhile(found: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(at, took_s) for at, took_s in found if watched.began <= at < watched.ended]

    longest_s = {int(at - watched.began): 0.0 for at, _ in meanwhile(count.redraws_s)}
    for at, late_s in meanwhile(count.stalls_s):
        second = int(at - watched.began)
        longest_s[second] = max(late_s, longest_s.get(second, 0.0))
    redraws_ms = [took_s * 1e3 for _, took_s in meanwhile(count.redraws_s)]
    return Size(watched.hosts, watched.memory_mb, redraws_ms, [each * 1e3 for each in longest_s.values()])
