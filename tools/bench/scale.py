"""Memory, and how long a redraw takes, with ever more remote hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from tools.bench.counted import Counted
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.network import Pair
from tools.bench.report import Figure

MEMORY_TARGET_MB = {100_000: 400.0}
REDRAW_TARGET_MS = 50.0
_TEACHING_RATE = 40_000
_RATE = 10_000
_EACH = 5
_HANDSHAKES_MAX = 1_000_000
"""So many at most make the hosts known: of a million, one each."""


class Size(NamedTuple):
    """Of a screen that knows so many hosts."""

    hosts: int
    memory_mb: float
    redraws_ms: list[float]
    stalls_ms: list[float]
    """Each second's longest."""
    each: int
    """Handshakes of each host."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Of many hosts, beside few."""
    few = _measure(effort.hosts[0], effort)
    for hosts in effort.hosts[1:]:
        many = _measure(hosts, effort)
        beside = f"with {few.hosts:,}"
        yield Figure(
            f"{hosts:,} hosts, {many.each} handshakes each: memory",
            "MB",
            [many.memory_mb],
            f"MB {beside}",
            [few.memory_mb],
            MEMORY_TARGET_MB.get(hosts),
        )
        yield Figure(
            f"{hosts:,} hosts, {_RATE:,} handshakes/s: a redraw",
            "ms",
            many.redraws_ms,
            f"ms {beside}",
            few.redraws_ms,
            REDRAW_TARGET_MS,
        )
        yield Figure(
            f"{hosts:,} hosts, {_RATE:,} handshakes/s: each second's longest stall of the screen",
            "ms",
            many.stalls_ms,
            f"ms {beside}",
            few.stalls_ms,
        )


def _measure(hosts: int, effort: Effort) -> Size:
    each = max(1, min(_EACH, _HANDSHAKES_MAX // hosts))
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        teacher = injected(stack, pair, hosts, _TEACHING_RATE)
        generator = injected(stack, pair, hosts, _RATE)
        counted = stack.enter_context(Counted(pair, effort))
        teaching_s = hosts * each / _TEACHING_RATE
        teacher.start(teaching_s)
        counted.screen.read(teaching_s + effort.warm_up_s)
        teacher.stop()
        seconds = effort.windows * max(1.1, effort.window_s)
        generator.start(seconds)
        counted.screen.read(effort.warm_up_s)
        began = time.monotonic()
        counted.screen.read(seconds - effort.warm_up_s)
        ended = time.monotonic()
        memory_mb = counted.screen.memory_bytes / 1e6
        generator.stop()
        count = counted.finish()
    redraws = [took for at, took in count.redraws_s if began <= at < ended]
    longest: dict[int, float] = {}
    for at, late in count.stalls_s:
        if began <= at < ended:
            longest[int(at - began)] = max(late, longest.get(int(at - began), 0.0))
    return Size(
        count.rows,
        memory_mb,
        [each_s * 1e3 for each_s in redraws],
        [late * 1e3 for late in longest.values()] or [0.0],
        each,
    )
